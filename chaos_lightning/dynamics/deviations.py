"""Deviations between chains: their size over all layers, their scaling, and random directions to start from."""

from collections.abc import Sequence

import torch
from torch import Tensor

from chaos_lightning.dynamics.chains import random_start
from chaos_lightning.dynamics.network import ChaoticNetwork
from chaos_lightning.dynamics.random_numbers import Seed, seed_numbers

DIRECTIONS = 0x64697231
"""Last number in the seed of directions; it makes them independent of the initial potentials of the same seed."""


def deviation_size(deviations: Sequence[Tensor]) -> Tensor:
    """Compute the Euclidean length of each chain's deviation over the units of all layers.

    Args:
        deviations: one tensor ``(chains, units)`` per layer.

    Returns:
        Tensor ``(chains,)``.
    """
    size_in_layer = torch.stack([torch.linalg.vector_norm(layer, dim=1) for layer in deviations])
    size: Tensor = torch.linalg.vector_norm(size_in_layer, dim=0)
    return size


def scale_deviations(deviations: Sequence[Tensor], factors: Tensor) -> tuple[Tensor, ...]:
    """Multiply each chain's deviation by a factor.

    Args:
        deviations: one tensor ``(chains, units)`` per layer.
        factors: one factor per chain, ``(chains,)``.
    """
    return tuple(layer * factors.unsqueeze(1) for layer in deviations)


def random_directions(
    network: ChaoticNetwork, num_chains: int, *, seed: Seed, first_chain: int = 0
) -> tuple[Tensor, ...]:
    """Draw a random direction for each chain: a deviation of length 1 over all layers, all directions equally likely.

    As with :func:`initial_potentials`, a chain's direction depends on ``seed`` and on its index, not on the batch.

    Args:
        network: network that gives layer sizes, device and data type.
        num_chains: number of chains.
        seed: seed of the chains.
        first_chain: index of the first chain.

    Returns:
        One tensor ``(chains, units)`` per layer.
    """
    normal = random_start(network, num_chains, seed=(*seed_numbers(seed), DIRECTIONS), first_chain=first_chain)
    return scale_deviations(normal, 1 / deviation_size(normal))
