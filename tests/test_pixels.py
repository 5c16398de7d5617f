import pytest
import torch

from chaos_lightning.pixels import to_pixels, to_rates

ALL = torch.arange(256, dtype=torch.uint8)


def test_every_pixel_has_its_rate():
    rates = to_rates(ALL)
    assert rates.dtype == torch.float32
    assert rates[0] == -1
    assert rates[255] == 1
    torch.testing.assert_close(rates.double(), ALL.double() / 127.5 - 1, atol=1e-7, rtol=0)


def test_pixels_stay_as_they_are():
    pixels = ALL.clone()
    to_rates(pixels)
    assert torch.equal(pixels, ALL)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_pixel_comes_back(dtype):
    assert torch.equal(to_pixels((ALL / 127.5 - 1).to(dtype)), ALL)
    assert torch.equal(to_pixels(to_rates(ALL).to(dtype)), ALL)


def test_ends_of_the_range_and_rounding():
    edge = torch.tensor([-1.0, 1.0, -1.0 - 1e-7, 1.0 + 1e-7, 0.99, -0.99])
    assert to_pixels(edge).tolist() == [0, 255, 0, 255, 254, 1]
