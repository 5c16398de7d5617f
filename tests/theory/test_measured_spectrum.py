"""Lyapunov spectra against linear algebra, determinants and the largest exponent; finite-time exponents likewise."""

import math

import numpy as np
import pytest
import torch

from chaos_lightning.dynamics import (
    ChaoticNetwork,
    EulerIntegrator,
    LyapunovSpectrum,
    field_jacobians,
    finite_time_exponents,
    initial_potentials,
    local_spectra,
    lyapunov_exponents,
    lyapunov_spectrum,
    spectrum_to_dimension,
)
from chaos_lightning.dynamics.jacobians import whole_coupling


def trained_like(layer_sizes, rate="tanh", gain=2.5):
    """A network in float64 whose learned couplings and biases are not zero."""
    network = ChaoticNetwork(layer_sizes, gain=gain, rate=rate, seed=1).double()
    generator = torch.Generator().manual_seed(0)
    for parameter in network.trainable():
        parameter.data.normal_(std=0.1, generator=generator)
    return network


@pytest.mark.parametrize("layer_sizes", [[11], [7, 5], [7, 5, 3]])
@pytest.mark.parametrize("rate", ["tanh", "hardtanh"])
def test_jacobians_agree_with_automatic_differentiation(layer_sizes, rate):
    network = trained_like(layer_sizes, rate)
    coupling, bias = whole_coupling(network), torch.cat([bias.detach() for bias in network.biases])
    phi = {"tanh": torch.tanh, "hardtanh": lambda x: x.clamp(-1, 1)}[rate]
    potentials = initial_potentials(layer_sizes, 3, seed=1, dtype=torch.float64)
    expected = torch.stack(
        [
            torch.autograd.functional.jacobian(lambda x: phi(x) @ coupling.T + bias - x, x)
            for x in torch.cat(potentials, 1)
        ]
    )
    torch.testing.assert_close(field_jacobians(network, potentials), expected)
    moved = EulerIntegrator(network, 0.3).advance(EulerIntegrator(network, 0.3).start(potentials), 1)
    x = torch.cat(potentials, 1)
    torch.testing.assert_close(torch.cat(moved.potentials, 1), 0.7 * x + 0.3 * (phi(x) @ coupling.T + bias))


def test_without_couplings_all_exponents_are_those_of_the_leak():
    network = ChaoticNetwork([5, 3], gain=0.0).double()
    spectrum = lyapunov_spectrum(network, 2, duration=6, transient=2, dt=0.5, tau=2.0, seed=1)
    torch.testing.assert_close(spectrum.of_chains, torch.full((2, 8), math.log(0.75) / 0.5, dtype=torch.float64))
    fine = lyapunov_spectrum(network, 2, duration=1, transient=0, dt=0.001, tau=2.0, seed=1)
    np.testing.assert_allclose(fine.mean.numpy(), -1 / 2.0, rtol=3e-4)  # -1/tau (1 + dt / (2 tau))
    assert (spectrum.entropy_rate == 0).all()
    assert (spectrum.dimension == 0).all()


def test_linear_network_has_the_moduli_of_the_eigenvalues():
    """Hard tanh at rest is linear: log |1 - alpha + alpha eig| / dt, up to 1 / duration for complex pairs."""
    network = ChaoticNetwork([13, 10], gain=0.7, rate="hardtanh", seed=3).double()
    step = np.eye(23) * 0.8 + 0.2 * whole_coupling(network).numpy()
    exact = np.sort(np.log(np.abs(np.linalg.eigvals(step))) / 0.2)[::-1]
    settings = {"duration": 400, "transient": 200, "dt": 0.2, "tau": 1.0, "seed": 1}
    spectrum = lyapunov_spectrum(network, 1, **settings)
    np.testing.assert_allclose(spectrum.mean.numpy(), exact, atol=2 / 400)
    assert float(spectrum.mean.sum()) == pytest.approx(exact.sum(), rel=1e-10)


