"""Ranges of chains, over which sampling iterates."""

from collections.abc import Iterator

import torch
from torch import Tensor

from chaos_lightning.functional.checks import check_seed
from chaos_lightning.sampling.tasks import Task


class ChainRange:
    """Chains ``first_chain`` to ``first_chain + num_chains`` of the samples that belong to a seed.

    (A plain class: Lightning would copy the parts of a tuple or a dataclass to the device.)

    Attributes:
        first_chain: index of the first chain.
        num_chains: number of chains.
        seed: seed of the samples.
        task: task of the chains; None generates images.
        examples: visible rates for the task to hold, ``(examples, visible units)``, which chains take in turn.
    """

    def __init__(
        self, first_chain: int, num_chains: int, seed: int, task: Task | None = None, examples: Tensor | None = None
    ) -> None:
        self.first_chain, self.num_chains, self.seed = first_chain, num_chains, seed
        self.task, self.examples = task, examples

    def indices(self) -> Tensor:
        """Return the index of each chain, ``(num_chains,)``, int64."""
        return torch.arange(self.first_chain, self.first_chain + self.num_chains)

    def examples_in_turn(self, repeats: int = 1) -> Tensor | None:
        """Return the example of each chain, ``(num_chains, visible units)``; None without examples.

        Args:
            repeats: number of consecutive chains that take the same example.
        """
        if self.examples is None:
            return None
        rows = self.indices() // repeats % len(self.examples)
        return self.examples[rows.to(self.examples.device)]


class ChainLoader:
    """Ranges of chains that together are ``num_samples`` samples, shared out over the processes.

    Each process takes one run of consecutive chains, without padding or repetition.

    Args:
        num_samples: number of samples, over all processes.
        chains_at_once: largest number of chains in a range.
        seed: seed of the random initial states.
        task: task of the chains; None generates images.
        examples: visible rates for the task to hold.
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
        task: Task | None = None,
        examples: Tensor | None = None,
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
            ChainRange(start, min(chains_at_once, end - start), seed, task, examples)
            for start in range(first, end, chains_at_once)
        ]

    def __len__(self) -> int:
        return len(self._ranges)

    def __iter__(self) -> Iterator[ChainRange]:
        return iter(self._ranges)
