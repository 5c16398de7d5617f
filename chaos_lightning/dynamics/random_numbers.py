"""Random initial states that depend only on what they are for, not on who draws them."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from chaos_lightning.dynamics.cuda_graphs import has_kernels

Seed = int | Sequence[int]
"""One or several non-negative integers; a number alone and a sequence of it alone are the same seed."""

CHAINS_PER_BLOCK = 20
"""Chains drawn from one generator. Small enough that a process which needs a few chains does not draw many
in vain, large enough that seeding costs nothing beside the drawing. Changing it changes every result."""


def initial_potentials(
    layer_sizes: Sequence[int],
    num_chains: int,
    *,
    seed: Seed,
    first_chain: int = 0,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, ...]:
    """Draw the initial potentials of chains ``first_chain`` to ``first_chain + num_chains``.

    Every element is N(0, 1). A chain's numbers are a function of ``seed``, of its index and of the layer sizes
    alone: not of how many chains are drawn with it, of the number of processes, nor of the global random state.
    So chain 7 is the same chain in a batch of 10 and in a batch of 10,000, on one process and on eight.
    (Different kinds of device draw different numbers.)

    Args:
        layer_sizes: units of each layer.
        num_chains: number of chains to draw.
        seed: non-negative integers that say what the chains are for, for example (seed, stream, training step).
        first_chain: index of the first chain.
        device: where to draw.
        dtype: of the result. Numbers are drawn in float32 whatever it is, so precision does not change the start.

    Returns:
        One tensor ``(num_chains, units)`` a layer.
    """
    return potentials_from(origin_of(seed, first_chain), layer_sizes, num_chains, device=device, dtype=dtype)


def draw_by_chain(
    num_units: int,
    num_chains: int,
    *,
    seed: Seed,
    first_chain: int = 0,
    device: torch.device | str = "cpu",
    uniform: bool = False,
) -> Tensor:
    """Draw random numbers for chains, each a function of the seed, of its chain's index and of the units alone.

    Args:
        num_units: numbers of a chain.
        num_chains: number of chains to draw.
        seed: non-negative integers that say what the numbers are for.
        first_chain: index of the first chain.
        device: where to draw.
        uniform: whether the numbers are uniform in [0, 1) instead of N(0, 1).

    Returns:
        ``(num_chains, num_units)``, float32.
    """
    return draw_from(origin_of(seed, first_chain), num_units, num_chains, device=device, uniform=uniform)


def seed_numbers(seed: Seed) -> list[int]:
    """The numbers of a seed, to which others can be appended."""
    return list(seed) if isinstance(seed, Sequence) else [seed]


def origin_of(seed: Seed, first_chain: int = 0) -> Tensor:
    """What all numbers drawn follow from, ``(2,)``, int64, on the CPU: one number made of a seed, and the first chain.

    It is a tensor, so that a run on a GPU that was captured as a graph can be given another one.
    """
    numbers = seed_numbers(seed)
    # An array is taken in in a third of the time, if each number is one word of it.
    entropy = np.array(numbers, dtype=np.uint32) if max(numbers) < 2**32 else numbers
    number = np.random.SeedSequence(entropy).generate_state(1)[0]
    return torch.from_numpy(np.array([number, first_chain], dtype=np.int64))


def potentials_from(
    origin: Tensor, layer_sizes: Sequence[int], num_chains: int, *, device: torch.device | str, dtype: torch.dtype
) -> tuple[Tensor, ...]:
    """The initial potentials of :func:`initial_potentials` that follow from an origin."""
    drawn = draw_from(origin, sum(layer_sizes), num_chains, device=device)
    return tuple(layer.to(dtype) for layer in drawn.split(list(layer_sizes), dim=1))


def draw_from(
    origin: Tensor, num_units: int, num_chains: int, *, device: torch.device | str, uniform: bool = False
) -> Tensor:
    """The random numbers of :func:`draw_by_chain` that follow from an origin."""
    device = torch.device(device)
    if has_kernels(device):
        from chaos_lightning.dynamics import kernels  # needs Triton

        return kernels.draw(origin.to(device, non_blocking=True), num_units, num_chains, uniform=uniform)
    draw = torch.rand if uniform else torch.randn
    # Consecutive seeds below one base: no two blocks of one call can ever share a generator, even though
    # torch's CPU generator uses only 32 bits of its seed.
    base, first_chain = origin.tolist()
    generator = torch.Generator(device)
    drawn = torch.empty(num_chains, num_units, dtype=torch.float32, device=device)
    end_chain = first_chain + num_chains
    for block in range(first_chain // CHAINS_PER_BLOCK, -(-end_chain // CHAINS_PER_BLOCK)):
        generator.manual_seed((base + block) % 2**32)
        block_start = block * CHAINS_PER_BLOCK
        start, end = max(block_start, first_chain), min(block_start + CHAINS_PER_BLOCK, end_chain)
        numbers = draw(CHAINS_PER_BLOCK, num_units, dtype=torch.float32, generator=generator, device=device)
        drawn[start - first_chain : end - first_chain] = numbers[start - block_start : end - block_start]
    return drawn