@pytest.mark.parametrize("layer_sizes", [[13], [7, 5], [7, 5, 3]])
def test_the_sum_is_the_mean_log_determinant_along_the_chains(layer_sizes):
    network = trained_like(layer_sizes)
    settings = {"duration": 20.0, "transient": 8.0, "dt": 0.5, "tau": 5.0, "seed": 1}
    spectrum = lyapunov_spectrum(network, 3, orthonormalise_every=3, **settings)
    integrator = EulerIntegrator(network, 0.1)
    state = integrator.start(initial_potentials(layer_sizes, 3, seed=1, dtype=torch.float64))
    state = integrator.advance(state, 16)
    total = torch.zeros(3, dtype=torch.float64)
    for _ in range(40):
        jacobians = field_jacobians(network, state.potentials)
        total += torch.linalg.slogdet(torch.eye(sum(layer_sizes), dtype=torch.float64) + 0.1 * jacobians)[1]
        state = integrator.advance(state, 1)
    torch.testing.assert_close(spectrum.of_chains.sum(dim=1), total / 20)


def test_for_short_steps_the_sum_is_the_mean_trace():
    network = trained_like([13])
    spectrum = lyapunov_spectrum(network, 1, duration=2, transient=0, dt=0.002, tau=1.0, seed=1)
    integrator = EulerIntegrator(network, 0.002)
    state = integrator.start(initial_potentials([13], 1, seed=1, dtype=torch.float64))
    states = integrator.record(state, range(1000))
    trace = torch.stack([field_jacobians(network, each.potentials)[0].trace() for each in states]).mean()
    assert float(spectrum.mean.sum()) == pytest.approx(float(trace), rel=5e-3)


def test_the_first_of_few_exponents_is_the_largest_one():
    """And few are the first of many: QR of a part of the columns is a part of that of all."""
    network = ChaoticNetwork([61, 40], gain=3.0, seed=1).double()
    settings = {"duration": 100, "transient": 50, "dt": 0.2, "tau": 1.0, "seed": 1}
    few, fewer = (lyapunov_spectrum(network, 3, num_exponents=k, **settings) for k in (5, 2))
    largest = lyapunov_exponents(network, 3, **settings)
    assert (few.of_chains.diff(dim=1) < 0.02).all()
    error = math.hypot(float(few.standard_error[0]), float(largest.standard_error))
    assert abs(float(few.mean[0] - largest.mean)) < max(4 * error, 0.02)
    assert fewer.of_chains.shape == (3, 2)
    assert not fewer.reaches_dimension
    with pytest.raises(ValueError, match="ask for more"):
        _ = fewer.dimension
    with pytest.raises(ValueError, match="ask for more"):
        _ = fewer.entropy_rate


def test_as_many_exponents_are_measured_as_the_dimension_takes():
    network = ChaoticNetwork([61, 40], gain=8.0, seed=1).double()
    settings = {"duration": 50, "transient": 20, "dt": 0.2, "tau": 1.0, "seed": 1}
    enough = spectrum_to_dimension(network, 2, **settings)
    assert enough.of_chains.shape[1] in (16, 32, 64)
    whole = lyapunov_spectrum(network, 2, **settings)  # of other directions to start with, so up to 1 / duration
    torch.testing.assert_close(enough.dimension, whole.dimension, rtol=0.2, atol=0)
    assert (enough.dimension < enough.of_chains.shape[1]).all()
    assert whole.reaches_dimension


def test_directions_lie_in_layers_by_their_squared_length():
    """All directions together fill all units."""
    network = trained_like([7, 5])
    spectrum = lyapunov_spectrum(network, 3, duration=20, transient=4, dt=1.0, tau=4.0, seed=1)
    sizes = torch.tensor([7, 5], dtype=torch.float64)
    torch.testing.assert_close(spectrum.layer_shares.sum(dim=2), torch.ones(3, 12, dtype=torch.float64))
    torch.testing.assert_close(spectrum.layer_shares.sum(dim=1), sizes.expand(3, 2))


