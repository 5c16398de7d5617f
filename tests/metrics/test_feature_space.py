"""Measures in the feature space of a network, against SciPy, NumPy and theory."""

import copy
import pickle

import numpy as np
import pytest
import scipy.linalg
import scipy.spatial
import scipy.special
import torch
from torch import nn
from torchmetrics import MetricCollection

from chaos_lightning.functional import SampleCountError, share_on_manifold
from chaos_lightning.metrics import ConfidentShare, FeatureFrechetDistance, FeaturePrecision, FeatureRecall
from chaos_lightning.metrics.evaluation import evaluate, feature_measures
from chaos_lightning.metrics.feature_network import FeatureNetwork

SHAPE = (3, 5, 7)


class SmallClassifier(nn.Module):
    """A random convolution whose features are 11 rectified means, one of them never alive; three classes."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.convolution, self.head = nn.Conv2d(3, 11, 3), nn.Linear(11, 3)
        self.dropout = nn.Dropout(0.5)
        self.passes = 0
        with torch.no_grad():
            self.convolution.bias[4] = -100

    def forward(self, images):
        self.passes += 1
        return self.dropout(self.convolution(images).relu().mean((2, 3)))

    def logits(self, features):
        return 30 * self.head(features)


def images(count, seed, spread=1.0):
    return (torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(seed)) * 2 - 1) * spread


REAL, GENERATED = images(53, 1), images(47, 2, spread=0.7)


def both_features():
    network = SmallClassifier().eval()
    with torch.no_grad():
        return network(REAL).double().numpy(), network(GENERATED).double().numpy()


def test_frechet_distance_is_that_of_a_matrix_root():
    real, generated = both_features()
    covariances = [np.cov(features.T) for features in (real, generated)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = ((real.mean(0) - generated.mean(0)) ** 2).sum() + np.trace(sum(covariances) - 2 * root)
    metric = FeatureFrechetDistance(SmallClassifier(), SHAPE)
    for batch in REAL.split(20):
        metric.update(batch, real=True)
    metric.update(GENERATED.flatten(1), real=False)  # rows of pixels are images too
    value = metric.compute()
    assert value.dtype == torch.float64
    assert float(value) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_of_gaussian_pixels_is_the_one_in_closed_form():
    """Means 0.1 apart and standard deviations s and 2 s in each of 6 directions: 6 (0.1^2 + s^2)."""
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 200_000, 1, 2, 3, generator=generator, dtype=torch.float64) * 0.05
    metric = FeatureFrechetDistance(nn.Flatten(), (1, 2, 3))
    metric.update(first, real=True)
    metric.update(0.1 + 2 * second, real=False)
    assert float(metric.compute()) == pytest.approx(6 * (0.01 + 0.0025), rel=0.01)


def test_precision_and_recall_are_those_of_all_distances():
    real, generated = both_features()

    def share(points, centres, k=3):
        radii = np.sort(scipy.spatial.distance.cdist(centres, centres), axis=1)[:, k]
        return (scipy.spatial.distance.cdist(points, centres) <= radii).any(1).mean()

    values = evaluate(MetricCollection(feature_measures(SmallClassifier(), SHAPE)), REAL, GENERATED)
    assert values["feature_precision"] == share(generated, real)
    assert values["feature_recall"] == share(real, generated)
    assert 0 < values["feature_precision"] < 1


def test_confident_share_is_that_of_probabilities_above_nine_tenths():
    network = SmallClassifier().eval()
    with torch.no_grad():
        logits = network.logits(network(GENERATED)).double().numpy()
    expected = (scipy.special.softmax(logits, axis=1).max(1) > 0.9).mean()
    metric = ConfidentShare(SmallClassifier(), SHAPE)
    metric.update(REAL, real=True)  # ignored
    for batch in GENERATED.split(20):
        metric.update(batch, real=False)
    assert 0 < expected < 1
    assert float(metric.compute()) == pytest.approx(expected, abs=1e-12)


def test_equal_sets_have_no_distance_and_share_their_manifold():
    values = evaluate(MetricCollection(feature_measures(SmallClassifier(), SHAPE)), REAL, REAL)
    assert 0 <= values["feature_frechet_distance"] < 1e-6
    assert values["feature_precision"] == values["feature_recall"] == 1


def test_all_measures_of_a_network_take_one_pass_and_neither_mode_nor_precision_change_them():
    network = FeatureNetwork(SmallClassifier(), SHAPE)
    measures = MetricCollection(feature_measures(network, SHAPE))
    plain = evaluate(measures, REAL, GENERATED)
    measures.reset()
    before = network.network.passes
    measures.train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert evaluate(measures, REAL, GENERATED) == plain
    assert network.network.passes == before + 2
    assert not torch.is_grad_enabled() or not network(REAL).requires_grad


def test_a_network_that_is_no_classifier_has_the_other_measures():
    assert list(feature_measures(nn.Flatten(), SHAPE)) == [
        "feature_frechet_distance", "feature_precision", "feature_recall",
    ]  # fmt: skip
    assert list(feature_measures(nn.Flatten(), SHAPE, count=3)) == ["feature_frechet_distance"]
    with pytest.raises(ValueError, match="Flatten is no classifier: give it a method logits"):
        ConfidentShare(nn.Flatten(), SHAPE)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda metric: pickle.loads(pickle.dumps(metric))])
def test_copies_go_on_and_leave_the_original_alone(copied):
    measures = MetricCollection(feature_measures(SmallClassifier(), SHAPE))
    measures.update(REAL, real=True)
    other = copied(measures)
    for each in (measures, other):
        each.update(GENERATED, real=False)
    assert other.compute() == measures.compute()


def test_too_few_or_wrong_images_are_refused():
    metric = FeatureFrechetDistance(SmallClassifier(), SHAPE)
    assert metric(REAL, real=True).isnan()
    with pytest.raises(SampleCountError, match="got 53 real and 0 generated"):
        metric.compute()
    with pytest.raises(SampleCountError, match="no generated image"):
        ConfidentShare(SmallClassifier(), SHAPE).compute()
    with pytest.raises(ValueError, match="outside"):
        metric.update(2 * REAL, real=True)
    with pytest.raises(ValueError, match="pixels an image"):
        FeatureRecall(SmallClassifier(), SHAPE).update(REAL[:, :1], real=True)
    with pytest.raises(ValueError, match=r"a row of finite numbers for each image, \(N, D\), but Identity gives"):
        FeaturePrecision(nn.Identity(), SHAPE)
    with pytest.raises(ValueError, match="points have 2 dimensions, centres 3"):
        share_on_manifold(torch.zeros(5, 2), torch.zeros(5, 3))


def test_a_network_of_vectors_gets_vectors():
    vectors = torch.rand(20, 7, generator=torch.Generator().manual_seed(0)) * 2 - 1
    values = evaluate(MetricCollection(feature_measures(nn.Linear(7, 3), (7,))), vectors, vectors)
    assert values["feature_frechet_distance"] == pytest.approx(0, abs=1e-9)
    assert values["feature_precision"] == values["feature_recall"] == 1
