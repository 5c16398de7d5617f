"""Chaos of a network in the long run: what mean-field theory speaks of."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from chaos_lightning.chaos.subject import Subject
from chaos_lightning.dynamics import (
    Autocorrelations,
    ChaoticNetwork,
    LyapunovSpectrum,
    Stream,
    autocorrelations,
    field_jacobians,
    lyapunov_spectrum,
    run_chains,
    spectrum_to_dimension,
)
from chaos_lightning.dynamics.clock import in_whole_steps
from chaos_lightning.dynamics.progress import with_progress_bar
from chaos_lightning.dynamics.standard_errors import mean_and_error

WHOLE_SPECTRUM = 150
"""Units up to which all Lyapunov exponents are measured, and not only those that the dimension takes."""

SPECTRUM_CHAINS = 3
"""Random starts of which a spectrum is measured, at most; it takes most of the time."""

LONGEST_LAG, DURATION, TRANSIENT = 20, 100, 50
"""In units of tau."""

SPECTRUM_DURATION, SPECTRUM_TRANSIENT = 60, 40
"""In units of tau."""


@dataclass(frozen=True)
class LongRun:
    """Chaos of a network in the long run.

    Attributes:
        autocorrelations: of the potentials, with the mean of each unit subtracted in a trained network.
        spectrum: Lyapunov exponents, the largest ones or all.
        layer_shares: share of each layer in the squared length of the fastest growing deviation, ``(layers,)``, and its
            standard error over the chains.
        eigenvalues: of the Jacobian in units of 1/tau, at times along a chain from its random start: time to
            ``(units,)``, complex.
    """

    autocorrelations: Autocorrelations
    spectrum: LyapunovSpectrum
    layer_shares: tuple[Tensor, Tensor]
    eigenvalues: dict[float, Tensor]

    @property
    def jacobian_radius(self) -> float:
        """Largest distance of an eigenvalue from -1."""
        return float(torch.stack([(values + 1).abs().max() for values in self.eigenvalues.values()]).max())


def measure_long_run(subject: Subject, name: str) -> LongRun:
    """Measure one of the networks of a subject, by name."""
    network, clock = subject.networks[name], subject.clock
    unit = in_whole_steps(clock.tau, clock.dt)
    settings: dict[str, Any] = {"dt": clock.dt, "tau": clock.tau, "seed": (subject.seed, Stream.SAMPLING)}
    curves = autocorrelations(
        network,
        subject.num_chains,
        duration=DURATION * unit,
        transient=TRANSIENT * unit,
        longest_lag=LONGEST_LAG * unit,
        centred=name == "trained",
        **settings,
    )
    num_units = sum(network.layer_sizes)
    settings |= {"duration": SPECTRUM_DURATION * unit, "transient": SPECTRUM_TRANSIENT * unit}
    measure = lyapunov_spectrum if num_units <= WHOLE_SPECTRUM else spectrum_to_dimension
    spectrum = measure(network, min(subject.num_chains, SPECTRUM_CHAINS), **settings)
    shares = mean_and_error(spectrum.layer_shares[:, 0])
    return LongRun(curves, spectrum, shares, eigenvalues_along(network, subject))


def eigenvalues_along(network: ChaoticNetwork, subject: Subject) -> dict[float, Tensor]:
    """Compute the eigenvalues of the Jacobian at T and 3T along the first chain."""
    clock = subject.clock
    steps = [clock.num_steps, 3 * clock.num_steps]
    states = run_chains(network, clock.alpha, 1, steps, seed=(subject.seed, Stream.SAMPLING))
    found = {}
    for step, state in with_progress_bar(list(zip(steps, states, strict=True)), "eigenvalues of the Jacobian"):
        found[clock.time_after(step)] = torch.linalg.eigvals(field_jacobians(network, state.potentials)[0])
    return found
