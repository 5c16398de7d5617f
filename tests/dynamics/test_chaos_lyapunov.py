"""Lyapunov exponents against linear algebra, automatic differentiation and two replicas."""

import numpy as np
import pytest
import torch

from chaos_lightning.dynamics import (
    ChaoticNetwork,
    EulerIntegrator,
    Held,
    LyapunovExponents,
    initial_potentials,
    lyapunov_exponents,
    replica_divergence,
    tangent_growth,
)
from chaos_lightning.dynamics.deviations import deviation_size, random_directions

ARCHITECTURES = [[11], [11, 7], [11, 7, 5]]


def trained_like(layer_sizes, rate="tanh", gain=1.5):
    """A network in float64 whose learned couplings and biases are not zero."""
    network = ChaoticNetwork(layer_sizes, gain=gain, rate=rate, seed=1).double()
    generator = torch.Generator().manual_seed(0)
    for parameter in network.trainable():
        parameter.data.normal_(std=0.3, generator=generator)
    if len(layer_sizes) == 1:
        learned = network.connections[0].learned.data
        learned.copy_((learned + learned.T) / 2).fill_diagonal_(0)
    return network


def whole_coupling(network):
    """The coupling between all units of all layers, one square matrix in NumPy."""
    rows = []
    for layer, size in enumerate(network.layer_sizes):
        blocks = [np.zeros((size, source_size)) for source_size in network.layer_sizes]
        for source, coupling in network.afferents(layer):
            blocks[source] = coupling.detach().double().numpy()
        rows.append(np.hstack(blocks))
    return np.vstack(rows)


def euler_exponent(jacobian_of_field, alpha):
    """Exponent of the Euler map at a fixed point, per tau: log max |1 + alpha eig| / alpha."""
    return np.log(np.abs(1 + alpha * np.linalg.eigvals(jacobian_of_field)).max()) / alpha


# Tangent steps


