"""Mean-field theory against what is known exactly: limits, conservation laws, symmetries. Networks are in dynamics."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from chaos_lightning.dynamics import ChaoticNetwork, lyapunov_exponents
from chaos_lightning.theory import GaussianAverage, mean_field, variance_gains

CONTINUOUS = {"dt": None, "tau": 1.0}
TWO = [{"lower": 0, "upper": 1, "gain_down": 4.0, "gain_up": 1.0}]


@pytest.mark.parametrize(("gain", "phi"), [(1.2, "tanh"), (3.0, "tanh"), (2.0, "hardtanh")])
def test_energy_of_the_one_layer_equation_of_motion_is_conserved(gain, phi):
    """v^2 / 2 = g^2 int_0^v <phi phi>_C dC at the decaying solution (Sompolinsky, Crisanti, Sommers 1988)."""
    theory = mean_field([1], gain=gain, rate=phi, **CONTINUOUS)
    variance = float(theory.variances)
    average = GaussianAverage.of({"tanh": np.tanh, "hardtanh": lambda x: x.clip(-1, 1)}[phi], variance)
    assert gain**2 * quad(average, 0, variance)[0] == pytest.approx(variance**2 / 2, rel=1e-6)


def test_the_exponent_grows_from_gain_one_as_published():
    """(g - 1)^2 / 2 per tau as g -> 1+: the ratio, a straight line in g - 1 so close, meets 1 there."""
    gains = np.array([1.02, 1.05])
    near, far = [mean_field([1], gain=g, dt=0.5, tau=1.0).lyapunov_exponent / ((g - 1) ** 2 / 2) for g in gains]
    assert far < near < 1
    assert near + (near - far) * 0.02 / 0.03 == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("dt", [None, 0.5])
def test_close_to_the_transition_the_autocorrelation_is_a_hyperbolic_secant(dt):
    """To leading order in e = g - 1: e / cosh(e t / sqrt(3)), and the Euler map has t / sqrt(1 - dt) in place of t."""
    theory = mean_field([1], gain=1.001, dt=dt, tau=1.0)
    times = theory.times.numpy() / math.sqrt(1 - (dt or 0))
    np.testing.assert_allclose(theory.potentials[0].numpy(), 1e-3 / np.cosh(1e-3 * times / 3**0.5), atol=6e-6)
    assert theory.lyapunov_exponent == pytest.approx(1e-6 / 2, rel=0.005)


def test_close_to_the_transition_hard_tanh_conserves_energy_too():
    theory = mean_field([1], gain=1.003, rate="hardtanh", **CONTINUOUS)
    variance = float(theory.variances)
    average = GaussianAverage.of(lambda x: x.clip(-1, 1), variance)
    assert variance > 0.1
    at_start, half_way = (1.003**2 * quad(average, 0, v)[0] / v**2 - 1 / 2 for v in (variance, variance / 2))
    assert abs(at_start) < 1e-3 * abs(half_way)


def test_slow_correlations_of_the_euler_map_are_those_of_its_differential_equation(monkeypatch):
    approximate = mean_field([1], gain=1.019, dt=0.5, tau=1.0)
    for module in ("stationary_state", "autocorrelations"):
        monkeypatch.setattr(f"chaos_lightning.theory.{module}.NEAR", 0.01)
    exact = mean_field([1], gain=1.019, dt=0.5, tau=1.0)
    assert exact.times[1] == 0.5
    assert float(approximate.variances) == pytest.approx(float(exact.variances), rel=1e-5)
    assert approximate.lyapunov_exponent == pytest.approx(exact.lyapunov_exponent, rel=5e-5)
    assert approximate.decay_time == pytest.approx(exact.decay_time, rel=1e-5)


def test_too_close_to_the_transition_the_error_says_so():
    with pytest.raises(RuntimeError, match="keep 1e-5 away"):
        mean_field([1], gain=1 + 9e-6, **CONTINUOUS)


def test_at_strong_gain_the_rates_are_signs():
    """Then v^2 / 2 = g^2 int_0^v 2/pi asin(C / v) dC, so v / g^2 -> 2 - 4/pi; corrections go as 1 / g^2."""
    limit = 2 - 4 / math.pi
    assert float(mean_field([1], gain=40.0, **CONTINUOUS).variances) / 40**2 == pytest.approx(limit, rel=2e-3)


def test_the_speed_of_a_decaying_autocorrelation_is_a_mode_that_neither_grows_nor_decays():
    """d^2 f_i + sum_j G_ij <phi' phi'>_j f_j = f_i for f = dC/dtau: ties the operator of the exponent to the state."""
    theory = mean_field([7, 5], wiring=TWO, **CONTINUOUS)
    step = float(theory.times[1])
    speed = np.gradient(theory.potentials.numpy(), step, axis=1, edge_order=2)
    bent = np.gradient(np.gradient(speed, step, axis=1, edge_order=2), step, axis=1, edge_order=2)
    left = bent + variance_gains([7, 5], wiring=TWO) @ (theory.slopes.numpy() * speed)
    inside = slice(5, 400)
    np.testing.assert_allclose(left[:, inside], speed[:, inside], atol=2e-3 * np.abs(speed).max())


def test_layers_driven_as_a_single_one_are_like_it():
    single = mean_field([1], gain=2.0, dt=0.5, tau=1.0)
    several = mean_field([11, 7, 5], gain=2.0, dt=0.5, tau=1.0)
    assert several.lyapunov_exponent == pytest.approx(single.lyapunov_exponent, rel=1e-8)
    torch.testing.assert_close(several.potentials, single.potentials.expand(3, -1), rtol=1e-7, atol=1e-12)
    assert several.decay_time == pytest.approx(single.decay_time)


def test_the_order_of_two_layers_does_not_matter():
    turned = [{"lower": 0, "upper": 1, "gain_down": 1.0, "gain_up": 4.0}]
    one, other = (mean_field([7, 5], wiring=wiring, dt=0.5, tau=1.0) for wiring in (TWO, turned))
    torch.testing.assert_close(one.potentials, other.potentials.flip(0), rtol=1e-8, atol=1e-12)
    assert one.lyapunov_exponent == pytest.approx(other.lyapunov_exponent, rel=1e-9)


def test_the_euler_map_approaches_continuous_time_in_proportion_to_dt():
    continuous = mean_field([1], gain=2.0, **CONTINUOUS)
    coarse, fine = (mean_field([1], gain=2.0, dt=dt, tau=1.0).lyapunov_exponent for dt in (0.1, 0.05))
    assert 2 * fine - coarse == pytest.approx(continuous.lyapunov_exponent, rel=1e-3)
    assert abs(fine - continuous.lyapunov_exponent) < 0.01 * continuous.lyapunov_exponent


def test_times_are_in_units_of_tau():
    slow, fast = (mean_field([1], gain=2.0, dt=0.5 * tau, tau=tau) for tau in (10.0, 1.0))
    assert slow.lyapunov_exponent * 10 == pytest.approx(fast.lyapunov_exponent)
    assert slow.decay_time == pytest.approx(10 * fast.decay_time)
    torch.testing.assert_close(slow.correlation_times, 10 * fast.correlation_times)
    torch.testing.assert_close(slow.times, 10 * fast.times)


@pytest.mark.parametrize("gain", [0.0, 0.5, 1.0])
def test_at_rest_the_exponent_is_that_of_the_rightmost_eigenvalue(gain):
    theory = mean_field([1, 1], gain=gain, dt=0.3, tau=1.0, rate="hardtanh") if gain else None
    if theory is None:
        theory = mean_field([1, 1], gain=0.0, dt=0.3, tau=1.0)
        network = ChaoticNetwork([5, 3], gain=0.0).double()
        simulated = lyapunov_exponents(network, 2, duration=30, transient=0, dt=0.3, tau=1, seed=1)
        assert theory.lyapunov_exponent == pytest.approx(float(simulated.mean))
    assert theory.lyapunov_exponent == pytest.approx(math.log(0.7 + 0.3 * gain) / 0.3)
    assert mean_field([1], gain=gain, **CONTINUOUS).lyapunov_exponent == pytest.approx(gain - 1)
    assert (theory.potentials == 0).all()
    assert theory.correlation_times.isnan().all()


def test_layers_at_rest_and_layers_that_are_only_driven():
    wiring = [{"lower": 0, "upper": 1, "gain_down": 0.0, "gain_up": 2.0}, {"lower": 1, "upper": 2, "gain_down": 2.0}]
    resting = mean_field([11, 11, 11], wiring=wiring, gain=2.0, dt=0.5, tau=1.0)
    assert resting.variances[0] == 0
    assert (resting.variances[1:] > 0).all()
    assert (resting.slopes[0] == 1).all()
    wiring = [{"lower": 0, "upper": 1, "gain_down": 2.0, "gain_up": 0.0}, {"lower": 1, "upper": 1, "gain_down": 2.0}]
    driven = mean_field([11, 7], wiring=wiring, dt=0.5, tau=1.0)
    torch.testing.assert_close(driven.potentials[0], driven.potentials[1], rtol=1e-6, atol=1e-9)
    assert driven.lyapunov_exponent == pytest.approx(
        0.10778861, rel=1e-7
    )  # of one layer alone, once solved by shooting


@pytest.mark.parametrize("settings", [{"dt": 0.0}, {"dt": 10.0}, {"dt": -1.0}, {"dt": float("nan")}])
def test_a_time_step_that_is_none_is_refused(settings):
    with pytest.raises(ValueError, match="dt must be positive and shorter than tau"):
        mean_field([5], **settings)


@pytest.mark.parametrize("tau", [0.0, -1.0, float("inf"), float("nan")])
def test_a_time_constant_that_is_none_is_refused(tau):
    with pytest.raises(ValueError, match="tau must be a positive number"):
        mean_field([5], dt=None, tau=tau)


def test_deviations_live_where_couplings_are_strong():
    """Without chaos the shares are of the mode that dies out last; unequal gains make it live in the lower layer."""
    assert mean_field([7, 5], gain=0.0).deviation_shares.tolist() == pytest.approx([7 / 12, 5 / 12])
    assert mean_field([7, 5, 2], gain=2.0).deviation_shares.tolist() == pytest.approx([1 / 2, 5 / 14, 1 / 7])
    resting = [{"lower": 0, "upper": 1, "gain_down": 0.8, "gain_up": 0.2}]
    assert mean_field([5, 5], wiring=resting).deviation_shares.tolist() == pytest.approx([0.8, 0.2])  # squares as gains
    assert float(mean_field([5, 5], wiring=TWO, dt=0.5, tau=1.0).deviation_shares[0]) > 0.8
