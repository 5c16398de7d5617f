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
    """A task for a network, as a frozen dataclass of its settings.

    A task says which visible units are held, which examples give their rates, and how to read the answer. Examples
    come from the task or from the caller; where shares of the free chains hold labels or pixels in training, from the
    images of the minibatch.

    Attributes:
        stream: stream of the chains' random starts.
    """

    stream: ClassVar[int] = Stream.SAMPLING

    def held_units(self, layout: VisibleLayout) -> Tensor | None:
        """Return a mask of visible units, ``(units,)``, True for each unit that is held; None holds nothing.

        Raises:
            ValueError: if the network cannot do the task, with advice.
        """
        return None

    def examples(self, layout: VisibleLayout) -> Tensor | None:
        """Return the task's own visible rates to hold, ``(examples, units)``, for chains to take in turn, or None."""
        return None

    def read(self, layout: VisibleLayout, rates: Tensor) -> Tensor:
        """Read the answer of each chain from visible rates ``(chains, units)``: by default its image."""
        return layout.images_of(rates)


@dataclass(frozen=True)
class Generate(Task):
    """The task of generating images: it holds nothing and reads images."""


@dataclass(frozen=True)
class GenerateByClass(Task):
    """The task of generating images by class: it holds labels and reads images.

    Attributes:
        classes: classes to ask for in turn; if there are none, the caller gives the labels.
    """

    classes: tuple[int, ...] = ()

    def held_units(self, layout: VisibleLayout) -> Tensor | None:
        """Mark the label units."""
        layout.require_labels()
        return layout.units(pixels=False, labels=True)

    def examples(self, layout: VisibleLayout) -> Tensor | None:
        """Return the labels of the classes."""
        return layout.rates_of_labels(torch.tensor(layout.classes(self.classes))) if self.classes else None


@dataclass(frozen=True)
class ReadClass(Task):
    """The task of reading classes: it holds the pixels of images and reads probabilities, ``(chains, classes)``."""

    stream: ClassVar[int] = Stream.CLASSIFICATION

    def held_units(self, layout: VisibleLayout) -> Tensor | None:
        """Mark the pixels."""
        layout.require_labels()
        return layout.units(pixels=True, labels=False)

    def read(self, layout: VisibleLayout, rates: Tensor) -> Tensor:
        """Read the probabilities of the classes from the label units."""
        return layout.probabilities_of(rates)


@dataclass(frozen=True, eq=False)
class Complete(Task):
    """The task of completing images: it holds some pixels and reads whole images.

    Attributes:
        hidden: True for each pixel that is not held, ``(height, width)`` or the shape of a sample.
    """

    hidden: Tensor
    stream: ClassVar[int] = Stream.COMPLETION

    def held_units(self, layout: VisibleLayout) -> Tensor | None:
        """Mark the pixels that are not hidden."""
        return layout.units(pixels=~layout.hidden_pixels(self.hidden), labels=False)


def held_by(task: Task, layout: VisibleLayout, examples: Tensor | None) -> Held | None:
    """Return the visible rates that chains hold for a task.

    Args:
        task: the task.
        layout: layout of the visible layer.
        examples: visible rates, one row per chain, ``(chains, units)``.

    Raises:
        ValueError: if the network cannot do the task, or the task holds units and there are no examples to hold.
    """
    units = task.held_units(layout)
    if units is None:
        if examples is not None:
            raise ValueError(f"{type(task).__name__} holds nothing, so it takes no examples")
        return None
    if examples is None:
        raise ValueError(f"{type(task).__name__} holds visible units, so it needs examples that give their rates")
    if examples.shape[1:] != units.shape:
        raise ValueError(
            f"examples must give a rate for each of the {len(units)} visible units, but have the shape "
            f"{tuple(examples.shape)}: layout.rates_of makes them of images"
        )
    return Held(examples, units.to(examples.device))


def held_in_turn(tasks: Sequence[Task], turns: Sequence[Tensor], layout: VisibleLayout, examples: Tensor) -> Held:
    """Return the visible rates that chains hold when different chains perform different tasks.

    Args:
        tasks: the tasks.
        turns: for each task a mask of chains, ``(chains,)``, True for the chains that perform it; no chain has two.
        layout: layout of the visible layer.
        examples: visible rates, one row per chain, ``(chains, units)``.
    """
    mask = torch.zeros_like(examples, dtype=torch.bool)
    for task, turn in zip(tasks, turns, strict=True):
        units = _units_on(examples.device, task, layout)
        if units is not None:
            mask |= turn[:, None] & units
    return Held(examples, mask)


@cache
def _units_on(device: torch.device, task: Task, layout: VisibleLayout) -> Tensor | None:
    """Return the mask of held units on a device, made only once because every training step asks for it."""
    units = task.held_units(layout)
    return None if units is None else units.to(device)


def take_turns(counts: Tensor, shares: Sequence[float]) -> list[Tensor]:
    """Share chains out among tasks, so that each share is spread evenly over the chains of all training steps.

    Args:
        counts: number of each chain, counted over all steps, int64, ``(chains,)``.
        shares: share of each task, 0 or more; together below 1.

    Returns:
        For each task a mask of chains, ``(chains,)``, True for the chains whose turn it is; no chain has two tasks.
    """

    def taken(numbers: Tensor, share: float) -> Tensor:
        return ((numbers + 1) * share).floor() > (numbers * share).floor()

    turns = []
    numbers, left, free = counts.double(), 1.0, torch.ones_like(counts, dtype=torch.bool)
    for share in shares:
        share_left = share / left
        turns.append(free & taken(numbers, share_left))
        numbers = numbers - (numbers * share_left).floor()  # renumber the chains that are left
        free = free & ~turns[-1]
        left -= share
    return turns
