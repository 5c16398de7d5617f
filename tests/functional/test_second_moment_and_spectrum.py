import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chaos_lightning.functional import SampleCountError, second_moment_error, spectrum_error

MEASURES = [second_moment_error, spectrum_error]
NUM_PIXELS = 13


def images(count, seed, spread=1.0):
    return (torch.rand(count, NUM_PIXELS, generator=torch.Generator().manual_seed(seed)) * 2 - 1) * spread


def second_moment_by_numpy(real, generated):
    difference = np.cov(real.double().numpy().T, ddof=0) - np.cov(generated.double().numpy().T, ddof=0)
    pixels = len(difference)
    pairs = [difference[i, j] ** 2 for i in range(pixels) for j in range(i + 1, pixels)]
    return 2 / (pixels * (pixels - 1)) * sum(pairs)


def singular_values(rows):
    rows = rows.double().numpy()
    values = np.linalg.svd(rows - rows.mean(0), compute_uv=False) / np.sqrt(len(rows))
    return np.pad(values, (0, rows.shape[1] - len(values)))


def spectrum_by_numpy(real, generated):
    return np.mean((singular_values(real) - singular_values(generated)) ** 2)


REFERENCES = [(second_moment_error, second_moment_by_numpy), (spectrum_error, spectrum_by_numpy)]


@pytest.mark.parametrize(("measure", "reference"), REFERENCES)
@pytest.mark.parametrize("counts", [(53, 53), (53, 29), (5, 7), (2, 2)])
def test_agrees_with_numpy(measure, reference, counts):
    real, generated = images(counts[0], 1), images(counts[1], 2, spread=0.7)
    np.testing.assert_allclose(measure(real, generated), reference(real, generated), rtol=1e-10)


@pytest.mark.parametrize(("measure", "reference"), REFERENCES)
def test_low_precision_modes_change_nothing(measure, reference, low_precision):
    real, generated = images(53, 1), images(29, 2, spread=0.7)
    error = measure(real.to(low_precision), generated.to(low_precision)).cpu()
    np.testing.assert_allclose(error, reference(real, generated), rtol=1e-10)


@pytest.mark.parametrize("measure", MEASURES)
def test_shapes_and_order_do_not_matter(measure):
    real, generated = images(29, 1), images(31, 2)
    value = measure(real, generated)
    order = torch.randperm(29, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(measure(real.view(29, 1, 13, 1)[order], generated), value, rtol=1e-12, atol=0)
    torch.testing.assert_close(measure(generated, real), value, rtol=1e-12, atol=0)


@pytest.mark.parametrize("measure", MEASURES)
def test_identical_sets_give_zero(measure):
    assert measure(images(29, 1), images(29, 1)) == 0


@pytest.mark.parametrize(("measure", "reference"), REFERENCES)
@pytest.mark.parametrize("value", [0.0, 0.3, -1.0])
def test_deficient_rank_is_no_trouble(measure, reference, value):
    real, constant = images(10, 1), torch.full((10, NUM_PIXELS), value)
    for pair in ((real, constant), (constant, real), (constant, constant)):
        error = measure(*pair)
        assert error.dtype == torch.float64
        assert torch.isfinite(error)
        assert error >= 0
        np.testing.assert_allclose(error, reference(*pair), rtol=1e-10, atol=1e-25)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_dtypes(measure, dtype):
    real, generated = images(29, 1).to(dtype), images(31, 2).to(dtype)
    torch.testing.assert_close(measure(real, generated), measure(real.double(), generated.double()))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("counts", [(0, 5), (1, 5), (5, 1)])
def test_too_few_images(measure, counts):
    with pytest.raises(SampleCountError, match="at least 2"):
        measure(images(counts[0], 1), images(counts[1], 2))


def test_one_pixel_has_no_covariance_with_another():
    with pytest.raises(ValueError, match="two pixels"):
        second_moment_error(torch.zeros(5, 1), torch.zeros(5, 1))


@given(arrays(np.float32, (2, 5, 3), elements=st.floats(-1, 1, width=32)))
@example(np.float32([[[0, 0, 0], [0, 1, 0], *3 * [[1e-8] * 3]], [[1, 0, 0], [0, 1, 0], *3 * [[0] * 3]]]))
@settings(max_examples=30, deadline=None)
def test_any_images_give_a_finite_error(pair):
    real, generated = torch.from_numpy(pair)
    # Roots of eigenvalues are no nearer to singular values than 1e-8 of the largest, whatever the least are.
    for (measure, reference), atol in zip(REFERENCES, (1e-14, 1e-7), strict=True):
        error = measure(real, generated)
        assert error >= 0
        np.testing.assert_allclose(error, reference(real, generated), rtol=1e-8, atol=atol)
