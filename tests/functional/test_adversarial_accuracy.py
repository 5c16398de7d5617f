import sys
import time

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chaos_lightning.functional import (
    SampleCountError,
    adversarial_accuracy,
    adversarial_accuracy_indicator,
    distances,
    neighbours,
)


def brute_force(real, generated):
    """Direct differences in float64, every pair: E(AAI), A_G and A_X."""
    both = torch.cat([real, generated]).double().numpy()
    table = np.stack([np.sqrt(((row - both) ** 2).sum(1)) for row in both])
    np.fill_diagonal(table, np.inf)
    half = len(real)

    def votes(own, other):
        own, other = own.min(1), other.min(1)
        # what float64 cannot tell apart ties; a wider margin would miss real differences between close rows
        tied = np.abs(own - other) <= (both.shape[1] + 4) * np.finfo(np.float64).eps * np.maximum(own, other)
        return np.where(tied, 0.5, own < other).mean()

    real_accuracy = votes(table[:half, :half], table[:half, half:])
    generated_accuracy = votes(table[half:, half:], table[half:, :half])
    indicator = ((generated_accuracy - 0.5) ** 2 + (real_accuracy - 0.5) ** 2) / 2
    return indicator, generated_accuracy, real_accuracy


def assert_exact(real, generated, device="cpu"):
    found = adversarial_accuracy(real.to(device), generated.to(device))
    np.testing.assert_allclose(torch.stack(found).cpu(), brute_force(real, generated), rtol=1e-12, atol=1e-15)
    return found


def images(count, seed, size=11, spread=1.0):
    return (torch.rand(count, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1) * spread


@pytest.fixture(params=[2048, 17])
def _tile(request, monkeypatch):
    """Small tiles bring several of them, and ragged ends, into small sets."""
    for module in (distances, neighbours, sys.modules["chaos_lightning.functional.adversarial_accuracy"]):
        monkeypatch.setattr(module, "TILE", request.param)


@pytest.mark.usefixtures("_tile")
class TestExactness:
    def test_mixed_sets(self):
        assert_exact(images(53, 1), images(53, 2))

    def test_sets_of_unequal_spread(self):
        assert_exact(images(53, 1), images(53, 2, spread=0.4))

    def test_disjoint_sets_far_apart(self):
        found = assert_exact(images(53, 1, spread=0.01) - 0.9, images(53, 2, spread=0.01) + 0.9)
        assert found.indicator == 0.25
        assert found.generated_accuracy == found.real_accuracy == 1

    def test_generated_copies_the_real_ones(self):
        real = images(53, 1)
        found = assert_exact(real, real[torch.randperm(53, generator=torch.Generator().manual_seed(3))])
        assert found.indicator == 0.25
        assert found.generated_accuracy == found.real_accuracy == 0

    def test_all_images_identical(self):
        same = images(1, 1).repeat(53, 1)
        found = assert_exact(same, same)
        assert found.indicator == 0
        assert found.generated_accuracy == found.real_accuracy == 0.5

    def test_each_side_identical(self):
        assert_exact(images(1, 1).repeat(53, 1), images(1, 2).repeat(53, 1))

    def test_copies_of_every_kind(self):
        """Copies on the own side, on the other, on both, and none."""
        pool = images(31, 1)
        draw = torch.Generator().manual_seed(4)
        real = pool[torch.randint(31, (53,), generator=draw)]
        generated = torch.cat([pool[torch.randint(31, (23,), generator=draw)], images(30, 2)])
        assert_exact(real, generated)

    def test_ties_without_copies(self):
        """Corners of a cube: many distinct points at one distance."""
        corners = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 6)
        order = torch.randperm(64, generator=torch.Generator().manual_seed(5))
        assert_exact(corners[order[:32]], corners[order[32:]])

    def test_shift_by_100(self):
        assert_exact(images(53, 1) + 100, images(53, 2) + 100)

    def test_differences_below_float32_products(self):
        """Two clusters a few rounding errors apart: every row is settled in float64."""
        centre = images(1, 1)
        assert_exact(centre + 1e-5 * images(53, 2), centre + 1e-5 * images(53, 3))

    def test_permutations(self):
        real, generated = images(53, 1), images(53, 2)
        order = torch.randperm(53, generator=torch.Generator().manual_seed(6))
        expected = adversarial_accuracy(real, generated)
        assert adversarial_accuracy(real[order], generated) == expected
        assert adversarial_accuracy(real, generated[order]) == expected
        exchanged = adversarial_accuracy(generated, real)
        assert exchanged.generated_accuracy == expected.real_accuracy


CLOSE_TO_A_TIE = np.full((2, 7, 3), 2.0**-23, np.float32)
"""The nearest neighbours of one row on the two sides differ in distance by 7e-15."""
CLOSE_TO_A_TIE[0, 0] = [0, 1, 2.0**-23]
CLOSE_TO_A_TIE[0, 3, 0] = 0


@given(arrays(np.float32, (2, 7, 3), elements=st.floats(-1, 1, width=16)))
@settings(max_examples=60, deadline=None)
@example(CLOSE_TO_A_TIE)
def test_any_images(pair):
    assert_exact(*torch.from_numpy(pair))


@pytest.mark.parametrize("shift", [0, 100])
def test_a_thousand_images_where_low_precision_is_allowed(shift, low_precision):
    assert_exact(images(1000, 1, size=61) + shift, images(1000, 2, size=61) + shift, low_precision)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_dtypes(dtype):
    assert_exact(images(53, 1).to(dtype), images(53, 2).to(dtype))


def test_zero_and_minus_zero_are_copies():
    found = adversarial_accuracy(torch.tensor([[0.0], [0.5]]), torch.tensor([[-0.0], [0.9]]))
    assert found == adversarial_accuracy(torch.tensor([[0.0], [0.5]]), torch.tensor([[0.0], [0.9]]))


def test_the_short_form():
    real, generated = images(53, 1), images(53, 2)
    assert adversarial_accuracy_indicator(real, generated) == adversarial_accuracy(real, generated).indicator


def test_unequal_sets_are_refused():
    with pytest.raises(SampleCountError, match="100 real and 50 generated"):
        adversarial_accuracy(images(100, 1), images(50, 2))


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_images(count):
    with pytest.raises(SampleCountError, match="at least 2"):
        adversarial_accuracy(images(count, 1), images(count, 2))


def test_ten_thousand_identical_images_are_no_trouble():
    same = images(1, 1).repeat(10_000, 1)
    started = time.perf_counter()
    assert adversarial_accuracy(same, same.clone()).indicator == 0
    assert time.perf_counter() - started < 10


@pytest.mark.slow
def test_cost_against_the_bare_products(full_data):
    """Ten thousand images a side take at most 1.5 times the products X X^T, G G^T and X G^T."""
    from torchvision.datasets import MNIST

    pixels = MNIST(full_data, download=False).data[:20_000].flatten(1).float() / 127.5 - 1
    real, generated = pixels[:10_000], pixels[10_000:]
    out = torch.empty(10_000, 10_000)
    seconds = {"measure": [], "products": []}
    for _ in range(3):
        started = time.perf_counter()
        for first, second in ((real, real), (generated, generated), (real, generated)):
            torch.mm(first, second.T, out=out)
        seconds["products"].append(time.perf_counter() - started)
        started = time.perf_counter()
        adversarial_accuracy(real, generated)
        seconds["measure"].append(time.perf_counter() - started)
    ratio = min(seconds["measure"]) / min(seconds["products"])
    print(f"E(AAI) over bare products: {ratio:.2f} {seconds}")
    assert ratio <= 1.5
