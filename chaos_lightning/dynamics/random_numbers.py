"""Random numbers of chains, as functions of a seed and of a chain's index: equal in any batch and on any process."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from chaos_lightning.dynamics.cuda_graphs import has_kernels

Seed = int | Sequence[int]
"""One or several non-negative integers; a number and a sequence of this one number are the same seed."""

CHAINS_PER_BLOCK = 20
"""Number of chains drawn from one generator. It is small enough that a process which needs a few chains does not draw
many in vain, and large enough that seeding takes little time beside drawing. Changing it changes every result."""


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

    Every element is N(0, 1). A chain's numbers depend only on ``seed``, on its index and on the layer sizes: not on
    the number of chains drawn with it, on the number of processes or on the global random state. So chain 7
    is the same chain in a batch of 10 and in a batch of 10,000, on one process and on eight. (Different kinds of
    device draw different numbers.)

    Args:
        layer_sizes: units of each layer.
        num_chains: number of chains to draw.
        seed: non-negative integers that name the use of the chains, for example (seed, stream, training step).
        first_chain: index of the first chain.
        device: device on which to draw.
        dtype: data type of the result. Numbers are always drawn in float32, so precision does not change the start.

    Returns:
        One tensor ``(num_chains, units)`` per layer.
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
    """Draw random numbers for chains, each a function of the seed, its chain's index and the number of units alone.

    Args:
        num_units: numbers per chain.
        num_chains: number of chains to draw.
        seed: non-negative integers that name the use of the numbers.
        first_chain: index of the first chain.
        device: device on which to draw.
        uniform: whether the numbers are uniform in [0, 1) instead of N(0, 1).

    Returns:
        ``(num_chains, num_units)``, float32.
    """
    return draw_from(origin_of(seed, first_chain), num_units, num_chains, device=device, uniform=uniform)


def seed_numbers(seed: Seed) -> list[int]:
    """List the numbers of a seed, so that others can be appended."""
    return list(seed) if isinstance(seed, Sequence) else [seed]


def origin_of(seed: Seed, first_chain: int = 0) -> Tensor:
    """Compute the origin of random numbers: one number made from the seed, and the index of the first chain.

    It is a tensor ``(2,)``, int64, on the CPU, so that a run captured as a graph on a GPU can be given another origin.
    """
    numbers = seed_numbers(seed)
    # NumPy reads an array of 32-bit words in a third of the time that it takes for a list.
    entropy = np.array(numbers, dtype=np.uint32) if max(numbers) < 2**32 else numbers
    number = np.random.SeedSequence(entropy).generate_state(1)[0]
    return torch.from_numpy(np.array([number, first_chain], dtype=np.int64))


def potentials_from(
    origin: Tensor, layer_sizes: Sequence[int], num_chains: int, *, device: torch.device | str, dtype: torch.dtype
) -> tuple[Tensor, ...]:
    """Draw the potentials of :func:`initial_potentials` from an origin, see :func:`origin_of`."""
    drawn = draw_from(origin, sum(layer_sizes), num_chains, device=device)
    return tuple(layer.to(dtype) for layer in drawn.split(list(layer_sizes), dim=1))


def draw_from(
    origin: Tensor, num_units: int, num_chains: int, *, device: torch.device | str, uniform: bool = False
) -> Tensor:
    """Draw the random numbers of :func:`draw_by_chain` from an origin, see :func:`origin_of`."""
    device = torch.device(device)
    if has_kernels(device):
        from chaos_lightning.dynamics import kernels  # needs Triton

        return kernels.draw(origin.to(device, non_blocking=True), num_units, num_chains, uniform=uniform)
    draw = torch.rand if uniform else torch.randn
    # Blocks take consecutive seeds from the base on, so that no two blocks of one call share a generator, although
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