@pytest.mark.parametrize("layer_sizes", ARCHITECTURES)
@pytest.mark.parametrize("rate", ["tanh", "hardtanh"])
def test_deviations_agree_with_automatic_differentiation(layer_sizes, rate):
    """The Jacobian-vector product of 9 steps of the map, written anew and differentiated by torch."""
    network = trained_like(layer_sizes, rate)
    coupling = torch.from_numpy(whole_coupling(network))
    bias = torch.cat([bias.detach() for bias in network.biases])
    phi = {"tanh": torch.tanh, "hardtanh": lambda x: x.clamp(-1, 1)}[rate]

    def run(x):
        for _ in range(9):
            x = 0.7 * x + 0.3 * (phi(x) @ coupling.T + bias)
        return x

    start = initial_potentials(layer_sizes, 3, seed=[1], dtype=torch.float64)
    deviations = initial_potentials(layer_sizes, 3, seed=[2], dtype=torch.float64)
    expected_x, expected_dx = torch.func.jvp(run, (torch.cat(start, 1),), (torch.cat(deviations, 1),))
    integrator = EulerIntegrator(network, alpha=0.3)
    state, moved = integrator.advance_deviations(integrator.start(start), deviations, 9)
    torch.testing.assert_close(torch.cat(state.potentials, 1), expected_x, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(torch.cat(moved, 1), expected_dx, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("layer_sizes", ARCHITECTURES)
def test_states_beside_deviations_are_those_of_a_plain_run(layer_sizes):
    network = trained_like(layer_sizes)
    integrator = EulerIntegrator(network, alpha=0.3)
    start = initial_potentials(layer_sizes, 3, seed=[1], dtype=torch.float64)
    given = tuple(potential.clone() for potential in start)
    deviations = random_directions(network, 3, seed=[1])
    state, _ = integrator.advance_deviations(integrator.start(start), deviations, 17)
    plain = integrator.advance(integrator.start(start), 17)
    for got, right in zip((*state.potentials, *state.rates), (*plain.potentials, *plain.rates), strict=True):
        assert torch.equal(got, right)
    for now, before in zip(start, given, strict=True):
        assert torch.equal(now, before)


def test_rescaling_on_the_way_changes_nothing():
    network = trained_like([11, 7])
    integrator = EulerIntegrator(network, alpha=0.3)
    state = integrator.start(initial_potentials([11, 7], 3, seed=[1], dtype=torch.float64))
    deviations = random_directions(network, 3, seed=[1])
    _, moved = integrator.advance_deviations(state, deviations, 23)
    for renormalise_every in (1, 4, 23, 100):
        _, direction, growth = tangent_growth(integrator, state, deviations, 23, renormalise_every)
        torch.testing.assert_close(growth, deviation_size(moved).log(), rtol=1e-11, atol=1e-12)
        torch.testing.assert_close(deviation_size(direction), torch.ones(3).double())


def test_deviations_are_refused_where_rates_are_held():
    network = ChaoticNetwork([11, 7])
    integrator = EulerIntegrator(network, 0.1, held=Held(torch.zeros(2, 11)))
    state = integrator.start(initial_potentials([11, 7], 2, seed=[1]))
    with pytest.raises(ValueError, match="free phase only"):
        integrator.advance_deviations(state, random_directions(network, 2, seed=[1]), 1)


# Exact answers


@pytest.mark.parametrize("layer_sizes", [[53], [31, 23], [23, 19, 11]])
@pytest.mark.parametrize("rate", ["tanh", "hardtanh"])
def test_exponent_at_rest_at_the_origin_is_that_of_the_largest_eigenvalue(layer_sizes, rate):
    """log max |1 - alpha + alpha eig(K)| / dt: exact for the Euler map, (-1 + max Re eig) / tau up to its step."""
    network = ChaoticNetwork(layer_sizes, gain=0.5, rate=rate, seed=3).double()
    coupling, dt, tau = whole_coupling(network), 0.1, 2.0
    result = lyapunov_exponents(network, 3, duration=300, transient=100, dt=dt, tau=tau, seed=[1])
    exact = euler_exponent(coupling - np.eye(len(coupling)), dt / tau) / tau
    # complex eigenvalues let the length oscillate, so a finite time leaves an error of 1 / duration
    np.testing.assert_allclose(result.exponents.numpy(), exact, atol=1.5 / 300)
    continuous = (-1 + np.linalg.eigvals(coupling).real.max()) / tau
    assert float(result.mean) == pytest.approx(continuous, abs=0.5 * dt / tau**2)


def test_linear_network_has_the_exact_growth_at_every_time():
    """Hard tanh with potentials well below 1 is linear, even above gain 1: |M^n dx|, M = (1 - alpha) 1 + alpha K."""
    network = ChaoticNetwork([23, 19, 11], gain=1.4, rate="hardtanh", seed=2).double()
    alpha = 0.2
    step = (1 - alpha) * np.eye(53) + alpha * whole_coupling(network)
    start = [potential * 1e-9 for potential in initial_potentials([23, 19, 11], 3, seed=[1], dtype=torch.float64)]
    directions = random_directions(network, 3, seed=[1])
    integrator = EulerIntegrator(network, alpha)
    for num_steps in (1, 10, 100):
        _, _, growth = tangent_growth(integrator, integrator.start(start), directions, num_steps)
        moved = np.linalg.matrix_power(step, num_steps) @ torch.cat(directions, 1).numpy().T
        np.testing.assert_allclose(growth.numpy(), np.log(np.linalg.norm(moved, axis=0)), rtol=1e-11)


def test_a_network_without_couplings_relaxes_by_its_leak_alone():
    result = lyapunov_exponents(ChaoticNetwork([11, 7], gain=0), 3, duration=40, transient=0, dt=1, tau=4, seed=[1])
    np.testing.assert_allclose(result.exponents.numpy(), np.log(0.75), rtol=1e-6)


def test_deviations_that_die_out_exactly_give_minus_infinity_and_not_nan():
    """A step as long as tau forgets the state, and saturated hard tanh passes nothing on."""
    network = ChaoticNetwork([11], gain=0, rate="hardtanh")
    network.biases[0].data.fill_(3.0)
    result = lyapunov_exponents(network, 2, duration=40, transient=8, dt=4, tau=4, seed=[1])
    assert (result.exponents == -torch.inf).all()


# Chaos and rest


def test_sign_changes_at_gain_one():
    """Within finite size: 500 units."""
    exponents = [
        float(lyapunov_exponents(ChaoticNetwork([499], gain=g, seed=1), 4, duration=600, transient=300, seed=[1]).mean)
        for g in (0.5, 0.9, 2.0)
    ]
    assert exponents[0] == pytest.approx(-0.5 / 10, rel=0.1)
    assert exponents[0] < exponents[1] < 0 < exponents[2]


def test_strong_symmetric_couplings_bring_the_chains_to_rest():
    """Learned couplings that store patterns, as in a Hopfield network, outweigh chaotic frozen ones."""
    network = ChaoticNetwork([211], gain=1.5, seed=1)
    before = lyapunov_exponents(network, 5, duration=1000, transient=500, seed=[1])
    patterns = torch.randn(3, 211, generator=torch.Generator().manual_seed(1)).sign()
    network.connections[0].learned.data.copy_(6 * patterns.T @ patterns / 211).fill_diagonal_(0)
    after = lyapunov_exponents(network, 5, duration=1000, transient=500, seed=[1])
    assert before.mean > 0 > after.exponents.max()


@pytest.mark.parametrize("layer_sizes", [[307], [211, 199], [199, 101, 97]])
def test_exponent_agrees_with_the_divergence_of_two_replicas(layer_sizes):
    """Over the same time, from the same perturbation: the finite-time exponent of each chain."""
    network = ChaoticNetwork(layer_sizes, gain=3.0, seed=1).double()
    settings = {"duration": 60, "transient": 200, "dt": 0.5, "tau": 5.0, "seed": [1]}
    curve = replica_divergence(network, 7, relative_size=1e-9, **settings)
    # one long tangent run, so that the deviations start in the direction of the perturbation
    integrator = EulerIntegrator(network, 0.1)
    state = integrator.start(initial_potentials(layer_sizes, 7, seed=[1], dtype=torch.float64))
    state = integrator.advance(state, 400)
    _, _, growth = tangent_growth(integrator, state, random_directions(network, 7, seed=[1]), 120)
    rates = curve.growth_rates(0, 60)
    torch.testing.assert_close(rates.exponents, growth / 60, rtol=1e-4, atol=1e-6)
    # Once in the direction of fastest growth, the slope is the asymptotic exponent within the spread.
    asymptotic = lyapunov_exponents(network, 7, duration=500, transient=200, dt=0.5, tau=5.0, seed=[2])
    slope = curve.growth_rates(20, 60)
    error = torch.hypot(slope.standard_error, asymptotic.standard_error)
    assert abs(slope.mean - asymptotic.mean) < 4 * error
    assert asymptotic.mean > 10 * asymptotic.standard_error


def test_finite_time_exponent_starts_from_the_random_start():
    network = trained_like([11, 7])
    result = lyapunov_exponents(network, 3, duration=10, transient=0, dt=1, tau=4, seed=[5])
    integrator = EulerIntegrator(network, 0.25)
    state = integrator.start(initial_potentials([11, 7], 3, seed=[5], dtype=torch.float64))
    _, moved = integrator.advance_deviations(state, random_directions(network, 3, seed=[5]), 10)
    torch.testing.assert_close(result.exponents, deviation_size(moved).log() / 10)


# Chains, units and errors


def test_chains_do_not_depend_on_their_batch():
    network = trained_like([11, 7, 5])
    settings = {"duration": 30, "transient": 10, "seed": [1]}
    together = lyapunov_exponents(network, 7, **settings).exponents
    first, second = (
        lyapunov_exponents(network, count, first_chain=start, **settings).exponents for start, count in ((0, 3), (3, 4))
    )
    torch.testing.assert_close(torch.cat([first, second]), together, rtol=1e-9, atol=1e-11)


def test_exponents_are_per_unit_of_time():
    """The same network told in other units of time."""
    network = trained_like([11, 7])
    slow = lyapunov_exponents(network, 3, duration=60, transient=20, dt=2, tau=8, seed=[1])
    fast = lyapunov_exponents(network, 3, duration=30, transient=10, dt=1, tau=4, seed=[1])
    torch.testing.assert_close(slow.exponents * 2, fast.exponents)


def test_mean_and_standard_error_agree_with_numpy():
    exponents = torch.tensor([0.1, 0.4, 0.2, -0.3])
    _, mean, error = LyapunovExponents.of_chains(exponents)
    assert float(mean) == pytest.approx(exponents.double().mean().item())
    assert float(error) == pytest.approx(np.std(exponents.double().numpy(), ddof=1) / 2)
    assert LyapunovExponents.of_chains(exponents[:1]).standard_error.isnan()


def test_directions_have_length_one_and_are_not_the_start():
    network = ChaoticNetwork([11, 7])
    directions = torch.cat(random_directions(network, 5, seed=[1]), 1)
    start = torch.cat(initial_potentials([11, 7], 5, seed=[1]), 1)
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(5))
    assert (torch.nn.functional.cosine_similarity(directions, start).abs() < 0.9).all()


def test_autocast_does_not_roughen_the_exponents():
    network = trained_like([11, 7])
    settings = {"duration": 20, "transient": 0, "seed": [1]}
    exact = lyapunov_exponents(network, 3, **settings)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(lyapunov_exponents(network, 3, **settings).exponents, exact.exponents)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"duration": 0}, "one time step"),
        ({"num_chains": 0}, "one chain"),
        ({"duration": 10.5}, "duration must be a whole number"),
        ({"transient": 0.3}, "transient must be a whole number"),
        ({"renormalise_every": 0}, "renormalise_every"),
    ],
)
def test_bad_settings_are_refused(changed, message):
    settings = {"num_chains": 2, "duration": 10, "transient": 0, "seed": [1]} | changed
    with pytest.raises(ValueError, match=message):
        lyapunov_exponents(ChaoticNetwork([11]), **settings)
