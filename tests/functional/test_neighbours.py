import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chaos_lightning.functional import SampleCountError, distances, nearest_neighbours, neighbours


def brute_force(queries, references, k, exclude_self=False):
    """Direct differences in float64; the lower index first among equal distances."""
    queries, references = queries.double().numpy(), references.double().numpy()
    table = np.sqrt(((queries[:, None] - references[None]) ** 2).sum(-1))
    if exclude_self:
        np.fill_diagonal(table, np.inf)
    indices = np.argsort(table, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(table, indices, 1), indices


def assert_exact(queries, references, k, exclude_self=False, device="cpu"):
    found = nearest_neighbours(queries.to(device), references.to(device), k, exclude_self)
    expected, indices = brute_force(queries, references, k, exclude_self)
    np.testing.assert_allclose(found.distances.cpu(), expected, rtol=1e-12, atol=0)
    np.testing.assert_array_equal(found.indices.cpu(), indices)


def points(count, size=11, seed=0):
    return torch.rand(count, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture(params=[2048, 17])
def _tile(request, monkeypatch):
    """Small tiles bring several of them, and ragged ends, into small sets."""
    monkeypatch.setattr(distances, "TILE", request.param)
    monkeypatch.setattr(neighbours, "TILE", request.param)


@pytest.mark.usefixtures("_tile")
@pytest.mark.parametrize("k", [1, 3])
class TestExactness:
    def test_two_sets(self, k):
        assert_exact(points(53), points(71, seed=1), k)

    def test_one_set(self, k):
        assert_exact(points(53), points(53), k, exclude_self=True)

    def test_shifted_by_100(self, k):
        assert_exact(points(53) + 100, points(71, seed=1) + 100, k)

    def test_copies(self, k):
        few = points(5)
        assert_exact(few.repeat(7, 1), few.repeat_interleave(13, 0), k)
        assert_exact(few.repeat(7, 1), few.repeat(7, 1), k, exclude_self=True)

    def test_all_identical(self, k):
        assert_exact(points(1).repeat(41, 1), points(1).repeat(41, 1), k, exclude_self=True)

    def test_a_lattice_full_of_ties(self, k):
        lattice = torch.cartesian_prod(*[torch.arange(3.0)] * 4)
        assert_exact(lattice, lattice, k, exclude_self=True)

    def test_a_cluster_far_from_an_outlier(self, k):
        """The outlier makes the float32 bound useless for the rest."""
        cluster = points(43) * 1e-3
        cluster[5] = 1e6
        assert_exact(cluster, cluster, k, exclude_self=True)

    @pytest.mark.parametrize("size", [1e-30, 1e30])
    def test_very_small_and_large_values(self, k, size):
        assert_exact(points(53) * size, points(71, seed=1) * size, k)

    def test_float64_input_keeps_its_digits(self, k):
        base = points(1).double()
        assert_exact(base + points(53).double() * 1e-9, base + points(71, seed=1).double() * 1e-9, k)


@given(arrays(np.float32, (9, 3), elements=st.floats(-1e6, 1e6, width=32)), st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_any_points(rows, k):
    rows = torch.from_numpy(rows)
    found = nearest_neighbours(rows, rows, k, exclude_self=True)
    expected, _ = brute_force(rows, rows, k, exclude_self=True)
    np.testing.assert_allclose(found.distances, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_input(dtype):
    assert_exact(points(53).to(dtype), points(71, seed=1).to(dtype), 2)


def test_low_precision_modes_change_nothing_and_stay_set(low_precision):
    two_clusters = [torch.cat([0.1 * points(99, 97, seed) + 1, 0.1 * points(99, 97, seed + 1) - 1]) for seed in (0, 2)]
    assert_exact(*two_clusters, 2, device=low_precision)
    assert torch.is_autocast_enabled(low_precision.type)
    assert torch.get_float32_matmul_precision() == "medium"


def test_products_stay_within_their_bound_under_low_precision_modes(low_precision):
    rows = (points(67, 97) + 0.5).to(low_precision)
    frame = distances.common_frame(rows)
    with distances.full_precision(low_precision):
        operand = distances.prepare(rows, frame)
        tile = distances.squared_distance_tile(operand.rows, operand.rows)
    exact = ((rows[:, None].double() - rows[None].double()) / frame.scale).square().sum(-1)
    assert ((tile - exact).abs() <= distances.rounding_bound(operand, operand).unsqueeze(1)).all()


@pytest.mark.skipif(not hasattr(torch.backends.cuda.matmul, "fp32_precision"), reason="torch before 2.9")
@pytest.mark.parametrize("ask", ["for all", "by backend"])
def test_settings_are_back_even_after_an_error(ask):
    """Not every processor has the low-precision products, so the settings are looked at themselves."""
    backends = torch.backends.cuda.matmul, torch.backends.mkldnn.matmul

    def look_and_fail():
        with distances.full_precision(torch.device("cpu")):
            assert [backend.fp32_precision for backend in backends] == ["ieee", "ieee"]
            raise ZeroDivisionError

    if ask == "for all":
        torch.set_float32_matmul_precision("medium")
    else:
        backends[0].fp32_precision, backends[1].fp32_precision = "tf32", "bf16"
    try:
        with pytest.raises(ZeroDivisionError):
            look_and_fail()
        assert [backend.fp32_precision for backend in backends] == ["tf32", "bf16"]
    finally:
        torch.set_float32_matmul_precision("highest")


def test_no_queries():
    assert nearest_neighbours(points(0), points(5), 2).distances.shape == (0, 2)


def test_wrong_arguments():
    with pytest.raises(SampleCountError, match="5 references"):
        nearest_neighbours(points(3), points(5), 6)
    with pytest.raises(SampleCountError, match="5 references"):
        nearest_neighbours(points(5), points(5), 5, exclude_self=True)
    with pytest.raises(ValueError, match="at least 1"):
        nearest_neighbours(points(3), points(5), 0)
    with pytest.raises(ValueError, match="to be the references"):
        nearest_neighbours(points(3), points(5), exclude_self=True)
    with pytest.raises(ValueError, match="11 values a row, references 7"):
        nearest_neighbours(points(3), points(5, 7))
