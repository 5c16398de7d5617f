"""Completions without a network, and the measures of completions, against direct computation."""

import itertools

import numpy as np
import pytest
import torch

from chaos_lightning.functional import (
    SampleCountError,
    completion_error,
    gaussian_completion,
    nearest_completion,
    pair_difference,
)

NUM_PIXELS = 7
HIDDEN = torch.tensor([True, False, False, True, False, True, False])


def correlated(count, seed):
    generator = np.random.default_rng(seed)
    mixing = np.random.default_rng(0).normal(size=(NUM_PIXELS, NUM_PIXELS))
    return torch.from_numpy(np.tanh(0.3 * generator.normal(size=(count, NUM_PIXELS)) @ mixing))


def test_gaussian_completion_is_the_conditional_mean():
    training, images = correlated(211, 1), correlated(13, 2)
    hidden = HIDDEN.numpy()
    mean, covariance = training.numpy().mean(axis=0), np.cov(training.numpy().T, bias=True)
    # the conditional mean by way of the precision matrix: mu_h - L_hh^-1 L_hg (x_g - mu_g)
    precision = np.linalg.inv(covariance)
    deviation = images.numpy()[:, ~hidden] - mean[~hidden]
    regression = np.linalg.solve(precision[np.ix_(hidden, hidden)], precision[np.ix_(hidden, ~hidden)])
    expected = images.numpy().copy()
    expected[:, hidden] = np.clip(mean[hidden] - deviation @ regression.T, -1, 1)
    completed = gaussian_completion(images.view(13, 1, 1, 7), HIDDEN, training)
    assert completed.shape == (13, 1, 1, 7)
    np.testing.assert_allclose(completed.view(13, 7).numpy(), expected, rtol=1e-9, atol=1e-12)


def test_given_pixels_that_never_change_predict_nothing():
    training, images = correlated(211, 1), correlated(13, 2)
    constant = torch.cat([training, torch.full((211, 1), -1.0)], dim=1)
    shown = torch.cat([images, torch.linspace(-1, 1, 13).unsqueeze(1)], dim=1)
    hidden = torch.cat([HIDDEN, torch.tensor([False])])
    completed = gaussian_completion(shown, hidden, constant)
    torch.testing.assert_close(completed[:, :7], gaussian_completion(images, HIDDEN, training))


def test_nearest_completion_is_that_of_brute_force():
    training, images = correlated(53, 1), correlated(13, 2)
    for image, completed in zip(images, nearest_completion(images, HIDDEN, training), strict=True):
        distances = [float((image - other)[~HIDDEN].square().sum()) for other in training]
        nearest = training[int(np.argmin(distances))]
        assert torch.equal(completed, torch.where(HIDDEN, nearest, image))


def test_error_and_pair_difference_are_root_mean_squares_over_hidden_pixels():
    completions, originals = torch.rand(3, 5, NUM_PIXELS), torch.rand(3, NUM_PIXELS)
    hidden = HIDDEN.numpy()
    rows, targets = completions.double().numpy()[..., hidden], originals.double().numpy()[..., hidden]
    squares = [(rows[image, sample] - targets[image]) ** 2 for image in range(3) for sample in range(5)]
    assert completion_error(completions, originals, HIDDEN).item() == pytest.approx(np.mean(squares) ** 0.5, rel=1e-12)
    pairs = [(image[a] - image[b]) ** 2 for image in rows for a, b in itertools.combinations(range(5), 2)]
    assert pair_difference(completions, HIDDEN).item() == pytest.approx(np.mean(pairs) ** 0.5, rel=1e-12)


def test_a_draw_from_the_true_distribution_differs_from_others_as_from_the_original():
    """Why the two figures stand side by side: for independent draws they agree."""
    draws = torch.randn(2000, 9, NUM_PIXELS, generator=torch.Generator().manual_seed(0))
    error = completion_error(draws[:, 1:], draws[:, 0], HIDDEN)
    assert error.item() == pytest.approx(pair_difference(draws[:, 1:], HIDDEN).item(), rel=0.02)
    assert error.item() == pytest.approx(2**0.5, rel=0.02)


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(SampleCountError, match="two samples a group"):
        pair_difference(torch.rand(3, 1, NUM_PIXELS), HIDDEN)
    with pytest.raises(ValueError, match="6 pixels an image"):
        gaussian_completion(torch.zeros(3, 6), HIDDEN, torch.zeros(5, NUM_PIXELS))
    with pytest.raises(ValueError, match="hidden has 6 values"):
        nearest_completion(torch.zeros(3, NUM_PIXELS), HIDDEN[:6], torch.zeros(5, NUM_PIXELS))
