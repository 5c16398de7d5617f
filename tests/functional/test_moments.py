import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos_lightning.functional.moments import (
    ROWS_AT_ONCE,
    batch_moments,
    empty_moments,
    merge_moments,
    pack_moments,
    unpack_moments,
)

NUM_PIXELS = 7


def rows(count, seed=0):
    return torch.rand(count, NUM_PIXELS, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_moments_agree_with_numpy():
    images = rows(53)
    moments = unpack_moments(batch_moments(images))
    assert moments.num_images == 53
    np.testing.assert_allclose(moments.mean, images.double().numpy().mean(0), rtol=1e-14)
    np.testing.assert_allclose(moments.covariance, np.cov(images.double().numpy().T, ddof=0), rtol=1e-12, atol=1e-16)


def test_sets_larger_than_a_part_agree_with_numpy():
    images = rows(2 * ROWS_AT_ONCE + 3)
    covariance = unpack_moments(batch_moments(images)).covariance
    np.testing.assert_allclose(covariance, np.cov(images.double().numpy().T, ddof=0), rtol=1e-11, atol=1e-15)


def test_a_far_mean_costs_no_digits():
    """Raw sums of squares in float32 would leave nothing of a spread of 1 at a mean of 1e5."""
    images = rows(53).double()
    near = unpack_moments(batch_moments(images)).covariance
    merged = merge_moments(torch.stack([batch_moments(images[:19] + 1e5), batch_moments(images[19:] + 1e5)]))
    torch.testing.assert_close(unpack_moments(merged).covariance, near, rtol=1e-9, atol=1e-10)


@given(sizes=st.lists(st.integers(0, 23), min_size=1, max_size=6), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_any_partition_gives_the_same(sizes, seed):
    images = rows(sum(sizes), seed)
    parts = torch.stack([batch_moments(part) for part in images.split(sizes)])
    torch.testing.assert_close(merge_moments(parts), batch_moments(images), rtol=1e-12, atol=1e-13)


def test_parts_without_images_are_neutral():
    some, none = batch_moments(rows(11)), empty_moments(NUM_PIXELS)
    torch.testing.assert_close(merge_moments(torch.stack([none, some, none])), some, rtol=1e-15, atol=1e-15)
    assert not merge_moments(torch.stack([none, none])).any()
    assert not batch_moments(torch.zeros(0, NUM_PIXELS)).any()


def test_packing_is_reversible():
    packed = batch_moments(rows(11))
    assert torch.equal(pack_moments(unpack_moments(packed)), packed)


@pytest.mark.parametrize("value", [0.3, -1.0])
def test_equal_images_have_no_spread(value):
    assert unpack_moments(batch_moments(torch.full((10, NUM_PIXELS), value))).covariance.abs().max() < 1e-15
