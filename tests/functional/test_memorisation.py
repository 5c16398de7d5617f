import pytest
import torch
from scipy.spatial.distance import cdist

from chaos_lightning.functional import SampleCountError, near_copy_share, training_distances


def images(count, seed):
    return torch.rand(count, 13, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_training_distances_agree_with_scipy():
    found, training = images(29, 1), images(53, 2)
    expected = torch.from_numpy(cdist(found.double(), training.double()).min(1))
    torch.testing.assert_close(training_distances(found, training), expected)


def test_copies_are_found_and_new_images_are_not():
    training, held_out = images(211, 1), training_distances(images(199, 2), images(211, 1))
    copies = training[:50] + 1e-3 * images(50, 3)
    assert near_copy_share(held_out, training_distances(training[:50], training)) == 1
    assert near_copy_share(held_out, training_distances(copies.clamp(-1, 1), training)) == 1
    assert near_copy_share(held_out, training_distances(images(199, 4), training)) < 0.05


def test_the_line_is_the_quantile_of_held_out_distances():
    held_out = torch.arange(1.0, 101.0)
    assert near_copy_share(held_out, torch.tensor([0.5, 1.0, 1.5, 9.0])) == 0.5
    assert near_copy_share(held_out, torch.tensor([0.5, 1.0, 1.5, 9.0]), quantile=0.1) == 1
    torch.testing.assert_close(near_copy_share(held_out, held_out).item(), 0.01)


@pytest.mark.parametrize("counts", [(0, 3), (3, 0), (1, 3)])
def test_too_few_images(counts):
    with pytest.raises(SampleCountError):
        near_copy_share(torch.zeros(counts[0]), torch.zeros(counts[1]))
