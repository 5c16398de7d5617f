"""What a prediction run iterates over: ranges of chains."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from chaos_lightning.functional.checks import check_seed


class ChainRange(NamedTuple):
    """Chains ``first_chain`` to ``first_chain + num_chains`` of the samples that belong to a seed.

    ``classes`` are held in turn: chain i at ``classes[i % len(classes)]``; without any, nothing is held.
    """

    first_chain: int
    num_chains: int
    seed: int
    classes: tuple[int, ...] = ()

    def indices(self) -> Tensor:
        """The index of each chain, ``(num_chains,)``, int64."""
        return torch.arange(self.first_chain, self.first_chain + self.num_chains)

    def labels(self) -> Tensor | None:
        """The class of each chain, ``(num_chains,)``, int64; None if nothing is held."""
        return torch.tensor(self.classes)[self.indices() % len(self.classes)] if self.classes else None


class ChainLoader:
    """Ranges of chains that together are ``num_samples`` samples, shared out over the processes.

    Each process takes one run of consecutive chains, without padding or repetition.

    Args:
        num_samples: over all processes.
        chains_at_once: chains in a range, at most.
        seed: of the random initial states.
        classes: whose labels are held in turn; none hold nothing.
        rank: index of this process.
        world_size: number of processes.

    Raises:
        ValueError: if a number is not positive, the seed negative, or there are fewer samples than processes.
    """

    def __init__(
        self,
        num_samples: int,
        chains_at_once: int,
        seed: int,
        classes: tuple[int, ...] = (),
        *,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if num_samples < 1 or chains_at_once < 1:
            raise ValueError(
                f"num_samples and chains_at_once must be at least 1, but are {num_samples} and {chains_at_once}"
            )
        check_seed(seed)
        if num_samples < world_size:
            raise ValueError(f"{num_samples} samples cannot be shared out over {world_size} processes: ask for more")
        first, end = (num_samples * process // world_size for process in (rank, rank + 1))
        self._ranges = [
            ChainRange(start, min(chains_at_once, end - start), seed, classes)
            for start in range(first, end, chains_at_once)
        ]

    def __len__(self) -> int:
        return len(self._ranges)

    def __iter__(self) -> Iterator[ChainRange]:
        return iter(self._ranges)
