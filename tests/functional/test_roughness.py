"""Roughness against SciPy's convolution, and against theory."""

import numpy as np
import pytest
import scipy.signal
import torch

from chaos_lightning import MNISTDataModule
from chaos_lightning.functional import SampleCountError, roughness, squared_laplacian
from chaos_lightning.metrics import Roughness

KERNEL = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])


@pytest.mark.parametrize("shape", [(5, 7), (1, 5, 7), (3, 5, 7)])
def test_squared_laplacians_are_those_of_a_convolution(shape):
    images = np.random.default_rng(0).uniform(-1, 1, (11, *shape))
    channels = images.reshape(11, -1, *shape[-2:])
    expected = [
        np.mean([scipy.signal.convolve2d(channel, KERNEL, mode="valid") ** 2 for channel in image])
        for image in channels
    ]
    np.testing.assert_allclose(squared_laplacian(torch.from_numpy(images)).numpy(), expected, rtol=1e-13)


def test_independent_pixels_have_twenty_times_their_variance():
    """Four neighbours of weight 1 and the pixel itself of weight -4: 4 + 16."""
    noise = torch.randn(400, 1, 30, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.1
    assert float(squared_laplacian(noise).mean()) == pytest.approx(20 * 0.01, rel=0.02)


def test_grain_is_above_one_and_blur_below():
    images = MNISTDataModule().test.images[:200].double()
    noise = torch.randn(images.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    grainy = images + 0.1 * noise
    blurred = torch.nn.functional.avg_pool2d(images, 3, stride=1, padding=1)
    assert roughness(images, images) == 1
    assert roughness(images, -images) == 1
    added = 20 * 0.01 / squared_laplacian(images).mean()
    assert float(roughness(images, grainy)) == pytest.approx(float(1 + added), rel=0.02)
    assert roughness(images, blurred) < 0.3


def test_the_metric_is_the_function_of_all_batches():
    real, generated = torch.rand(2, 23, 1, 5, 7, generator=torch.Generator().manual_seed(0)) * 2 - 1
    metric = Roughness((1, 5, 7))
    for images, is_real in ((real, True), (generated, False)):
        for batch in images.split(9):
            metric.update(batch, real=is_real)
    assert metric.compute() == pytest.approx(float(roughness(real, generated)), rel=1e-14)


def test_what_has_no_roughness_is_refused():
    flat = torch.zeros(3, 1, 5, 5)
    with pytest.raises(ValueError, match="no real image has neighbouring pixels that differ"):
        roughness(flat, flat)
    with pytest.raises(ValueError, match="3 x 3 or more"):
        squared_laplacian(torch.zeros(3, 25))
    with pytest.raises(SampleCountError, match="on both sides, got 3 and 0"):
        roughness(flat, flat[:0])


def test_colours_are_rough_channel_by_channel():
    """No Laplacian reaches from one channel into another: that of colours is the mean over channels."""
    images = torch.rand(5, 3, 4, 6, generator=torch.Generator().manual_seed(0)) * 2 - 1
    by_channel = torch.stack([squared_laplacian(images[:, channel]) for channel in range(3)])
    torch.testing.assert_close(squared_laplacian(images), by_channel.mean(0))
