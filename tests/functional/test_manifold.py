import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chaos_lightning.functional import (
    SampleCountError,
    distances,
    manifold_precision,
    manifold_recall,
    neighbours,
)


def table(first, second):
    first, second = first.double().numpy(), second.double().numpy()
    return np.sqrt(((first[:, None] - second[None]) ** 2).sum(-1))


def on_manifold(points, centres, k):
    within = table(centres, centres)
    np.fill_diagonal(within, np.inf)
    radii = np.sort(within, 1)[:, k - 1]
    return (table(points, centres) <= radii * (1 + 1e-15)).any(1).mean()


def assert_exact(real, generated, k=3, device="cpu"):
    pair = real.to(device), generated.to(device)
    assert manifold_precision(*pair, k).item() == pytest.approx(on_manifold(generated, real, k))
    assert manifold_recall(*pair, k).item() == pytest.approx(on_manifold(real, generated, k))


def images(count, seed, spread=1.0):
    return (torch.rand(count, 5, generator=torch.Generator().manual_seed(seed)) * 2 - 1) * spread


@pytest.fixture(params=[2048, 17])
def _tile(request, monkeypatch):
    for module in (distances, neighbours, sys.modules["chaos_lightning.functional.manifold"]):
        monkeypatch.setattr(module, "TILE", request.param)


@pytest.mark.usefixtures("_tile")
@pytest.mark.parametrize("k", [1, 3])
class TestExactness:
    def test_sets_of_unequal_size_and_spread(self, k):
        assert_exact(images(53, 1), images(71, 2, spread=0.6), k)

    def test_disjoint_sets(self, k):
        assert_exact(images(53, 1, spread=0.1) - 0.8, images(53, 2, spread=0.1) + 0.8, k)

    def test_copies(self, k):
        assert_exact(images(53, 1), images(53, 1), k)
        assert_exact(images(5, 1).repeat(7, 1), images(11, 2).repeat(3, 1), k)

    def test_all_identical(self, k):
        assert_exact(images(1, 1).repeat(41, 1), images(1, 1).repeat(41, 1), k)

    def test_balls_of_no_radius(self, k):
        """Each image four times: only copies are on the manifold, and they are on its very edge."""
        real = images(43, 1).repeat(4, 1)
        assert manifold_precision(real, torch.cat([images(43, 1), images(43, 2)]), k) == 0.5

    def test_differences_below_float32_products(self, k):
        centre = images(1, 1)
        assert_exact(centre + 1e-5 * images(53, 2), centre + 1e-5 * images(53, 3), k)


@given(arrays(np.float32, (2, 7, 3), elements=st.floats(-1, 1, width=16)))
@settings(max_examples=40, deadline=None)
def test_any_images(pair):
    assert_exact(*torch.from_numpy(pair))


def test_low_precision_modes_change_nothing(low_precision):
    assert_exact(images(301, 1), images(311, 2, spread=0.9), device=low_precision)


def test_too_few_images():
    with pytest.raises(SampleCountError, match="at least 4"):
        manifold_precision(images(3, 1), images(53, 2))
