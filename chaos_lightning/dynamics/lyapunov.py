"""The largest Lyapunov exponent: how fast infinitesimally close chains separate."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor

from chaos_lightning.dynamics.chains import random_start
from chaos_lightning.dynamics.clock import in_whole_steps, num_time_steps
from chaos_lightning.dynamics.deviations import deviation_size, random_directions, scale_deviations
from chaos_lightning.dynamics.integrator import EulerIntegrator
from chaos_lightning.dynamics.network import ChaoticNetwork
from chaos_lightning.dynamics.random_numbers import Seed
from chaos_lightning.dynamics.state import State


class LyapunovExponents(NamedTuple):
    """Largest Lyapunov exponents of a batch of chains, per unit of time (the unit in which tau is given).

    Attributes:
        exponents: one exponent per chain, ``(chains,)``, float64.
        mean: mean over the chains, float64 scalar.
        standard_error: standard error of the mean, float64 scalar. It covers the spread over initial conditions of one
            network, not over networks. NaN for a single chain.
    """

    exponents: Tensor
    mean: Tensor
    standard_error: Tensor

    @classmethod
    def of_chains(cls, exponents: Tensor) -> Self:
        """Compute the mean and its standard error from the exponents ``(chains,)`` of single chains."""
        exponents = exponents.double()
        mean = exponents.mean()
        variance = (exponents - mean).square().sum() / (len(exponents) - 1)  # NaN for one chain: 0 / 0
        return cls(exponents, mean, (variance / len(exponents)).sqrt())


def lyapunov_exponents(
    network: ChaoticNetwork,
    num_chains: int,
    *,
    duration: float,
    transient: float,
    seed: Seed,
    dt: float = 1.0,
    tau: float = 10.0,
    first_chain: int = 0,
    renormalise_every: int = 5,
) -> LyapunovExponents:
    r"""Compute the largest Lyapunov exponent of the free network, trained or not, from random starts.

    Follows the tangent dynamics of the Euler map, ``dx_i <- (1 - alpha) dx_i + alpha sum_j K_ij phi'(x_j) dx_j``,
    along each chain, and averages the growth of its length after a transient:

    .. math::
        \lambda = \frac{1}{n\,dt} \sum_{k=1}^{n} \log \frac{|dx(k)|}{|dx(k-1)|}

    The exponent is positive in chaos, zero on a limit cycle and negative where chains come to rest. It has two uses:

    - the exponent of the attractor: ``transient`` and ``duration`` of some 50 to 100 tau or more. The transient
      takes the chains to the attractor and turns the deviations into the direction of fastest growth;
    - the finite-time exponent, which matters for sampling: ``transient=0, duration=T``. Chains then start as samples
      do, each with a random deviation, and the deviation has grown by a factor ``exp(exponent * T)`` at T.

    These are the exponents of the Euler map as it is run. They approach the exponents of the differential equation
    as dt/tau goes to 0.

    Args:
        network: the network; the computation runs in its data type and on its device.
        num_chains: number of random starts.
        duration: time over which growth is averaged, a whole number of steps.
        transient: time to run before growth is counted, a whole number of steps.
        seed: seed of the random starts, see :func:`initial_potentials`.
        dt: length of an Euler step.
        tau: time constant of the units.
        first_chain: index of the first chain, to go through many chains in batches.
        renormalise_every: time steps between rescalings of the deviations. It does not change the result as long as
            a deviation grows by far less than 1e38 (float32) between two rescalings.

    Raises:
        ValueError: if there is no chain or no time to average over, a time is not a whole number of steps, or
            ``renormalise_every`` is below 1.

    Source:
        G. Benettin, L. Galgani, A. Giorgilli, J.-M. Strelcyn, Meccanica 15, 9 (1980). For these networks:
        H. Sompolinsky, A. Crisanti, H. J. Sommers, Phys. Rev. Lett. 61, 259 (1988).

    Example:
        >>> network = ChaoticNetwork([97], gain=0.5)  # no chaos below gain 1: every deviation dies out
        >>> result = lyapunov_exponents(network, 3, duration=200, transient=100, seed=(1,))
        >>> result.exponents.shape, bool(result.mean < 0)
        (torch.Size([3]), True)
    """
    num_steps = num_time_steps(duration, dt, name="duration")
    transient_steps = num_time_steps(transient, dt, name="transient")
    if num_chains < 1 or num_steps < 1:
        raise ValueError(
            "an exponent needs at least one chain and one time step to average over, but num_chains is "
            f"{num_chains} and duration {duration}"
        )
    integrator = EulerIntegrator(network, dt / tau, product_dtype=network.biases[0].dtype)
    state = integrator.start(random_start(network, num_chains, seed=seed, first_chain=first_chain))
    deviations = random_directions(network, num_chains, seed=seed, first_chain=first_chain)
    state, deviations, _ = tangent_growth(integrator, state, deviations, transient_steps, renormalise_every)
    state, deviations, growth = tangent_growth(integrator, state, deviations, num_steps, renormalise_every)
    return LyapunovExponents.of_chains(growth / (num_steps * dt))


LONG_RUN_TRANSIENT, LONG_RUN_DURATION = 50, 100
"""Times in units of tau: long enough to reach the attractor, and to average over it."""


def long_run_exponents(
    network: ChaoticNetwork, num_chains: int, *, seed: Seed, dt: float, tau: float
) -> LyapunovExponents:
    """Compute the largest Lyapunov exponents of the attractor: over 100 tau, after 50 tau that are not counted.

    See :func:`lyapunov_exponents` for the arguments and the result.
    """
    unit = in_whole_steps(tau, dt)
    return lyapunov_exponents(
        network,
        num_chains,
        duration=LONG_RUN_DURATION * unit,
        transient=LONG_RUN_TRANSIENT * unit,
        seed=seed,
        dt=dt,
        tau=tau,
    )


def tangent_growth(
    integrator: EulerIntegrator,
    state: State,
    deviations: Sequence[Tensor],
    num_steps: int,
    renormalise_every: int = 5,
) -> tuple[State, tuple[Tensor, ...], Tensor]:
    """Follow deviations of any length along free chains, rescaled to length 1 every few time steps.

    Args:
        integrator: integrator of the free network.
        state: state of the chains.
        deviations: deviations of the potentials, one tensor ``(chains, units)`` per layer, of length 1 or so at most.
        num_steps: number of time steps.
        renormalise_every: time steps between rescalings.

    Returns:
        The new state; the new deviations, of length 1 over all layers; and the log of their growth in length
        ``(chains,)``, float64, minus infinity for a deviation that has died out exactly.

    Raises:
        ValueError: if ``renormalise_every`` is below 1.
    """
    if renormalise_every < 1:
        raise ValueError(f"renormalise_every must be 1 or more time steps, but is {renormalise_every}")
    size = deviation_size(deviations)
    growth = torch.zeros_like(size, dtype=torch.float64)
    deviations = _to_length_one(deviations, size)
    for steps_done in range(0, num_steps, renormalise_every):
        steps = min(renormalise_every, num_steps - steps_done)
        state, deviations = integrator.advance_deviations(state, deviations, steps)
        size = deviation_size(deviations)
        growth += size.double().log()
        deviations = _to_length_one(deviations, size)
    return state, tuple(deviations), growth


def _to_length_one(deviations: Sequence[Tensor], size: Tensor) -> tuple[Tensor, ...]:
    """Rescale deviations of the given length to length 1; deviations of length 0 stay 0 rather than become NaN."""
    return scale_deviations(deviations, torch.where(size > 0, 1 / size, 0))
