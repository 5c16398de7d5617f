"""The kernels for GPUs against the plain time loop and against Philox written in NumPy.

Without a GPU, Triton interprets them on the CPU (in float32, for its interpreter multiplies no bfloat16).
"""

import copy
import pickle

import numpy as np
import pytest
import scipy.stats
import torch

from chaos_lightning.dynamics import (
    ChaoticNetwork,
    Connection,
    EulerIntegrator,
    Held,
    Tanh,
    draw_by_chain,
    initial_potentials,
    integrator,
)
from chaos_lightning.dynamics.random_numbers import origin_of

pytest.importorskip(
    "triton", reason="there is no Triton; it comes with torch on Linux, but not with builds for the CPU"
)
from chaos_lightning.dynamics import kernels

# Padding holds whatever was in memory.
pytestmark = pytest.mark.filterwarnings("ignore:(invalid value|overflow) encountered:RuntimeWarning")

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# What one product is rounded to, and how far off 3 time steps may then be.
PRECISIONS = [(torch.float32, 5e-3 if torch.cuda.is_available() else 1e-6)]
if torch.cuda.is_available():
    PRECISIONS.append((torch.bfloat16, 3e-2))


EVERYTHING = [Connection(lower, upper) for lower in range(3) for upper in range(lower, 3)]


def trained_like(layer_sizes, rate, wiring=None):
    network = ChaoticNetwork(layer_sizes, rate=rate, wiring=wiring, seed=1)
    generator = torch.Generator().manual_seed(0)
    for parameter in network.trainable():
        parameter.data.normal_(std=0.1, generator=generator)
    return network.to(DEVICE)


def holdings(num_chains, num_visible):
    generator = torch.Generator().manual_seed(2)
    values = (torch.rand(num_chains, num_visible, generator=generator) * 2 - 1).to(DEVICE)
    of_units = (torch.arange(num_visible) % 3 == 0).to(DEVICE)
    of_chains = of_units & (torch.arange(num_chains) % 2 == 0).unsqueeze(1).to(DEVICE)
    return {"free": None, "units": Held(values, of_units), "chains": Held(values, of_chains), "whole": Held(values)}


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("held", ["free", "units", "chains", "whole"])
@pytest.mark.parametrize("rate", ["tanh", "hardtanh"])
@pytest.mark.parametrize(
    ("layer_sizes", "wiring"), [([70], None), ([130, 70], None), ([70, 130, 20], None), ([70, 130, 20], EVERYTHING)]
)
def test_fused_time_steps_are_those_of_the_loop(monkeypatch, layer_sizes, wiring, rate, held, dtype, tolerance):
    network = trained_like(layer_sizes, rate, wiring)
    holding = holdings(67, layer_sizes[0])[held]
    start = initial_potentials(layer_sizes, 67, seed=1, device=DEVICE)
    exact = EulerIntegrator(network, 0.1, held=holding, product_dtype=torch.float32)
    expected = exact.record(exact.start(start), [1, 3])
    monkeypatch.setattr(integrator, "has_kernels", lambda device: True)
    monkeypatch.setattr(integrator, "multiplies_on_matrix_units", lambda dtype: True)
    calls = []
    advance = kernels.FusedTimeSteps.advance
    monkeypatch.setattr(kernels.FusedTimeSteps, "advance", lambda *a: calls.append(a) or advance(*a))
    fused = EulerIntegrator(network, 0.1, held=holding, product_dtype=dtype)
    states = fused.record(fused.start(start), [1, 3])
    # a layer without a free neighbour is not stepped at all
    assert len(calls) == (0 if held == "whole" and len(layer_sizes) < 3 else 2)
    for state, wanted in zip(states, expected, strict=True):
        for layer, (rates, wanted_rates) in enumerate(zip(state.rates, wanted.rates, strict=True)):
            assert rates.shape == (67, layer_sizes[layer])
            torch.testing.assert_close(rates, wanted_rates, rtol=0, atol=tolerance)
        for potential, wanted_potential in zip(state.potentials, wanted.potentials, strict=True):
            torch.testing.assert_close(potential, wanted_potential, rtol=0, atol=2 * tolerance)
    if holding is not None:
        mask = torch.ones_like(holding.values, dtype=torch.bool) if holding.mask is None else holding.mask
        kept = mask.expand_as(holding.values)
        assert torch.equal(states[1].rates[0][kept], holding.values[kept])


@pytest.mark.skipif(DEVICE.type == "cpu", reason="there is no GPU")
@pytest.mark.parametrize("rate", ["tanh", "hardtanh"])
@pytest.mark.parametrize("held", ["free", "chains"])
def test_many_steps_in_a_launch_are_those_of_a_launch_each_however_chains_are_shared_out(monkeypatch, held, rate):
    network = trained_like([130, 70], rate)
    start = initial_potentials([130, 70], 300, seed=1, device=DEVICE)
    holding = holdings(300, 130)[held]

    def run():
        integrator = EulerIntegrator(network, 0.1, held=holding, product_dtype=torch.bfloat16)
        return integrator.record(integrator.start(start), [7, 7, 100])

    together = run()
    for tiles in (0, 5, 11):  # 5 tiles of units: a launch each, one tile of chains at a time, two at a time
        monkeypatch.setattr(kernels, "tiles_at_once", lambda device, tiles=tiles: tiles)
        for state, expected in zip(run(), together, strict=True):
            for pair in zip(state.potentials, expected.potentials, strict=True):
                assert torch.equal(*pair)


