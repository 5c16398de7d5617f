import numpy as np
import pytest
import torch

from chaos_lightning import FashionMNISTDataModule, MNISTDataModule
from chaos_lightning.functional import SampleCountError, neighbour_correlation


def test_agrees_with_a_sum_over_pairs():
    images = torch.rand(11, 1, 3, 5, generator=torch.Generator().manual_seed(0)) * 2 - 1
    deviations = images.squeeze(1).double().numpy()
    deviations = deviations - deviations.mean(axis=0)
    rows = [deviations[:, i, j] * deviations[:, i, j + 1] for i in range(3) for j in range(4)]
    columns = [deviations[:, i, j] * deviations[:, i + 1, j] for i in range(2) for j in range(5)]
    expected = (np.mean(rows) + np.mean(columns)) / 2 / np.mean(deviations**2)
    assert float(neighbour_correlation(images)) == pytest.approx(expected, rel=1e-12)


def test_is_that_of_a_process_whose_correlation_is_known():
    """An average of two neighbouring white pixels correlates by 1/2 with the next in a row, by 0 with the one below."""
    white = torch.randn(400, 30, 31, generator=torch.Generator().manual_seed(1))
    assert float(neighbour_correlation(white)) == pytest.approx(0, abs=5e-3)
    assert float(neighbour_correlation(white[..., 1:] + white[..., :-1])) == pytest.approx(0.25, abs=5e-3)


@pytest.mark.parametrize(("data", "expected"), [(MNISTDataModule, 0.77), (FashionMNISTDataModule, 0.85)])
def test_real_images_are_smooth_and_contrast_does_not_matter(data, expected):
    images = data().test.images
    correlation = float(neighbour_correlation(images))
    assert correlation == pytest.approx(expected, abs=0.01)
    assert float(neighbour_correlation(-0.3 * images)) == pytest.approx(correlation, abs=1e-6)


def test_identical_images_are_no_noise_and_bad_input_is_refused():
    assert neighbour_correlation(torch.ones(3, 4, 4)) == 1
    with pytest.raises(SampleCountError):
        neighbour_correlation(torch.ones(1, 4, 4))
    with pytest.raises(ValueError, match="height, width"):
        neighbour_correlation(torch.ones(4, 16))
