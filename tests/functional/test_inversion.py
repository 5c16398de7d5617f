import pytest
import torch

from chaos_lightning.functional import SampleCountError, inverted_share


def test_inverted_images_are_told_from_grey_and_from_usual_ones():
    real = torch.linspace(-0.9, -0.5, 101)
    assert inverted_share(real, real) < 0.03
    assert inverted_share(real, -real[1:-1]) == 1
    assert inverted_share(real, torch.zeros(7)) == 0
    assert inverted_share(real, torch.full((7,), -1.0)) == 0


def test_where_both_readings_suit_nothing_is_inverted():
    real = torch.linspace(-0.5, 0.5, 101)
    assert inverted_share(real, -real[1:-1]) == 0


def test_bright_data_have_dark_negatives():
    assert inverted_share(torch.linspace(0.5, 0.9, 101), torch.tensor([-0.7, 0.7])) == 0.5


@pytest.mark.parametrize("counts", [(0, 3), (3, 0), (1, 3)])
def test_too_few_images(counts):
    with pytest.raises(SampleCountError):
        inverted_share(torch.zeros(counts[0]), torch.zeros(counts[1]))
