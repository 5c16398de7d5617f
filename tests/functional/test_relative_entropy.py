import zlib

import numpy as np
import pytest
import torch

from chaos_lightning.functional import SampleCountError, deflated_size, entropy_ratio, relative_entropy_error


def images(count, seed, spread=1.0):
    return (torch.rand(count, 13, generator=torch.Generator().manual_seed(seed)) * 2 - 1) * spread


def size_by_numpy(rows):
    raw = np.round((rows.double().numpy() + 1) * 127.5).astype(np.uint8).tobytes()
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    return len(compressor.compress(raw) + compressor.flush())


def test_agrees_with_zlib():
    real, generated = images(53, 1), images(53, 2, spread=0.1)
    ratio = size_by_numpy(generated) / size_by_numpy(real) - 1
    assert deflated_size(real) == size_by_numpy(real)
    assert entropy_ratio(real, generated) == ratio
    assert ratio < 0
    assert relative_entropy_error(real, generated) == ratio**2


def test_identical_sets_give_zero():
    assert relative_entropy_error(images(29, 1), images(29, 1)) == 0


def test_constant_images_divide_by_no_zero():
    constant = -torch.ones(10, 13)
    assert relative_entropy_error(constant, constant) == 0
    assert torch.isfinite(relative_entropy_error(constant, images(10, 1)))
    assert -1 < entropy_ratio(images(10, 1), constant) < 0


def test_layout_of_an_image_does_not_matter():
    real = images(12, 1)
    assert deflated_size(real.view(12, 1, 13, 1)) == deflated_size(real)
    assert deflated_size(real.T.contiguous().T) == deflated_size(real)


@pytest.mark.parametrize("counts", [(0, 0), (1, 1), (53, 29)])
def test_numbers_of_images_are_checked(counts):
    with pytest.raises(SampleCountError):
        relative_entropy_error(images(counts[0], 1), images(counts[1], 2))
