"""Tasks: which visible rates are held while the network runs, and what is read at the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import torch
from torch import Tensor

from chaos_lightning.dynamics import Held, Stream
from chaos_lightning.sampling.layout import VisibleLayout


class Task:
    """Something to ask of a network, as a frozen dataclass of its settings.

    A task says which visible units are held, which examples give their rates, and how to read the answer. One task
    serves sampling, where examples are its own or the caller's, and training, where images of the minibatch are.

    Attributes:
        stream: of the chains' random starts.
    """

    stream: ClassVar[int] = Stream.SAMPLING

    def held_units(self, layout: VisibleLayout) -> Tensor | None:
        """Return True for each visible unit that is held, ``(units,)``; None holds nothing.

        Raises:
            ValueError: if the network cannot do the task, with advice.
        """
        return None

    def examples(self, layout: VisibleLayout) -> Tensor | None:
        """Return visible rates to hold, ``(examples, units)``, which chains take in turn; None has none of its own."""
        return None

    def read(self, layout: VisibleLayout, rates: Tensor) -> Tensor:
        """Read the answer of each chain from visible rates ``(chains, units)``: by default its image."""
        return layout.images_of(rates)


@dataclass(frozen=True)
class Generate(Task):
    """Hold nothing, read images."""


@dataclass(frozen=True)
class GenerateByClass(Task):
    """Hold labels, read images.

    Attributes:
        classes: to ask for in turn; none leaves the labels to the caller.
    """

    classes: tuple[int, ...] = ()

    def held_units(self, layout: VisibleLayout) -> Tensor | None:
        """Hold the label units."""
        layout.require_labels()
        return layout.units(pixels=False, labels=True)

    def examples(self, layout: VisibleLayout) -> Tensor | None:
        """Return the labels of the classes."""
        return layout.rates_of_labels(torch.tensor(layout.classes(self.classes))) if self.classes else None


@dataclass(frozen=True)
class ReadClass(Task):
    """Hold the pixels of images, read the probabilities of the classes, ``(chains, classes)``."""

    stream: ClassVar[int] = Stream.CLASSIFICATION

    def held_units(self, layout: VisibleLayout) -> Tensor | None:
        """Hold the pixels."""
        layout.require_labels()
        return layout.units(pixels=True, labels=False)

    def read(self, layout: VisibleLayout, rates: Tensor) -> Tensor:
        """Read the label units."""
        return layout.probabilities_of(rates)


@dataclass(frozen=True, eq=False)
class Complete(Task):
    """Hold some pixels of images, read whole images.

    Attributes:
        hidden: True for each pixel that is not held, ``(rows, columns)``.
    """

    hidden: Tensor
    stream: ClassVar[int] = Stream.COMPLETION

    def held_units(self, layout: VisibleLayout) -> Tensor | None:
        """Hold the pixels that are not hidden."""
        return layout.units(pixels=~layout.hidden_pixels(self.hidden), labels=False)


def held_by(task: Task, layout: VisibleLayout, examples: Tensor | None) -> Held | None:
    """Return the visible rates that chains hold for a task.

    Args:
        task: the task.
        layout: of the visible layer.
        examples: visible rates, one row a chain, ``(chains, units)``.

    Raises:
        ValueError: if the network cannot do the task, or the task holds units and there are no examples to hold.
    """
    units = task.held_units(layout)
    if units is None:
        return None
    if examples is None:
        raise ValueError(f"{type(task).__name__} holds visible units, so it needs examples that give their rates")
    return Held(examples, units.to(examples.device))


def held_in_turn(tasks: Sequence[Task], turns: Sequence[Tensor], layout: VisibleLayout, examples: Tensor) -> Held:
    """Return the visible rates that chains hold, of which some do one task and some another.

    Args:
        tasks: the tasks.
        turns: for each task True for each of its chains, ``(chains,)``; no chain has two tasks.
        layout: of the visible layer.
        examples: visible rates, one row a chain, ``(chains, units)``.
    """
    mask = torch.zeros_like(examples, dtype=torch.bool)
    for task, turn in zip(tasks, turns, strict=True):
        units = _units_on(examples.device, task, layout)
        if units is not None:
            mask |= turn[:, None] & units
    return Held(examples, mask)


@cache
def _units_on(device: torch.device, task: Task, layout: VisibleLayout) -> Tensor | None:
    """Return the held units on a device, found once: a training step asks for them every time."""
    units = task.held_units(layout)
    return None if units is None else units.to(device)


def take_turns(counts: Tensor, shares: Sequence[float]) -> list[Tensor]:
    """Share chains out among tasks, each share spread evenly over chains that are counted on over steps.

    Args:
        counts: of chains so far, int64, ``(chains,)``.
        shares: of each task, 0 or more, together below 1.

    Returns:
        For each task True for each chain whose turn it is; no chain has two.
    """

    def taken(numbers: Tensor, share: float) -> Tensor:
        return ((numbers + 1) * share).floor() > (numbers * share).floor()

    turns = []
    numbers, left, free = counts.double(), 1.0, torch.ones_like(counts, dtype=torch.bool)
    for share in shares:
        share_left = share / left
        turns.append(free & taken(numbers, share_left))
        numbers = numbers - (numbers * share_left).floor()  # counts the chains that are left
        free = free & ~turns[-1]
        left -= share
    return turns
