"""Every measure on halves of real MNIST, against NumPy, SciPy and zlib."""

import zlib

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torchvision.datasets import MNIST, FashionMNIST

from chaos_lightning.metrics import (
    AdversarialAccuracyIndicator,
    ClassBalanceError,
    ClassCoverage,
    InvertedShare,
    ManifoldPrecision,
    ManifoldRecall,
    NearCopyShare,
    RelativeEntropyError,
    SecondMomentError,
    SpectrumError,
)

HALF = 499  # brute force in float64 is what takes the time here


def pixels(dataset, chosen):
    return dataset.data[chosen].unsqueeze(1).float() / 127.5 - 1


@pytest.fixture(scope="module")
def order():
    return torch.randperm(10_000, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def halves(full_data, order):
    mnist = MNIST(full_data, train=False, download=False)
    return pixels(mnist, order[:HALF]), pixels(mnist, order[HALF : 2 * HALF])


def value(metric, real, generated):
    for part in real.split(101):
        metric.update(part, real=True)
    for part in generated.split(211):
        metric.update(part, real=False)
    return metric.compute().item()


def as_numpy(images):
    return images.flatten(1).double().numpy()


def test_second_moment(halves):
    difference = np.subtract(*(np.cov(as_numpy(half).T, ddof=0) for half in halves))
    expected = (difference[np.triu_indices(784, 1)] ** 2).sum() * 2 / (784 * 783)
    assert value(SecondMomentError(), *halves) == pytest.approx(expected, rel=1e-10)


def test_spectrum(halves):
    spectra = []
    for half in map(as_numpy, halves):
        values = np.linalg.svd(half - half.mean(0), compute_uv=False) / np.sqrt(HALF)
        spectra.append(np.pad(values, (0, 784 - HALF)))
    expected = (np.subtract(*spectra) ** 2).mean()
    assert value(SpectrumError(), *halves) == pytest.approx(expected, rel=1e-10)


def test_relative_entropy(halves, full_data, order):
    """The 8-bit files themselves are what must come out of the quantisation."""
    raw = MNIST(full_data, train=False, download=False).data.numpy()
    sizes = []
    for chosen in (order[:HALF], order[HALF : 2 * HALF]):
        compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
        sizes.append(len(compressor.compress(raw[chosen].tobytes()) + compressor.flush()))
    assert value(RelativeEntropyError(), *halves) == pytest.approx((sizes[1] / sizes[0] - 1) ** 2, rel=1e-12)


def test_adversarial_accuracy(halves):
    both = np.concatenate([as_numpy(half) for half in halves])
    table = cdist(both, both)
    np.fill_diagonal(table, np.inf)
    to_real, to_generated = table[:, :HALF].min(1), table[:, HALF:].min(1)
    real_votes = np.where(to_real == to_generated, 0.5, to_real < to_generated)
    accuracies = real_votes[:HALF].mean(), 1 - real_votes[HALF:].mean()
    expected = sum((accuracy - 0.5) ** 2 for accuracy in accuracies) / 2
    assert value(AdversarialAccuracyIndicator(), *halves) == pytest.approx(expected, rel=1e-12)


def test_manifolds(halves):
    real, generated = map(as_numpy, halves)
    radii = [np.sort(cdist(half, half), 1)[:, 3] for half in (real, generated)]
    table = cdist(generated, real)
    assert value(ManifoldPrecision(), *halves) == pytest.approx((table <= radii[0]).any(1).mean())
    assert value(ManifoldRecall(), *halves) == pytest.approx((table <= radii[1][:, None]).any(0).mean())


def test_classes_and_copies(halves, full_data):
    mnist = MNIST(full_data, download=False)
    training, labels = pixels(mnist, slice(3001)), mnist.targets[:3001]
    table = [cdist(as_numpy(half), as_numpy(training)) for half in halves]
    counts = np.bincount(labels.numpy()[table[1].argmin(1)], minlength=10)
    expected = np.abs(counts / HALF - np.bincount(labels) / 3001).sum() / 2
    assert value(ClassBalanceError(training, labels), *halves) == pytest.approx(expected)
    assert value(ClassCoverage(training, labels), *halves) == 10
    assert value(ClassCoverage(training, labels), halves[0], halves[1][:1].expand(50, -1, -1, -1)) == 1

    line = np.sort(table[0].min(1))[int(0.01 * (HALF - 1))]
    expected = (table[1].min(1) <= line).mean()
    assert value(NearCopyShare(training), *halves) == pytest.approx(expected)
    assert expected < 0.05
    assert value(NearCopyShare(training), halves[0], training[:HALF]) == 1


@pytest.mark.parametrize(("dataset", "least"), [(MNIST, 0.99), (FashionMNIST, 0.5)])
def test_negatives(dataset, least, full_data):
    held_out, training = (pixels(dataset(full_data, train, download=False), slice(10_000)) for train in (False, True))
    assert value(InvertedShare(), held_out, training) < 0.001
    assert value(InvertedShare(), held_out, -training) > least
