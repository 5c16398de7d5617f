"""The integrator against NumPy, written straight from the equations, and against theory."""

import copy
import itertools

import numpy as np
import pytest
import scipy.integrate
import torch

from chaos_lightning.dynamics import (
    ChaoticNetwork,
    EulerIntegrator,
    Held,
    draw_dropout,
    initial_potentials,
    num_time_steps,
    run_chains,
)
from chaos_lightning.dynamics.reference import euler_run, total_couplings

ARCHITECTURES = [[11], [11, 7], [11, 7, 5], [11, 7, 5, 3]]
RATES = {"tanh": np.tanh, "hardtanh": lambda x: np.clip(x, -1, 1)}


def trained_like(layer_sizes, rate="tanh", dtype=torch.float64):
    """A network whose learned couplings and biases are not zero."""
    network = ChaoticNetwork(layer_sizes, gain=1.5, rate=rate, seed=1).to(dtype)
    generator = torch.Generator().manual_seed(0)
    for parameter in network.trainable():
        parameter.data.normal_(std=0.3, generator=generator)
    if len(layer_sizes) == 1:
        learned = network.connections[0].learned.data
        learned.copy_((learned + learned.T) / 2).fill_diagonal_(0)
    return network


def euler_in_numpy(network, potentials, alpha, num_steps, rate=np.tanh, held=None, mask=None):
    """Potentials after a run of the reference, in NumPy."""
    couplings = {key: coupling.numpy() for key, coupling in total_couplings(network).items()}
    biases = [bias.detach().numpy() for bias in network.biases]
    start = [potential.numpy() for potential in potentials]
    hold = (lambda rates: rates) if held is None else (lambda rates: np.where(mask, held, rates))
    return euler_run(start, couplings, biases, alpha, num_steps, rate, hold)[0]


