"""Whole runs of chains from a random start."""

from collections.abc import Sequence

from chaos_lightning.dynamics.initial import initial_potentials
from chaos_lightning.dynamics.integrator import EulerIntegrator, Held, State
from chaos_lightning.dynamics.network import ChaoticNetwork


def run_chains(
    network: ChaoticNetwork,
    alpha: float,
    num_chains: int,
    num_steps: Sequence[int],
    *,
    seed: Sequence[int],
    first_chain: int = 0,
    held: Held | None = None,
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
    """
    bias = network.biases[0]
    potentials = initial_potentials(
        network.layer_sizes,
        num_chains,
        seed=seed,
        first_chain=first_chain,
        device=bias.device,
        dtype=bias.dtype,
    )
    integrator = EulerIntegrator(network, alpha, held=held)
    state = integrator.start(potentials)
    states = []
    steps_done = 0
    for steps in num_steps:
        state = integrator.advance(state, steps - steps_done)
        states.append(state)
        steps_done = steps
    return states
