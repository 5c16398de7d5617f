"""Finite-time Lyapunov exponents: how far small deviations have grown at given times, chain by chain."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from chaos_lightning.dynamics.chains import random_start
from chaos_lightning.dynamics.clock import num_time_steps
from chaos_lightning.dynamics.deviations import random_directions
from chaos_lightning.dynamics.integrator import EulerIntegrator
from chaos_lightning.dynamics.lyapunov import tangent_growth
from chaos_lightning.dynamics.network import ChaoticNetwork
from chaos_lightning.dynamics.progress import with_progress_bar
from chaos_lightning.dynamics.random_numbers import Seed
from chaos_lightning.dynamics.spectrum import LyapunovSpectrum, follow_basis, random_basis
from chaos_lightning.dynamics.standard_errors import mean_and_error


class FiniteTimeExponents(NamedTuple):
    """Exponents over finite times, per unit of time (of the unit in which tau is given), float64.

    Attributes:
        times: since the deviations started, ``(times,)``.
        of_chains: log growth of a deviation until then, over the time, ``(chains, times)``.
        mean: over the chains, ``(times,)``.
        standard_error: of that mean, ``(times,)``; NaN for a single chain.
        spread: standard deviation over the chains, ``(times,)``; NaN for a single chain. In chaos it falls as
            1/sqrt(time) at long times.
    """

    times: Tensor
    of_chains: Tensor
    mean: Tensor
    standard_error: Tensor
    spread: Tensor


def finite_time_exponents(
    network: ChaoticNetwork,
    num_chains: int,
    times: Sequence[float],
    *,
    seed: Seed,
    transient: float = 0.0,
    dt: float = 1.0,
    tau: float = 10.0,
    first_chain: int = 0,
) -> FiniteTimeExponents:
    r"""Measure the growth of random deviations of a free network's chains at several times of one run.

    .. math::
        \lambda(t) = \frac{1}{t} \log \frac{|dx(t)|}{|dx(0)|}

    From the random start (``transient=0``) it says how sensitive samples read out at t are to their start.

    Args:
        network: the network; the computation runs in its data type and on its device.
        num_chains: number of random starts.
        times: ascending, each a whole number of steps, one or more.
        seed: what the random starts are for, see :func:`initial_potentials`.
        transient: time run before the deviations start, a whole number of steps.
        dt: length of an Euler step.
        tau: time constant of the units.
        first_chain: index of the first chain.

    Raises:
        ValueError: if there is no chain or no time, times do not ascend from one step on, or one is not a whole
            number of steps.

    Source:
        Definition: P. Grassberger, R. Badii, A. Politi, J. Stat. Phys. 51, 135 (1988).

    Example:
        >>> curve = finite_time_exponents(ChaoticNetwork([97], gain=3.0), 5, [10, 100], seed=1)
        >>> curve.of_chains.shape
        torch.Size([5, 2])
    """
    steps = _ascending_steps(times, num_chains, dt)
    transient_steps = num_time_steps(transient, dt, name="transient")
    integrator = EulerIntegrator(network, dt / tau, product_dtype=network.biases[0].dtype)
    state = integrator.start(random_start(network, num_chains, seed=seed, first_chain=first_chain))
    state = integrator.advance(state, transient_steps)
    deviations = random_directions(network, num_chains, seed=seed, first_chain=first_chain)
    grown = [torch.zeros(num_chains, dtype=torch.float64, device=network.biases[0].device)]
    stretches = list(zip([0, *steps[:-1]], steps, strict=True))
    for start, end in with_progress_bar(stretches, "finite-time exponents"):
        state, deviations, growth = tangent_growth(integrator, state, deviations, end - start)
        grown.append(grown[-1] + growth)
    elapsed = torch.tensor(steps, dtype=torch.float64, device=grown[0].device) * dt
    of_chains = torch.stack(grown[1:], dim=1) / elapsed
    mean, error = mean_and_error(of_chains)
    return FiniteTimeExponents(elapsed, of_chains, mean, error, error * num_chains**0.5)


def local_spectra(
    network: ChaoticNetwork,
    num_chains: int,
    times: Sequence[float],
    *,
    seed: Seed,
    num_exponents: int,
    dt: float = 1.0,
    tau: float = 10.0,
    first_chain: int = 0,
    orthonormalise_every: int = 5,
) -> list[LyapunovSpectrum]:
    """Measure the largest Lyapunov exponents between times of one run from the random start: local exponents.

    The directions are random at the start and take some tau to turn into those that grow fastest, so that the first
    local exponents are too low. In the long run local exponents average to those of :func:`lyapunov_spectrum`.

    Args:
        network: the network; the computation runs in its data type and on its device.
        num_chains: number of random starts.
        times: ascending, each a whole number of steps, one or more.
        seed: what the random starts are for, see :func:`initial_potentials`.
        num_exponents: k, between 1 and the number of units.
        dt: length of an Euler step.
        tau: time constant of the units.
        first_chain: index of the first chain.
        orthonormalise_every: time steps between orthonormalisations.

    Returns:
        For each time the spectrum over the time since the one before, or since the start.

    Raises:
        ValueError: if there is no chain, times do not ascend from one step on, one is not a whole number of steps, or
            ``num_exponents`` is not between 1 and the number of units.
    """
    steps = _ascending_steps(times, num_chains, dt)
    num_units = sum(network.layer_sizes)
    if not 1 <= num_exponents <= num_units:
        raise ValueError(f"num_exponents must be between 1 and the {num_units} units, but is {num_exponents}")
    integrator = EulerIntegrator(network, dt / tau, product_dtype=network.biases[0].dtype)
    state = integrator.start(random_start(network, num_chains, seed=seed, first_chain=first_chain))
    basis = random_basis(network, num_chains, num_exponents, seed=seed, first_chain=first_chain)
    spectra = []
    for start, end in zip([0, *steps[:-1]], steps, strict=True):
        state, basis, stretching, shares = follow_basis(integrator, state, basis, end - start, orthonormalise_every)
        spectra.append(LyapunovSpectrum.of(stretching / ((end - start) * dt), shares, num_units))
    return spectra


def _ascending_steps(times: Sequence[float], num_chains: int, dt: float) -> list[int]:
    """Return the times in time steps.

    Raises:
        ValueError: if there is no chain, times do not ascend from one step on, or one is not a whole number of steps.
    """
    steps = [num_time_steps(time, dt, name="each of the times") for time in times]
    if num_chains < 1:
        raise ValueError(f"num_chains must be 1 or more, but is {num_chains}")
    if not steps or steps[0] < 1 or sorted(set(steps)) != steps:
        raise ValueError(f"times must ascend from one time step on, but are {list(times)} with dt={dt}")
    return steps
