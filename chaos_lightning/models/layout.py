"""What the visible units stand for: pixels, and after them the labels of a network that knows classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from chaos_lightning.dynamics import Held


@dataclass(frozen=True)
class VisibleLayout:
    """Pixels first, then a block of equal label units for each class.

    A label is written as rates: 1 in the block of its class and -1 in all others.

    Attributes:
        num_pixels: pixels of an image.
        num_classes: classes that the network knows; 0 for a network of pixels alone.
        label_repetitions: label units of a class. More of them give the label more weight against the pixels.

    Raises:
        ValueError: for numbers that make no layout.
    """

    num_pixels: int
    num_classes: int
    label_repetitions: int

    def __post_init__(self) -> None:
        if self.num_classes < 0 or self.num_classes == 1:
            raise ValueError(
                f"num_classes must be 2 or more, or 0 for a network without label units, but is {self.num_classes}"
            )
        if self.label_repetitions < 1:
            raise ValueError(f"label_repetitions must be at least 1, but is {self.label_repetitions}")

    @property
    def num_units(self) -> int:
        """Units of the visible layer."""
        return self.num_pixels + self.num_classes * self.label_repetitions

    def rates_of(self, images: Tensor, labels: Tensor) -> Tensor:
        """The visible rates of labelled images, ``(images, units)``.

        Args:
            images: ``(images, ...)`` in [-1, 1].
            labels: ``(images,)``, int64; not looked at by a network without label units.
        """
        pixels = images.flatten(1)
        return torch.cat([pixels, self._label_rates(labels).to(pixels)], dim=1) if self.num_classes else pixels

    def pixels_of(self, rates: Tensor) -> Tensor:
        """The pixels among visible rates ``(chains, units)``: ``(chains, pixels)``."""
        return rates[:, : self.num_pixels]

    def probabilities_of(self, rates: Tensor) -> Tensor:
        """What visible rates say about the class, ``(chains, classes)``, rows of sum 1.

        A unit that is 1 with probability p and -1 otherwise has the mean rate 2 p - 1. So p is read off the mean rate
        of a block, and the classes' values are divided by their sum; where no class is named at all, all are equal.
        """
        scores = rates[:, self.num_pixels :].unflatten(1, (self.num_classes, self.label_repetitions)).mean(dim=2)
        weights = (1 + scores.float()).clamp(min=1e-6)
        return torch.div(weights, weights.sum(dim=1, keepdim=True))

    def hold(self, rates: Tensor, hold_labels: Tensor, hold_pixels: Tensor) -> Held:
        """Hold the labels of some chains and the pixels of others.

        Args:
            rates: visible ones of labelled images, one a chain, ``(chains, units)``.
            hold_labels: True for chains whose label units are held, ``(chains,)``.
            hold_pixels: True for chains whose pixels are.
        """
        return Held(rates, torch.where(self._are_pixels(rates.device), hold_pixels[:, None], hold_labels[:, None]))

    def hold_labels(self, labels: Tensor) -> Held:
        """Hold the label units at labels ``(chains,)``, int64, and leave the pixels free."""
        rates = self.rates_of(torch.zeros(len(labels), self.num_pixels, device=labels.device), labels)
        return Held(rates, ~self._are_pixels(labels.device))

    def hold_pixels(self, images: Tensor, given: Tensor | None = None) -> Held:
        """Hold pixels at those of images ``(chains, ...)`` and leave the rest free.

        Args:
            images: in [-1, 1].
            given: True for the pixels to hold, ``(pixels,)``; None holds them all.
        """
        pixels = images.flatten(1)
        num_free = self.num_units - self.num_pixels
        if given is None:
            given = torch.ones(self.num_pixels, dtype=torch.bool, device=pixels.device)
        values = torch.cat([pixels, pixels.new_zeros(len(pixels), num_free)], dim=1)
        return Held(values, torch.cat([given.flatten(), given.new_zeros(num_free)]))

    def hidden_pixels(self, mask: Tensor) -> Tensor:
        """The mask of a completion as a row, True for hidden pixels, ``(pixels,)``.

        Raises:
            ValueError: if it is of another size, not of truth values, or hides everything or nothing.
        """
        hidden = mask.flatten()
        if mask.dtype != torch.bool or len(hidden) != self.num_pixels:
            raise ValueError(
                f"the mask must have a truth value for each of the {self.num_pixels} pixels, True where one is hidden, "
                f"but it has shape {tuple(mask.shape)} and type {mask.dtype}"
            )
        if hidden.all() or not hidden.any():
            amount, instead = (
                ("every pixel", "nothing is given: take samples instead")
                if hidden.any()
                else ("no pixel", "there is nothing to fill in")
            )
            raise ValueError(f"the mask hides {amount}, so {instead}")
        return hidden

    def classes(self, asked: int | str | Sequence[int] | Tensor) -> tuple[int, ...]:
        """The classes that a user asks for: one, several, or ``"all"``.

        Raises:
            ValueError: if the network knows no classes, or not one of these.
        """
        self.require_labels()
        if isinstance(asked, str):
            if asked != "all":
                raise ValueError(f"labels must be a class, a list of classes or 'all', but is {asked!r}")
            return tuple(range(self.num_classes))
        classes = tuple(torch.as_tensor(asked).flatten().tolist())
        unknown = [label for label in classes if label not in range(self.num_classes)]
        if unknown or not classes:
            raise ValueError(
                f"there is no class {unknown[0]}: the network knows the classes 0 to {self.num_classes - 1}"
                if unknown
                else "labels is empty: name at least one class"
            )
        return tuple(int(label) for label in classes)

    def require_labels(self) -> None:
        """Refuse to go on without label units.

        Raises:
            ValueError: if the network has none, with how to get them.
        """
        if not self.num_classes:
            raise ValueError(
                "this network has no label units, so it knows no classes: train one with num_classes=10 "
                "(--model.num_classes 10)"
            )

    def _are_pixels(self, device: torch.device) -> Tensor:
        """True for the units of pixels, ``(units,)``."""
        return torch.arange(self.num_units, device=device) < self.num_pixels

    def _label_rates(self, labels: Tensor) -> Tensor:
        one_hot = torch.nn.functional.one_hot(labels, self.num_classes)
        return (2 * one_hot - 1).repeat_interleave(self.label_repetitions, dim=1)
