"""Random starts of a network's chains, and whole runs from them."""

from collections.abc import Sequence

from torch import Tensor

from chaos_lightning.dynamics.initial import Seed, initial_potentials, seed_numbers
from chaos_lightning.dynamics.integrator import EulerIntegrator, Held, State
from chaos_lightning.dynamics.network import ChaoticNetwork
from chaos_lightning.dynamics.noise import Noise
from chaos_lightning.dynamics.thinning import WHOLE, Thinning


def random_start(
    network: ChaoticNetwork, num_chains: int, *, seed: Seed, first_chain: int = 0, lowest_layer: int = 0
) -> tuple[Tensor, ...]:
    """Draw initial potentials on the device and in the data type of the network, see :func:`initial_potentials`.

    Args:
        network: says layer sizes, device and data type.
        num_chains: number of chains.
        seed: what the chains are for.
        first_chain: index of the first chain.
        lowest_layer: 1 leaves out the visible layer.

    Returns:
        One tensor ``(chains, units)`` a layer.
    """
    bias = network.biases[0]
    return initial_potentials(
        network.layer_sizes[lowest_layer:],
        num_chains,
        seed=seed,
        first_chain=first_chain,
        device=bias.device,
        dtype=bias.dtype,
    )


def run_chains(
    network: ChaoticNetwork,
    alpha: float,
    num_chains: int,
    num_steps: Sequence[int],
    *,
    seed: Seed,
    first_chain: int = 0,
    held: Held | None = None,
    thinning: Thinning = WHOLE,
    noise: float = 0.0,
) -> list[State]:
    """Run chains from their random start and return the states after given numbers of time steps, of one run.

    Args:
        network: the network.
        alpha: dt / tau.
        num_chains: number of chains.
        num_steps: numbers of time steps after which to note the state, ascending.
        seed: what the random start is for, see :func:`initial_potentials`.
        first_chain: index of the first chain.
        held: visible rates to hold.
        thinning: what is dropped from the network during the run.
        noise: strength of injected noise, see :class:`Noise`.
    """
    injected = Noise(noise, seed_numbers(seed), first_chain) if noise > 0 else None
    integrator = EulerIntegrator(network, alpha, held=held, thinning=thinning, noise=injected)
    if held is not None and held.mask is None:
        hidden = random_start(network, num_chains, seed=seed, first_chain=first_chain, lowest_layer=1)
        potentials = (held.values, *hidden)  # a layer that is held whole has no use for potentials
    else:
        potentials = random_start(network, num_chains, seed=seed, first_chain=first_chain)
    return integrator.record(integrator.start(potentials), num_steps)