def test_local_spectra_average_to_the_spectrum_of_the_whole_time():
    network = trained_like([7, 5])
    settings = {"dt": 1.0, "tau": 4.0, "seed": 1}
    first, second = local_spectra(network, 3, [5, 20], num_exponents=12, **settings)
    whole = lyapunov_spectrum(network, 3, duration=20, transient=0, **settings)
    torch.testing.assert_close((5 * first.of_chains + 15 * second.of_chains) / 20, whole.of_chains)
    torch.testing.assert_close((5 * first.layer_shares + 15 * second.layer_shares) / 20, whole.layer_shares)
    with pytest.raises(ValueError, match="between 1 and the 12 units"):
        local_spectra(network, 3, [5], num_exponents=13, **settings)
    with pytest.raises(ValueError, match="times must ascend"):
        local_spectra(network, 3, [5, 5], num_exponents=2, **settings)


def test_spectra_of_chains_do_not_depend_on_their_batch():
    network = trained_like([7, 5])
    settings = {"duration": 10, "transient": 4, "dt": 1.0, "tau": 4.0, "seed": 1}
    together = lyapunov_spectrum(network, 5, **settings).of_chains
    alone = lyapunov_spectrum(network, 2, first_chain=3, **settings).of_chains
    torch.testing.assert_close(alone, together[3:])


def test_dimension_and_entropy_rate_of_made_up_spectra():
    exponents = torch.tensor([[1.0, 0.0, -2.0, -5.0], [-1.0, -1.0, -2.0, -3.0], [0.5, 0.25, -1.0, -2.0]]).double()
    spectrum = LyapunovSpectrum.of(exponents, torch.zeros(3, 4, 1), 4)
    torch.testing.assert_close(spectrum.dimension, torch.tensor([2.5, 0.0, 2.75], dtype=torch.float64))
    torch.testing.assert_close(spectrum.entropy_rate, torch.tensor([1.0, 0.0, 0.75], dtype=torch.float64))
    growing = LyapunovSpectrum.of(torch.tensor([[1.0, -0.5]]), torch.zeros(1, 2, 1), 2)
    assert float(growing.dimension) == 2


def test_finite_time_exponents_are_those_of_runs_of_that_length():
    network = trained_like([11, 7])
    settings = {"dt": 1.0, "tau": 4.0, "seed": 1, "transient": 3}
    curve = finite_time_exponents(network, 5, [5, 20, 40], **settings)
    for place, duration in enumerate((5, 20, 40)):
        integrator_run = lyapunov_exponents(network, 5, duration=duration, **settings | {"transient": 0})
        run = finite_time_exponents(network, 5, [duration], **settings | {"transient": 0})
        torch.testing.assert_close(run.of_chains[:, 0], integrator_run.exponents)
        torch.testing.assert_close(run.standard_error[0], integrator_run.standard_error)
        again = finite_time_exponents(network, 5, [duration], **settings)
        torch.testing.assert_close(curve.of_chains[:, place], again.of_chains[:, 0])
    np.testing.assert_allclose(curve.spread.numpy(), curve.of_chains.numpy().std(axis=0, ddof=1))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_chains": 0}, "at least one chain"),
        ({"duration": 0}, "one time step"),
        ({"duration": 1.5}, "duration must be a whole number"),
        ({"transient": 0.5}, "transient must be a whole number"),
        ({"num_exponents": 0}, "between 1 and the 5 units"),
        ({"num_exponents": 6}, "between 1 and the 5 units"),
        ({"orthonormalise_every": 0}, "orthonormalise_every"),
    ],
)
def test_bad_settings_of_a_spectrum_are_refused(changed, message):
    settings = {"num_chains": 2, "duration": 3, "transient": 0, "seed": 1} | changed
    with pytest.raises(ValueError, match=message):
        lyapunov_spectrum(ChaoticNetwork([5]), **settings)


@pytest.mark.parametrize("times", [[], [0, 1], [2, 1], [1, 1], [1.5]])
def test_bad_times_are_refused(times):
    with pytest.raises(ValueError, match="times"):
        finite_time_exponents(ChaoticNetwork([5]), 2, times, seed=1)


def test_jacobians_refuse_potentials_of_other_layers():
    with pytest.raises(ValueError, match="one tensor"):
        field_jacobians(ChaoticNetwork([5, 3]), [torch.zeros(2, 5), torch.zeros(2, 4)])
