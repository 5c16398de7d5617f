"""Fixed points against SciPy and the circular law; overlaps and autocorrelations against direct sums."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import root

from chaos_lightning.dynamics import (
    ChaoticNetwork,
    EulerIntegrator,
    autocorrelations,
    chain_overlaps,
    field_jacobians,
    find_fixed_points,
    initial_potentials,
    run_chains,
)
from chaos_lightning.dynamics.jacobians import whole_coupling

# Fixed points


def test_without_couplings_the_biases_are_the_fixed_point():
    network = ChaoticNetwork([5, 3], gain=0.0)
    for bias in network.biases:
        bias.data.normal_(generator=torch.Generator().manual_seed(1))
    found = find_fixed_points(network, initial_potentials([5, 3], 4, seed=1))
    for layer, bias in zip(found.potentials, network.biases, strict=True):
        torch.testing.assert_close(layer, bias.detach().double().expand(4, -1))
    assert (found.eigenvalues == -1).all()
    assert (found.unstable_directions == 0).all()
    assert found.starts.tolist() == [0, 1, 2, 3]
    assert found.same().tolist() == [0, 0, 0, 0]


def test_fixed_points_and_their_instability_agree_with_scipy():
    network = ChaoticNetwork([7, 5], gain=2.0, seed=1).double()
    for parameter in network.trainable():
        parameter.data.normal_(std=0.3, generator=torch.Generator().manual_seed(1))
    coupling, bias = whole_coupling(network).numpy(), torch.cat(list(network.biases)).detach().numpy()
    found = find_fixed_points(network, initial_potentials([7, 5], 50, seed=1))
    points = torch.cat(found.potentials, dim=1).numpy()
    assert len(set(found.same().tolist())) > 1
    for index, point in enumerate(points):
        solution = root(lambda x: np.tanh(x) @ coupling.T + bias - x, point + 1e-5, tol=1e-12)
        np.testing.assert_allclose(solution.x, point, atol=1e-8)
        jacobian = coupling * (1 - np.tanh(point) ** 2) - np.eye(12)
        eigenvalues = np.linalg.eigvals(jacobian)
        assert found.unstable_directions[index] == (eigenvalues.real > 0).sum()
        assert float(found.largest_real_part[index]) == pytest.approx(eigenvalues.real.max())
        assert found.unstable_directions_of_map(0.2)[index] == (np.abs(1 + 0.2 * eigenvalues) > 1).sum()
    first = found.same().numpy()
    distances = np.abs(points - points[first]).max(axis=1)
    assert (distances < 1e-6).all()
    assert (first <= np.arange(len(points))).all()


def test_chains_at_rest_are_at_stable_fixed_points():
    """Learned couplings that store patterns, as in a Hopfield network, bring chains to rest at several points."""
    network = ChaoticNetwork([101], gain=1.0, seed=1).double()
    patterns = torch.randn(3, 101, generator=torch.Generator().manual_seed(1)).sign()
    network.connections[0].learned.data.copy_(6 * patterns.T @ patterns / 101).fill_diagonal_(0)
    rest = run_chains(network, 0.1, 7, [3000], seed=[1])[0]
    found = find_fixed_points(network, rest.potentials)
    assert found.starts.tolist() == list(range(7))
    torch.testing.assert_close(found.potentials[0], rest.potentials[0], rtol=0, atol=1e-6)
    assert (found.unstable_directions == 0).all()
    assert (found.largest_real_part < 0).all()
    assert (found.unstable_directions_of_map(0.1) == 0).all()
    assert len(set(found.same().tolist())) > 1
    assert (found.residuals < 1e-9).all()


def test_rest_at_zero_has_the_unstable_directions_of_the_circular_law():
    """The part of a disc of radius g with a real part above 1: (acos(1/g) - sqrt(1 - 1/g^2) / g) / pi."""
    network = ChaoticNetwork([400], gain=2.0, seed=1)
    found = find_fixed_points(network, [torch.zeros(1, 400)])
    part = (math.acos(0.5) - math.sqrt(0.75) / 2) / math.pi
    assert int(found.unstable_directions) == pytest.approx(400 * part, abs=8)
    assert float(found.largest_real_part) == pytest.approx(1.0, abs=0.1)


def test_starts_that_do_not_arrive_are_left_out():
    network = ChaoticNetwork([61], gain=3.0, seed=1)
    starts = initial_potentials([61], 20, seed=1)
    found = find_fixed_points(network, starts, max_steps=60)
    assert 0 < len(found.starts) < 20
    assert len(found.eigenvalues) == len(found.starts) == len(found.potentials[0])
    none = find_fixed_points(network, starts, max_steps=1)
    assert len(none.starts) == 0
    assert none.eigenvalues.shape == (0, 61)
    assert none.potentials[0].shape == (0, 61)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tolerance": 0.0}, "tolerance"),
        ({"max_steps": 0}, "max_steps"),
        ({"longest_step": 0.0}, "longest_step"),
        ({"potentials": [torch.full((2, 5), torch.nan)]}, "finite"),
        ({"potentials": [torch.zeros(2, 4)]}, "one tensor"),
    ],
)
def test_bad_settings_of_a_search_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        find_fixed_points(ChaoticNetwork([5]), **({"potentials": [torch.zeros(2, 5)]} | changed))


# Overlaps


@pytest.mark.parametrize(("centred", "normalised"), [(False, False), (True, False), (False, True), (True, True)])
def test_overlaps_are_the_sums_of_their_definition(centred, normalised):
    layers = [torch.randn(7, size, generator=torch.Generator().manual_seed(size)) + 0.3 for size in (13, 5)]
    overlaps = chain_overlaps(layers, centred=centred, normalised=normalised)
    for layer, matrix in zip(layers, overlaps.matrices, strict=True):
        r = layer.double().numpy() - centred * layer.double().numpy().mean(axis=0)
        expected = np.array([[np.mean(a * b) for b in r] for a in r])
        if normalised:
            expected /= np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
        np.testing.assert_allclose(matrix.numpy(), expected, atol=1e-12)
    different = overlaps.matrices[0].numpy()[~np.eye(7, dtype=bool)]
    assert float(overlaps.mean[0]) == pytest.approx(different.mean())
    assert float(overlaps.spread[0]) == pytest.approx(different.std())


def test_the_standard_error_of_overlaps_is_that_of_repeated_draws():
    """Of chains that share a pattern of random strength: 400 draws of 30 chains."""
    generator = torch.Generator().manual_seed(1)
    pattern = torch.randn(11, generator=generator)
    means, errors = [], []
    for _ in range(400):
        chains = torch.randn(30, 1, generator=generator) + 0.5
        overlaps = chain_overlaps([chains * pattern + torch.randn(30, 11, generator=generator)])
        means.append(float(overlaps.mean[0]))
        errors.append(float(overlaps.standard_error[0] ** 2))
    assert np.mean(errors) ** 0.5 == pytest.approx(np.std(means), rel=0.15)


def test_chains_of_an_untrained_network_do_not_overlap():
    state = run_chains(ChaoticNetwork([401, 307], gain=2.0, seed=1), 0.2, 20, [300], seed=[1])[0]
    overlaps = chain_overlaps(state.rates, normalised=True)
    assert (overlaps.mean.abs() < 4 * overlaps.standard_error).all()
    assert (overlaps.spread < 0.3).all()


@pytest.mark.parametrize("layers", [[], [torch.zeros(1, 5)], [torch.zeros(3, 5), torch.zeros(2, 5)], [torch.zeros(5)]])
def test_states_without_pairs_of_chains_are_refused(layers):
    with pytest.raises(ValueError, match="two chains or more"):
        chain_overlaps(layers)


# Autocorrelations


@pytest.mark.parametrize("quantity", ["potentials", "rates"])
@pytest.mark.parametrize("centred", [False, True])
def test_autocorrelations_are_the_sums_of_their_definition(quantity, centred):
    network = ChaoticNetwork([7, 5], gain=3.0, seed=1).double()
    for bias in network.biases:
        bias.data.fill_(0.3)
    settings = {"duration": 12.0, "transient": 4.0, "longest_lag": 3.0, "dt": 0.5, "tau": 2.0, "seed": 1}
    measured = autocorrelations(network, 3, quantity=quantity, centred=centred, **settings)
    integrator = EulerIntegrator(network, 0.25)
    state = integrator.start(initial_potentials([7, 5], 3, seed=1, dtype=torch.float64))
    states = integrator.record(state, range(8, 33))
    for layer in range(2):
        x = torch.stack([getattr(each, quantity)[layer] for each in states]).numpy()  # (times, chains, units)
        x = x - centred * x.mean(axis=(0, 1))
        expected = [(x[: 25 - lag] * x[lag:]).mean(axis=(0, 2)) for lag in range(7)]
        np.testing.assert_allclose(measured.of_chains[:, layer].T.numpy(), expected, atol=1e-12)
    of_chains = measured.of_chains.numpy()
    np.testing.assert_allclose(measured.standard_error.numpy(), of_chains.std(axis=0, ddof=1) / math.sqrt(3))
    assert measured.times.tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3]


def test_a_linear_network_that_rests_decays_by_its_leak():
    """Without couplings x(t) = x(0) (1 - alpha)^t, a geometric series."""
    network = ChaoticNetwork([11], gain=0.0).double()
    curve = autocorrelations(network, 1, duration=4, transient=0, longest_lag=4, dt=1, tau=2, seed=1)
    start = float(initial_potentials([11], 1, seed=1, dtype=torch.float64)[0].square().mean())
    expected = [start * np.mean([0.25**t for t in range(5 - lag)]) * 0.5**lag for lag in range(5)]
    np.testing.assert_allclose(curve.mean[0].numpy(), expected, rtol=1e-12)
    assert curve.standard_error.isnan().all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_chains": 0}, "at least one chain"),
        ({"duration": 0, "longest_lag": 0}, "one time step"),
        ({"longest_lag": 11}, "at most"),
        ({"longest_lag": 1.5}, "longest_lag must be a whole number"),
        ({"quantity": "spikes"}, "potentials or rates"),
    ],
)
def test_bad_settings_of_autocorrelations_are_refused(changed, message):
    settings = {"num_chains": 2, "duration": 10, "transient": 0, "longest_lag": 2, "seed": 1} | changed
    with pytest.raises(ValueError, match=message):
        autocorrelations(ChaoticNetwork([5]), **settings)


def test_jacobians_are_not_of_the_map():
    network = ChaoticNetwork([5], gain=0.0)
    assert torch.equal(field_jacobians(network, [torch.zeros(1, 5)])[0], -torch.eye(5, dtype=torch.float64))
