"""How chaotic the network is, with and without what it has learned."""

import copy
from dataclasses import dataclass
from typing import Any

import torch

from chaos_lightning.dynamics import (
    ChaoticNetwork,
    LyapunovExponents,
    ReplicaDivergence,
    lyapunov_exponents,
    replica_divergence,
)
from chaos_lightning.models import ChaoticGenerator
from chaos_lightning.models.base import SAMPLING

RELATIVE_SIZE = 1e-8
"""Of the perturbation: small enough to leave a long stretch of exponential growth, in float64 far above rounding."""

TRANSIENT, DURATION = 50, 100
"""In tau: what is run before the exponents of the attractor are measured, and over what they are averaged."""


@dataclass(frozen=True)
class Chaos:
    """Chaos of one network.

    Attributes:
        divergence: of pairs of samples whose starts differ by ``RELATIVE_SIZE``, from the random start to 3T.
        until_sampling: finite-time exponents from the random start to T: what perturbations of a sample grow by.
        long_run: exponents of the attractor.
    """

    divergence: ReplicaDivergence
    until_sampling: LyapunovExponents
    long_run: LyapunovExponents


def untrained(network: ChaoticNetwork) -> ChaoticNetwork:
    """The network before training: the same frozen couplings, no learned ones, no biases."""
    before = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in before.trainable():
            parameter.zero_()
    return before


def measure_chaos(network: ChaoticNetwork, model: ChaoticGenerator, num_chains: int, seed: int) -> Chaos:
    """Measure how fast nearby chains separate.

    Args:
        network: the network to measure.
        model: says times and time constants.
        num_chains: random starts, those of the first samples of the same seed.
        seed: of the samples.
    """
    clock: dict[str, Any] = {"dt": model.dt, "tau": model.tau, "seed": (seed, SAMPLING)}
    whole_steps = round(model.tau / model.dt) * model.dt  # about tau, as whole time steps
    divergence = replica_divergence(
        copy.deepcopy(network).double(),
        num_chains,
        duration=3 * model.sampling_time,
        relative_size=RELATIVE_SIZE,
        **clock,
    )
    until_sampling = lyapunov_exponents(network, num_chains, duration=model.sampling_time, transient=0, **clock)
    long_run = lyapunov_exponents(
        network, num_chains, duration=DURATION * whole_steps, transient=TRANSIENT * whole_steps, **clock
    )
    return Chaos(divergence, until_sampling, long_run)
