"""The exponent of untrained networks against dynamical mean-field theory, which needs no simulation."""

import numpy as np
import pytest

from chaos_lightning.dynamics import ChaoticNetwork, lyapunov_exponents
from chaos_lightning.theory import mean_field


def theory_exponent(layer_sizes, gain, alpha, rate):
    """In units of 1/tau."""
    return mean_field(layer_sizes, gain=gain, rate=rate, dt=alpha, tau=1.0).lyapunov_exponent


def simulated_exponents(layer_sizes, gain, alpha, rate, num_networks):
    """One exponent a network, in units of 1/tau."""
    exponents = []
    for seed in range(num_networks):
        network = ChaoticNetwork(layer_sizes, gain=gain, rate=rate, seed=seed)
        run = lyapunov_exponents(network, 4, duration=100, transient=50, dt=alpha, tau=1, seed=[seed])
        exponents.append(float(run.mean))
    return np.array(exponents)


@pytest.mark.parametrize(
    ("layer_sizes", "gain", "alpha", "rate"),
    [
        ([1009], 2.0, 0.5, "tanh"),
        ([1009], 2.0, 0.5, "hardtanh"),
        pytest.param([1009], 2.0, 0.2, "tanh", marks=pytest.mark.slow),
        pytest.param([1009], 3.0, 0.5, "tanh", marks=pytest.mark.slow),
        # each layer is driven by the other as by one of its own kind
        pytest.param([1009, 997], 2.0, 0.5, "tanh", marks=pytest.mark.slow),
    ],
)
def test_large_networks_have_the_exponent_of_theory(layer_sizes, gain, alpha, rate):
    """Networks of 1,000 units fall short of the infinite one by some 3 to 10 %, and differ by some 6 %."""
    theory = theory_exponent(layer_sizes, gain, alpha, rate)
    simulated = simulated_exponents(layer_sizes, gain, alpha, rate, num_networks=6)
    assert 0.85 * theory < simulated.mean() < 1.03 * theory, f"theory {theory:.4f}, simulated {simulated}"


@pytest.mark.slow
@pytest.mark.parametrize("gain", [1.5, 2.0])
def test_exponents_approach_theory_as_the_network_grows(gain):
    theory = theory_exponent([1], gain, 0.5, "tanh")
    missing = [
        1 - simulated_exponents([size], gain, 0.5, "tanh", num_networks).mean() / theory
        for size, num_networks in ((251, 16), (1009, 8), (4001, 2))
    ]
    assert missing[0] > missing[1] > missing[2] > -0.02, missing
    assert missing[2] < 0.1, missing
