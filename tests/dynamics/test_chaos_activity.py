"""Participation ratio against NumPy's eigenvalues; speeds and rest against the equation of motion."""

import numpy as np
import pytest
import torch

from chaos_lightning.dynamics import (
    ChaoticNetwork,
    chain_speeds,
    initial_potentials,
    run_chains,
)
from chaos_lightning.functional import participation_ratio, resting_fraction


@pytest.mark.parametrize("shape", [(53, 17), (13, 29), (2, 7)])
def test_participation_ratio_agrees_with_eigenvalues(shape):
    rates = torch.tanh(
        torch.randn(shape, generator=torch.Generator().manual_seed(1)) * torch.linspace(0.1, 2, shape[1])
    )
    eigenvalues = np.linalg.eigvalsh(np.cov(rates.double().numpy(), rowvar=False, bias=True))
    expected = eigenvalues.sum() ** 2 / (eigenvalues**2).sum()
    assert float(participation_ratio(rates)) == pytest.approx(expected, rel=1e-10)
    assert expected < min(shape[0] - 1, shape[1]) + 1e-9


def test_participation_ratio_knows_the_extremes():
    line = torch.linspace(-1, 1, 11)[:, None] * torch.randn(1, 5, generator=torch.Generator().manual_seed(1))
    assert float(participation_ratio(line + 0.3)) == pytest.approx(1, rel=1e-6)
    assert float(participation_ratio(torch.cat([torch.eye(7), -torch.eye(7)]))) == pytest.approx(7)
    # 0.1 is not exact in binary, so the mean of 11 of them differs by rounding
    assert participation_ratio(torch.full((11, 5), 0.1)) == 0


@pytest.mark.parametrize("rates", [torch.zeros(1, 5), torch.zeros(0, 5), torch.zeros(5)])
def test_participation_ratio_refuses_what_has_none(rates):
    with pytest.raises(ValueError, match="two samples"):
        participation_ratio(rates)


@pytest.mark.parametrize("rate", ["tanh", "hardtanh"])
def test_speeds_are_those_of_the_equation_of_motion(rate):
    network = ChaoticNetwork([11, 7], rate=rate, seed=1).double()
    connection = network.connections[0]
    generator = torch.Generator().manual_seed(0)
    for parameter in network.trainable():
        parameter.data.normal_(generator=generator)
    v, h = (x.numpy() for x in initial_potentials([11, 7], 3, seed=[1], dtype=torch.float64))
    phi = {"tanh": np.tanh, "hardtanh": lambda x: np.clip(x, -1, 1)}[rate]
    learned, down, up = (
        matrix.detach().numpy() for matrix in (connection.learned, connection.frozen_down, connection.frozen_up)
    )
    b, c = (bias.detach().numpy() for bias in network.biases)
    velocities = [-v + phi(h) @ (down + learned).T + b, -h + phi(v) @ (up + learned.T).T + c]
    expected = np.abs(np.hstack(velocities)).max(axis=1)
    speeds = chain_speeds(network, [torch.from_numpy(v), torch.from_numpy(h)])
    np.testing.assert_allclose(speeds.numpy(), expected, rtol=1e-12)


def test_strong_symmetric_couplings_come_to_rest_and_chaos_does_not():
    network = ChaoticNetwork([211], gain=2.0, seed=1)
    chaotic = run_chains(network, 0.1, 13, [1000], seed=[1])[0]
    assert resting_fraction(chain_speeds(network, chaotic.potentials)) == 0
    patterns = torch.randn(3, 211, generator=torch.Generator().manual_seed(1)).sign()
    network.connections[0].learned.data.copy_(8 * patterns.T @ patterns / 211).fill_diagonal_(0)
    early, late = run_chains(network, 0.1, 13, [10, 1000], seed=[1])
    assert resting_fraction(chain_speeds(network, early.potentials)) == 0
    assert resting_fraction(chain_speeds(network, late.potentials)) == 1
    assert participation_ratio(late.rates[0]) < participation_ratio(chaotic.rates[0])


def test_rounding_in_float32_stays_far_below_the_tolerance():
    network = ChaoticNetwork([784], gain=0.5, seed=1)
    network.biases[0].data.normal_(generator=torch.Generator().manual_seed(1))
    state = run_chains(network, 0.1, 3, [1000], seed=[1])[0]
    assert chain_speeds(network, state.potentials).max() < 1e-5


def test_resting_fraction_counts_strictly_below_the_tolerance():
    speeds = torch.tensor([0.0, 0.01, 0.02, 0.5])
    assert resting_fraction(speeds) == 0.25
    assert resting_fraction(speeds, tolerance=0.1) == 0.75
    assert resting_fraction(speeds, tolerance=0.5) == 0.75
    for bad in (torch.zeros(0), torch.zeros(2, 2)):
        with pytest.raises(ValueError, match="one chain or more"):
            resting_fraction(bad)
