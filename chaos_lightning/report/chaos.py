"""Chaos of the network, with and without its learned couplings and biases."""

import copy
from dataclasses import dataclass
from typing import Any

from chaos_lightning.dynamics import (
    ChaoticNetwork,
    LyapunovExponents,
    ReplicaDivergence,
    Stream,
    long_run_exponents,
    lyapunov_exponents,
    replica_divergence,
)
from chaos_lightning.models import ChaoticGenerator

RELATIVE_SIZE = 1e-8
"""Relative size of the perturbation: small enough for a long exponential growth, and far above float64 rounding."""


@dataclass(frozen=True)
class Chaos:
    """Chaos of one network.

    Attributes:
        divergence: distances between pairs of samples whose starts differ by ``RELATIVE_SIZE``, from the random start
            to 3T.
        until_sampling: finite-time exponents from the random start to T, by which perturbations of a sample grow.
        long_run: exponents of the attractor.
    """

    divergence: ReplicaDivergence
    until_sampling: LyapunovExponents
    long_run: LyapunovExponents


def measure_chaos(network: ChaoticNetwork, model: ChaoticGenerator, num_chains: int, seed: int) -> Chaos:
    """Measure how fast nearby chains separate.

    Args:
        network: the network to measure.
        model: model that gives times and time constants.
        num_chains: number of random starts; the first samples of the same seed have the same starts.
        seed: seed of the samples.
    """
    clock: dict[str, Any] = {"dt": model.dt, "tau": model.tau, "seed": (seed, Stream.SAMPLING)}
    divergence = replica_divergence(
        copy.deepcopy(network).double(),
        num_chains,
        duration=3 * model.sampling_time,
        relative_size=RELATIVE_SIZE,
        **clock,
    )
    until_sampling = lyapunov_exponents(network, num_chains, duration=model.sampling_time, transient=0, **clock)
    return Chaos(divergence, until_sampling, long_run_exponents(network, num_chains, **clock))