@pytest.mark.parametrize("layer_sizes", ARCHITECTURES)
@pytest.mark.parametrize("rate", ["tanh", "hardtanh"])
def test_free_run_agrees_with_numpy(layer_sizes, rate):
    network = trained_like(layer_sizes, rate)
    start = initial_potentials(layer_sizes, 3, seed=[1], dtype=torch.float64)
    integrator = EulerIntegrator(network, alpha=0.3)
    state = integrator.advance(integrator.start(start), 17)
    expected = euler_in_numpy(network, start, 0.3, 17, RATES[rate])
    for potential, rates, right in zip(state.potentials, state.rates, expected, strict=True):
        np.testing.assert_allclose(potential.numpy(), right, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(rates.numpy(), RATES[rate](right), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("layer_sizes", ARCHITECTURES[1:])
def test_clamped_run_agrees_with_numpy_that_steps_through_it(layer_sizes):
    """In the two-layer network this holds the closed form against the simulation."""
    network = trained_like(layer_sizes)
    start = initial_potentials(layer_sizes, 3, seed=[1], dtype=torch.float64)
    images = torch.rand(3, 11, dtype=torch.float64) * 2 - 1
    integrator = EulerIntegrator(network, alpha=0.3, held=Held(images))
    state = integrator.advance(integrator.advance(integrator.start(start), 4), 13)
    expected = euler_in_numpy(network, start, 0.3, 17, held=images.numpy(), mask=np.ones(11, bool))
    assert torch.equal(state.rates[0], images)
    for potential, right in zip(state.potentials[1:], expected[1:], strict=True):
        np.testing.assert_allclose(potential.numpy(), right, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("layer_sizes", ARCHITECTURES)
def test_holding_some_visible_rates_agrees_with_numpy(layer_sizes):
    network = trained_like(layer_sizes)
    start = initial_potentials(layer_sizes, 3, seed=[1], dtype=torch.float64)
    values = torch.rand(3, 11, dtype=torch.float64) * 2 - 1
    mask = torch.arange(11) % 3 == 0
    integrator = EulerIntegrator(network, alpha=0.3, held=Held(values, mask))
    state = integrator.advance(integrator.start(start), 17)
    expected = euler_in_numpy(network, start, 0.3, 17, held=values.numpy(), mask=mask.numpy())
    for potential, right in zip(state.potentials, expected, strict=True):
        np.testing.assert_allclose(potential.numpy(), right, rtol=1e-11, atol=1e-12)
    assert torch.equal(state.rates[0][:, mask], values[:, mask])


def test_holding_every_rate_by_a_mask_is_the_clamped_phase():
    network = trained_like([11, 7, 5])
    start = initial_potentials([11, 7, 5], 3, seed=[1], dtype=torch.float64)
    values = torch.rand(3, 11, dtype=torch.float64) * 2 - 1
    masked = EulerIntegrator(network, 0.3, held=Held(values, torch.ones(11, dtype=torch.bool)))
    whole = EulerIntegrator(network, 0.3, held=Held(values))
    by_mask, by_layer = (integrator.advance(integrator.start(start), 9) for integrator in (masked, whole))
    for one, other in zip(by_mask.rates, by_layer.rates, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_error_is_of_first_order_in_the_time_step():
    """Halving dt halves the distance to the exact solution, which SciPy finds with high accuracy."""
    network = trained_like([11, 7])
    start = initial_potentials([11, 7], 1, seed=[2], dtype=torch.float64)
    couplings = {key: coupling.numpy() for key, coupling in total_couplings(network).items()}
    b, c = (bias.detach().numpy() for bias in network.biases)

    def velocity(_, x):
        v, h = x[:11], x[11:]
        return np.concatenate([-v + couplings[0, 1] @ np.tanh(h) + b, -h + couplings[1, 0] @ np.tanh(v) + c])

    x0 = np.concatenate([potential[0].numpy() for potential in start])
    exact = scipy.integrate.solve_ivp(velocity, (0, 2), x0, rtol=1e-11, atol=1e-12).y[:, -1]
    errors = []
    for num_steps in (200, 400, 800):
        state = run_chains(network.double(), 2 / num_steps, 1, [num_steps], seed=[2])[0]
        errors.append(np.linalg.norm(torch.cat(state.potentials, dim=1)[0].numpy() - exact))
    for coarse, fine in itertools.pairwise(errors):
        assert coarse / fine == pytest.approx(2, rel=0.05)


def test_a_run_in_pieces_is_the_run_and_leaves_the_given_state_alone():
    network = trained_like([11, 7, 5])
    whole = run_chains(network, 0.5, 4, [20], seed=[3])[0]
    pieces = run_chains(network, 0.5, 4, [0, 7, 8, 20], seed=[3])
    assert torch.equal(pieces[-1].rates[0], whole.rates[0])
    start = initial_potentials([11, 7, 5], 4, seed=[3], dtype=torch.float64)
    for now, right in zip(pieces[0].potentials, start, strict=True):
        assert torch.equal(now, right)


@pytest.mark.parametrize("layer_sizes", ARCHITECTURES)
def test_weights_and_dropout_stay_as_they_are(layer_sizes):
    """Their sums, which several runs may share, do too."""
    network = trained_like(layer_sizes)
    dropout = draw_dropout(
        layer_sizes, network.pairs, coupling_rate=0.5, hidden_rate=0.5, seed=[1], dtype=torch.float64
    )
    with torch.no_grad():
        afferents = network.all_afferents(dropout)
    weights, factors, sums = copy.deepcopy((network.state_dict(), dropout, afferents))
    for settings in ({}, {"afferents": afferents}):
        integrator = EulerIntegrator(network, 0.3, **settings)
        integrator.advance(integrator.start(initial_potentials(layer_sizes, 2, seed=[0], dtype=torch.float64)), 3)
    for sources, before in zip(afferents, sums, strict=True):
        assert all(torch.equal(total, was) for (_, total), (_, was) in zip(sources, before, strict=True))
    assert all(torch.equal(weight, weights[name]) for name, weight in network.state_dict().items())
    for left, before in zip(dropout, factors, strict=True):
        assert all(map(torch.equal, left, before))


def test_no_graph_is_built():
    network = trained_like([11, 7])
    state = run_chains(network, 0.5, 2, [3], seed=[0], held=Held(torch.zeros(2, 11)))[0]
    assert not any(tensor.requires_grad for tensor in (*state.potentials, *state.rates))


def test_bfloat16_products_keep_the_potentials_in_float32():
    network = trained_like([211, 103], dtype=torch.float32)
    start = initial_potentials([211, 103], 5, seed=[1])
    exact = EulerIntegrator(network, 0.3)
    with torch.autocast("cpu", torch.bfloat16):
        rough = EulerIntegrator(network, 0.3)
    assert rough.product_dtype == torch.bfloat16
    one_step = [integrator.advance(integrator.start(start), 1) for integrator in (exact, rough)]
    for right, potential in zip(one_step[0].potentials, one_step[1].potentials, strict=True):
        assert potential.dtype == torch.float32
        # bfloat16 has 8 bits: one product sum is off by some 2^-8 of its typical size, not more
        error = (potential - right).norm() / right.norm()
        assert 1e-5 < error < 2**-7


@pytest.mark.parametrize("layer_sizes", ARCHITECTURES)
@pytest.mark.parametrize("rate", RATES)
def test_rates_that_are_read_out_are_those_of_the_potentials_whatever_the_products(layer_sizes, rate):
    network = trained_like(layer_sizes, rate, torch.float32)
    given, mask = torch.linspace(-1, 1, 11).expand(5, -1), torch.arange(11) < 4
    with torch.autocast("cpu", torch.bfloat16):
        (state,) = run_chains(network, 0.3, 5, [6], seed=[1], held=Held(given, mask))
    expected = [RATES[rate](potentials.double().numpy()) for potentials in state.potentials]
    expected[0][:, :4] = given[:, :4]
    for found, right in zip(state.rates, expected, strict=True):
        np.testing.assert_allclose(found.numpy(), right, rtol=0, atol=5e-7)


def test_times_that_do_not_ascend_are_refused():
    with pytest.raises(ValueError, match=r"must ascend, but are \[20, 7\]"):
        run_chains(trained_like([11, 7]), 0.3, 2, [20, 7], seed=[0])


@pytest.mark.parametrize(("duration", "dt", "steps"), [(100, 1, 100), (0.3, 0.1, 3), (0, 5, 0), (100.0, 5.0, 20)])
def test_number_of_time_steps(duration, dt, steps):
    assert num_time_steps(duration, dt) == steps


@pytest.mark.parametrize(("duration", "dt"), [(10.5, 1), (7, 2), (-1, 1)])
def test_durations_between_steps_are_refused(duration, dt):
    with pytest.raises(ValueError, match="whole number of time steps"):
        num_time_steps(duration, dt, name="times")


@pytest.mark.parametrize("layer_sizes", ARCHITECTURES[:3])
@pytest.mark.parametrize("product_dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("mask", [None, torch.arange(11) < 4])
def test_no_time_step_allocates(layer_sizes, product_dtype, mask):
    network = trained_like(layer_sizes, dtype=torch.float32)
    held = Held(torch.zeros(3, 11), mask) if mask is not None else None
    integrator = EulerIntegrator(network, 0.3, held=held, product_dtype=product_dtype)
    state = integrator.start(initial_potentials(layer_sizes, 3, seed=[1]))

    def bytes_allocated(num_steps):
        with torch.profiler.profile(profile_memory=True) as profile:
            integrator.advance(state, num_steps)
        return sum(max(event.self_cpu_memory_usage, 0) for event in profile.events())

    bytes_allocated(1)
    assert bytes_allocated(50) == bytes_allocated(5) > 0


def test_images_held_whole_are_returned_to_the_last_digit_under_autocast():
    network = trained_like([11, 7, 5], dtype=torch.float32)
    images = torch.rand(3, 11) * 2 - 1
    with torch.autocast("cpu", torch.bfloat16):
        state = run_chains(network, 0.3, 3, [5], seed=[1], held=Held(images))[0]
        some = run_chains(network, 0.3, 3, [5], seed=[1], held=Held(images, torch.arange(11) < 4))[0]
    assert torch.equal(state.rates[0], images)
    assert torch.equal(some.rates[0][:, :4], images[:, :4])
