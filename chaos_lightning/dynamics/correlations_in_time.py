"""Autocorrelation functions of each layer in the stationary state."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from chaos_lightning.dynamics.chains import random_start
from chaos_lightning.dynamics.clock import num_time_steps
from chaos_lightning.dynamics.integrator import EulerIntegrator
from chaos_lightning.dynamics.network import ChaoticNetwork
from chaos_lightning.dynamics.progress import with_progress_bar
from chaos_lightning.dynamics.random_numbers import Seed
from chaos_lightning.dynamics.standard_errors import mean_and_error

Quantity = Literal["potentials", "rates"]


class Autocorrelations(NamedTuple):
    """Autocorrelation functions of layers, float64.

    Attributes:
        times: lags, ``(lags,)``, in the unit of tau, from 0.
        of_chains: of single chains, ``(chains, layers, lags)``.
        mean: over the chains, ``(layers, lags)``.
        standard_error: of that mean, ``(layers, lags)``: the spread over chains of one network, not over networks.
            NaN for a single chain.
    """

    times: Tensor
    of_chains: Tensor
    mean: Tensor
    standard_error: Tensor


@torch.no_grad()
def autocorrelations(
    network: ChaoticNetwork,
    num_chains: int,
    *,
    duration: float,
    transient: float,
    longest_lag: float,
    seed: Seed,
    quantity: Quantity = "potentials",
    centred: bool = False,
    dt: float = 1.0,
    tau: float = 10.0,
    first_chain: int = 0,
) -> Autocorrelations:
    r"""Measure the autocorrelation functions of a free network, trained or not, from random starts.

    For each chain and each layer of N units, over all n pairs of times within the duration that are a lag apart,

    .. math::
        C(s) = \frac{1}{N n} \sum_{i=1}^{N} \sum_t (x_i(t) - m_i) (x_i(t + s) - m_i).

    Centred, m is the mean of each unit over all chains and times; otherwise it is 0, as in mean-field theory
    (:func:`chaos_lightning.theory.mean_field`), where a unit has no mean. Trained networks have biases, and so means.
    Chains that stay in parts of their own of the phase space keep that difference, which then does not decay.

    Memory: the trajectories of one layer are held in float64, ``chains x steps x units`` numbers, and some more for
    Fourier transforms.

    Args:
        network: the network; the computation runs on its device, the steps in its data type.
        num_chains: number of random starts.
        duration: time to average over, a whole number of steps.
        transient: time run before, a whole number of steps.
        longest_lag: a whole number of steps, at most the duration.
        seed: what the random starts are for, see :func:`initial_potentials`.
        quantity: what is correlated, potentials x or rates phi(x).
        centred: whether the means of the units are subtracted.
        dt: length of an Euler step.
        tau: time constant of the units.
        first_chain: index of the first chain.

    Raises:
        ValueError: if there is no chain, a time is not a whole number of steps, the longest lag is longer than the
            duration, or the quantity is none of the two.

    Source:
        H. Sompolinsky, A. Crisanti, H. J. Sommers, Phys. Rev. Lett. 61, 259 (1988).

    Example:
        >>> network = ChaoticNetwork([97, 53], gain=2.0)
        >>> curves = autocorrelations(network, 3, duration=300, transient=100, longest_lag=40, seed=1)
        >>> curves.mean.shape, bool((curves.mean[:, -1] < curves.mean[:, 0]).all())
        (torch.Size([2, 41]), True)
    """
    num_steps = num_time_steps(duration, dt, name="duration")
    transient_steps = num_time_steps(transient, dt, name="transient")
    lag_steps = num_time_steps(longest_lag, dt, name="longest_lag")
    if num_chains < 1 or num_steps < 1:
        raise ValueError(
            "an autocorrelation needs at least one chain and one time step to average over, but num_chains is "
            f"{num_chains} and duration {duration}"
        )
    if lag_steps > num_steps:
        raise ValueError(f"longest_lag can be the duration at most, {duration}, but is {longest_lag}")
    if quantity not in ("potentials", "rates"):
        raise ValueError(f"quantity must be potentials or rates, but is {quantity!r}")
    integrator = EulerIntegrator(network, dt / tau, product_dtype=network.biases[0].dtype)
    state = integrator.start(random_start(network, num_chains, seed=seed, first_chain=first_chain))
    state = integrator.advance(state, transient_steps)
    paths = [
        torch.empty(num_chains, num_steps + 1, size, dtype=torch.float64, device=network.biases[0].device)
        for size in network.layer_sizes
    ]
    for step in with_progress_bar(range(num_steps + 1), "autocorrelations"):
        for path, layer in zip(paths, getattr(state, quantity), strict=True):
            path[:, step] = layer
        state = integrator.advance(state, 1) if step < num_steps else state
    if centred:
        for path in paths:
            path -= path.mean(dim=(0, 1))
    of_chains = torch.stack([correlations_of_paths(path, lag_steps) for path in paths], dim=1)
    times = torch.arange(lag_steps + 1, dtype=torch.float64, device=of_chains.device) * dt
    return Autocorrelations(times, of_chains, *mean_and_error(of_chains))


def correlations_of_paths(paths: Tensor, num_lags: int) -> Tensor:
    """Average ``x(t) x(t + s)`` over units and times, by fast Fourier transforms.

    Args:
        paths: x, ``(chains, times, units)``.
        num_lags: the longest lag.

    Returns:
        ``(chains, num_lags + 1)``.
    """
    num_times = paths.shape[1]
    padded = num_times + num_lags  # so that no product wraps around
    power = torch.stack([torch.fft.rfft(path, padded, dim=0).abs().square().mean(dim=1) for path in paths])
    sums: Tensor = torch.fft.irfft(power, padded, dim=1)[:, : num_lags + 1]
    counts = num_times - torch.arange(num_lags + 1, dtype=sums.dtype, device=sums.device)
    return sums.div(counts)
