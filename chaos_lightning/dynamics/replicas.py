"""Two replicas of a chain that start almost alike, and their distance over time."""

from typing import NamedTuple

import torch
from torch import Tensor

from chaos_lightning.dynamics.chains import random_start
from chaos_lightning.dynamics.clock import num_time_steps
from chaos_lightning.dynamics.deviations import deviation_size, random_directions, scale_deviations
from chaos_lightning.dynamics.integrator import EulerIntegrator
from chaos_lightning.dynamics.lyapunov import LyapunovExponents
from chaos_lightning.dynamics.network import ChaoticNetwork
from chaos_lightning.dynamics.random_numbers import Seed


class ReplicaDivergence(NamedTuple):
    """Distance between two replicas over time.

    Attributes:
        times: times since the perturbation, ``(times,)``, float64, ascending from 0.
        distances: root mean square over all units of the difference in potential, ``(times, chains)``, float64.
    """

    times: Tensor
    distances: Tensor

    @property
    def mean_distance(self) -> Tensor:
        """Distance averaged over the chains, ``(times,)``: the curve to plot."""
        return self.distances.mean(dim=1)

    @property
    def typical_distance(self) -> Tensor:
        """Geometric mean over the chains, ``(times,)``: its log grows by the Lyapunov exponent while it is small."""
        return self.distances.log().mean(dim=1).exp()

    def growth_rates(self, start: float, stop: float) -> LyapunovExponents:
        """Compute how fast the distance grows exponentially between two times, per unit of time.

        This estimates the largest Lyapunov exponent if the difference has turned into the direction of fastest growth
        at the earlier time, and is still well below the size of the potentials at the later time.

        Args:
            start: the earlier time; the nearest of ``times`` is taken.
            stop: the later time; the nearest of ``times`` is taken.

        Raises:
            ValueError: if both times fall on the same entry of ``times``, or are in the wrong order.
        """
        first, last = (int((self.times - time).abs().argmin()) for time in (start, stop))
        if first >= last:
            raise ValueError(
                f"the growth needs two times of the curve in ascending order, but start={start} and stop={stop} are "
                f"points {first} and {last} of {len(self.times)}"
            )
        growth = self.distances[last].log() - self.distances[first].log()
        return LyapunovExponents.of_chains(growth / (self.times[last] - self.times[first]))


def replica_divergence(
    network: ChaoticNetwork,
    num_chains: int,
    *,
    duration: float,
    seed: Seed,
    relative_size: float = 1e-3,
    transient: float = 0.0,
    dt: float = 1.0,
    tau: float = 10.0,
    first_chain: int = 0,
    record_every: int = 1,
) -> ReplicaDivergence:
    """Run pairs of free chains whose initial states differ by a small random perturbation, and note their distance.

    ``x'(0) = x(0) + relative_size |x(0)| u`` with ``u`` a random direction of length 1 in the potentials of all
    layers. The distance of a pair is ``|x'(t) - x(t)| / sqrt(units)``.

    In chaos the distance grows as ``exp(lyapunov_exponent * t)`` until it saturates at the size of the attractor.
    Where chains come to rest it shrinks. Below some 1e-6 of the potentials float32 rounding takes over: give a network
    in float64 to follow smaller distances, or to start closer.

    Args:
        network: the network; the computation runs in its data type and on its device.
        num_chains: number of pairs.
        duration: time over which to follow the pairs, a whole number of steps.
        seed: seed of the random starts, see :func:`initial_potentials`.
        relative_size: length of the perturbation relative to the length of the state.
        transient: time to run before the perturbation, a whole number of steps; 0 perturbs the random start.
        dt: length of an Euler step.
        tau: time constant of the units.
        first_chain: index of the first chain.
        record_every: time steps between two points of the curve, which ends at or shortly before ``duration``.

    Raises:
        ValueError: if there is no pair, a time is not a whole number of steps, ``relative_size`` is not positive or
            too small for the network's data type, or ``record_every`` is below 1.

    Example:
        >>> network = ChaoticNetwork([97], gain=5.0)
        >>> curve = replica_divergence(network, 3, duration=100, seed=(1,), record_every=20)
        >>> curve.times.tolist()
        [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
        >>> bool(curve.mean_distance[-1] > 10 * curve.mean_distance[0])
        True
    """
    bias = network.biases[0]
    num_steps = num_time_steps(duration, dt, name="duration")
    transient_steps = num_time_steps(transient, dt, name="transient")
    if num_chains < 1 or record_every < 1:
        raise ValueError(f"num_chains and record_every must be 1 or more, but are {num_chains} and {record_every}")
    resolution = torch.finfo(bias.dtype).eps
    if not relative_size >= 10 * resolution:
        raise ValueError(
            f"relative_size must be 10 times the resolution of {bias.dtype} or more, {10 * resolution:.1g}, but is "
            f"{relative_size}; a network in float64 allows smaller ones"
        )

    integrator = EulerIntegrator(network, dt / tau, product_dtype=bias.dtype)
    state = integrator.start(random_start(network, num_chains, seed=seed, first_chain=first_chain))
    state = integrator.advance(state, transient_steps)
    directions = random_directions(network, num_chains, seed=seed, first_chain=first_chain)
    perturbations = scale_deviations(directions, relative_size * deviation_size(state.potentials))
    # Both replicas of all pairs run as one batch, the originals before the perturbed ones.
    state = integrator.start([torch.cat([x, x + dx]) for x, dx in zip(state.potentials, perturbations, strict=True)])
    recorded_steps = range(0, num_steps + 1, record_every)
    distances = []
    for step in recorded_steps:
        state = integrator.advance(state, record_every if step else 0)
        differences = [x[num_chains:].double() - x[:num_chains].double() for x in state.potentials]
        distances.append(deviation_size(differences) / sum(network.layer_sizes) ** 0.5)
    times = torch.tensor(recorded_steps, dtype=torch.float64, device=bias.device) * dt
    return ReplicaDivergence(times, torch.stack(distances))
