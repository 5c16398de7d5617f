"""What a prediction run iterates over: ranges of chains."""

from collections.abc import Iterator
from typing import NamedTuple


class ChainRange(NamedTuple):
    """Chains ``first_chain`` to ``first_chain + num_chains`` of the samples that belong to a seed."""

    first_chain: int
    num_chains: int
    seed: int


class ChainLoader:
    """Ranges of chains that together are ``num_samples`` samples, shared out over the processes.

    Each process takes one run of consecutive chains, without padding or repetition.

    Args:
        num_samples: over all processes.
        chains_at_once: chains in a range, at most.
        seed: of the random initial states.
        rank: index of this process.
        world_size: number of processes.

    Raises:
        ValueError: if a number is not positive.
    """

    def __init__(self, num_samples: int, chains_at_once: int, seed: int, *, rank: int = 0, world_size: int = 1) -> None:
        if num_samples < 1 or chains_at_once < 1:
            raise ValueError(
                f"num_samples and chains_at_once must be at least 1, but are {num_samples} and {chains_at_once}"
            )
        first, end = (num_samples * process // world_size for process in (rank, rank + 1))
        self._ranges = [
            ChainRange(start, min(chains_at_once, end - start), seed) for start in range(first, end, chains_at_once)
        ]

    def __len__(self) -> int:
        return len(self._ranges)

    def __iter__(self) -> Iterator[ChainRange]:
        return iter(self._ranges)
