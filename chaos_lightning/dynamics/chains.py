"""Random starts of a network's chains, and whole runs from them."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from chaos_lightning.dynamics.cuda_graphs import replay
from chaos_lightning.dynamics.integrator import EulerIntegrator
from chaos_lightning.dynamics.network import Afferents, ChaoticNetwork
from chaos_lightning.dynamics.noise import Noise
from chaos_lightning.dynamics.random_numbers import Seed, initial_potentials, origin_of, potentials_from, seed_numbers
from chaos_lightning.dynamics.state import Held, State


class Start(NamedTuple):
    """The random start of chains, kept as the numbers that determine it, and their noise; made by :func:`start_of`.

    Attributes:
        num_chains: number of chains.
        origin: numbers that determine the initial potentials, see :func:`origin_of`.
        noise: noise to inject at each time step; None injects none.
    """

    num_chains: int
    origin: Tensor
    noise: Noise | None = None


def start_of(
    num_chains: int,
    *,
    seed: Seed,
    first_chain: int = 0,
    noise: float = 0.0,
    noise_layers: Sequence[int] | None = None,
) -> Start:
    """Return the random start of chains for a seed.

    Args:
        num_chains: number of chains.
        seed: seed of the random start, see :func:`initial_potentials`.
        first_chain: index of the first chain.
        noise: strength of injected noise, see :class:`Noise`.
        noise_layers: layers that get noise; None gives it to all.
    """
    layers = None if noise_layers is None else tuple(noise_layers)
    injected = Noise(noise, seed_numbers(seed), first_chain, layers) if noise > 0 else None
    return Start(num_chains, origin_of(seed, first_chain), injected)


def random_start(network: ChaoticNetwork, num_chains: int, *, seed: Seed, first_chain: int = 0) -> tuple[Tensor, ...]:
    """Draw initial potentials on the device and in the data type of the network, see :func:`initial_potentials`.

    Args:
        network: network that gives layer sizes, device and data type.
        num_chains: number of chains.
        seed: seed of the chains.
        first_chain: index of the first chain.

    Returns:
        One tensor ``(chains, units)`` per layer.
    """
    bias = network.biases[0]
    return initial_potentials(
        network.layer_sizes, num_chains, seed=seed, first_chain=first_chain, device=bias.device, dtype=bias.dtype
    )


def run_from(
    network: ChaoticNetwork,
    alpha: float,
    start: Start,
    num_steps: Sequence[int],
    *,
    held: Held | None = None,
    afferents: Sequence[Afferents] | None = None,
) -> list[State]:
    """Run chains once from a start and return their states after given numbers of time steps.

    Args:
        network: the network.
        alpha: dt / tau.
        start: random start of the chains.
        num_steps: numbers of time steps after which to note the state, ascending.
        held: visible rates to hold; None holds none.
        afferents: sources of each layer's input, for runs that share them; None sums the network's own couplings.
    """

    def run(start: Start, held: Held | None, afferents: Sequence[Afferents] | None) -> list[State]:
        bias = network.biases[0]
        whole = held is not None and held.mask is None  # a visible layer that is held whole needs no potentials
        drawn = potentials_from(
            start.origin, network.layer_sizes[int(whole) :], start.num_chains, device=bias.device, dtype=bias.dtype
        )
        potentials = (held.values, *drawn) if held is not None and whole else drawn
        integrator = EulerIntegrator(network, alpha, held=held, afferents=afferents, noise=start.noise)
        return integrator.record(integrator.start(potentials), num_steps)

    if start.noise is not None:  # a graph would inject the same noise at every replay
        return run(start, held, afferents)
    return replay(network, run, start, held, afferents, key=(alpha, *num_steps))  # type: ignore[no-any-return]


def run_chains(
    network: ChaoticNetwork,
    alpha: float,
    num_chains: int,
    num_steps: Sequence[int],
    *,
    seed: Seed,
    first_chain: int = 0,
    held: Held | None = None,
    noise: float = 0.0,
    noise_layers: Sequence[int] | None = None,
) -> list[State]:
    """Run chains from their random start, see :func:`start_of` and :func:`run_from`."""
    start = start_of(num_chains, seed=seed, first_chain=first_chain, noise=noise, noise_layers=noise_layers)
    return run_from(network, alpha, start, num_steps, held=held)
