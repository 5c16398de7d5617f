import pytest
import torch

from chaos_lightning.functional.checks import SampleCountError, as_image_rows, as_rows, image_pair


def test_rows_are_flattened_and_keep_float64():
    assert as_rows(torch.zeros(3, 1, 5, 7)).shape == (3, 35)
    assert as_rows(torch.zeros(3, 5, dtype=torch.float64)).dtype == torch.float64
    assert as_rows(torch.zeros(3, 5, dtype=torch.bfloat16)).dtype == torch.float32
    assert as_rows(torch.zeros(0, 5, 7)).shape == (0, 35)
    assert not as_rows(torch.zeros(3, 5, requires_grad=True)).requires_grad


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool, torch.complex64])
def test_other_dtypes_are_refused_with_a_way_out(dtype):
    with pytest.raises(TypeError, match=r"\[-1, 1\].*127\.5 - 1"):
        as_image_rows(torch.zeros(3, 5, dtype=dtype))


def test_what_is_no_tensor_is_refused():
    with pytest.raises(TypeError, match="ndarray"):
        as_rows(torch.zeros(3, 5).numpy())


@pytest.mark.parametrize("shape", [(), (5,), (5, 0)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        as_rows(torch.zeros(shape))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_values_that_are_not_finite_are_counted(bad):
    images = torch.zeros(3, 5)
    images[1, 2] = images[2, 4] = bad
    with pytest.raises(ValueError, match="2 NaN or infinite values out of 15"):
        as_image_rows(images)


@pytest.mark.parametrize("images", [torch.full((3, 5), 255.0), torch.full((3, 5), -1.01), torch.full((3, 5), 1.001)])
def test_pixels_out_of_range_are_refused(images):
    with pytest.raises(ValueError, match=r"outside \[-1, 1\].*127\.5"):
        as_image_rows(images)


def test_rounding_at_the_edge_is_allowed():
    edge = torch.nextafter(torch.ones(3, 5), torch.tensor(2.0))
    assert as_image_rows(edge).max() > 1


def test_number_of_pixels():
    with pytest.raises(ValueError, match="5 pixels an image"):
        as_image_rows(torch.zeros(3, 5), num_pixels=7)
    with pytest.raises(ValueError, match="5 pixels, generated ones 7"):
        image_pair(torch.zeros(3, 5), torch.zeros(3, 7))


def test_numbers_of_images():
    with pytest.raises(SampleCountError, match="at least 2"):
        image_pair(torch.zeros(1, 5), torch.zeros(3, 5))
    with pytest.raises(SampleCountError, match="must be equal, got 3 real and 2 generated"):
        image_pair(torch.zeros(3, 5), torch.zeros(2, 5), equal=True)