def test_a_copied_network_keeps_its_rate_function(monkeypatch):
    monkeypatch.setattr(integrator, "has_kernels", lambda device: True)
    monkeypatch.setattr(integrator, "multiplies_on_matrix_units", lambda dtype: True)
    network = trained_like([70, 20], "tanh")
    start = initial_potentials([70, 20], 5, seed=1, device=DEVICE)
    for same in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        ours, theirs = (EulerIntegrator(each, 0.1, product_dtype=torch.float32) for each in (same, network))
        assert torch.equal(ours.advance(ours.start(start), 3).rates[0], theirs.advance(theirs.start(start), 3).rates[0])


class Steeper(Tanh):
    slope = 3.0


def test_a_rate_function_that_the_kernel_does_not_know_is_left_to_the_loop(monkeypatch):
    monkeypatch.setattr(integrator, "has_kernels", lambda device: True)
    monkeypatch.setattr(integrator, "multiplies_on_matrix_units", lambda dtype: True)
    network = trained_like([7, 5], "tanh")
    network.rate = Steeper()
    state = EulerIntegrator(network, 0.1)._fused_time_steps(torch.zeros(3, 12), torch.zeros(3, 12))
    assert state is None


def philox(key, counter):
    """Philox4x32-10 (J. K. Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC11 (2011))."""
    words = [np.asarray(word, dtype=np.uint64) for word in np.broadcast_arrays(*counter)]
    keys = [np.uint64(key & 0xFFFFFFFF), np.uint64(key >> 32)]
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        first, second = np.uint64(0xD2511F53) * words[0], np.uint64(0xCD9E8D57) * words[2]
        words = [
            (second >> np.uint64(32)) ^ words[1] ^ keys[0],
            second & low,
            (first >> np.uint64(32)) ^ words[3] ^ keys[1],
            first & low,
        ]
        keys = [(keys[0] + np.uint64(0x9E3779B9)) & low, (keys[1] + np.uint64(0xBB67AE85)) & low]
    return words


def drawn(num_units, num_chains, seed, *, uniform, first_chain=0):
    return kernels.draw(torch.tensor([seed, first_chain], device=DEVICE), num_units, num_chains, uniform=uniform).cpu()


def test_philox_of_this_file_gives_the_published_numbers():
    # The known answers of Random123 for a counter and key of zeros, and of ones.
    words = philox(0, [0, 0, 0, 0])
    assert [f"{int(word):08x}" for word in words] == ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]
    words = philox(2**64 - 1, [2**32 - 1] * 4)
    assert [f"{int(word):08x}" for word in words] == ["408f276d", "41c83b0e", "a20bc7c6", "6d5451fd"]


@pytest.mark.parametrize("seed", [5, 3_000_000_000])
def test_numbers_are_those_of_philox_with_unit_and_chain_as_its_counter(seed):
    first, second, _, _ = philox(seed, [np.arange(700), 11 + np.arange(9)[:, None], 0, 0])

    def uniform(word):
        signed = word.astype(np.uint32).view(np.int32)
        return np.where(signed < 0, -(signed.astype(np.int64)) - 1, signed) * 2.0**-31

    numbers = drawn(700, 9, seed, first_chain=11, uniform=True).numpy()
    np.testing.assert_allclose(numbers, uniform(first), rtol=0, atol=1e-7)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    numbers = drawn(700, 9, seed, first_chain=11, uniform=False).numpy()
    expected = np.sqrt(-2 * np.log(np.maximum(uniform(first), 1e-7))) * np.cos(2 * np.pi * uniform(second))
    np.testing.assert_allclose(numbers, expected, rtol=0, atol=2e-4)


def test_numbers_are_distributed_as_asked_for():
    assert scipy.stats.kstest(drawn(500, 60, 0, uniform=False).flatten().numpy(), "norm").pvalue > 1e-3
    assert scipy.stats.kstest(drawn(500, 60, 0, uniform=True).flatten().numpy(), "uniform").pvalue > 1e-3


def test_a_number_depends_on_seed_chain_and_unit_alone():
    everyone = drawn(600, 30, 7, uniform=False)
    assert torch.equal(drawn(600, 5, 7, first_chain=21, uniform=False), everyone[21:26])
    assert torch.equal(drawn(10, 30, 7, uniform=False), everyone[:, :10])
    assert not (drawn(600, 30, 8, uniform=False) == everyone).any(dim=1).all()
    assert drawn(0, 30, 7, uniform=False).shape == (30, 0)


def test_chains_are_drawn_by_the_kernel_where_there_is_one(monkeypatch):
    monkeypatch.setattr("chaos_lightning.dynamics.random_numbers.has_kernels", lambda device: True)
    number, first_chain = origin_of((1, 2), 3).tolist()
    assert first_chain == 3
    for uniform in (False, True):
        numbers = draw_by_chain(9, 4, seed=(1, 2), first_chain=3, device=DEVICE, uniform=uniform).cpu()
        assert torch.equal(numbers, drawn(9, 4, number, first_chain=3, uniform=uniform))


def test_the_kernels_try_themselves_out(monkeypatch):
    kernels.try_out(DEVICE)
    monkeypatch.setattr(kernels.FusedTimeSteps, "advance", lambda steps, num_steps: torch.ones(1, 1))
    with pytest.raises(RuntimeError, match="at rest"):
        kernels.try_out(DEVICE)
