"""The layout of the visible layer: pixels, and after them the labels of a network that knows classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from chaos_lightning.shapes import Shape, is_image, num_values


@dataclass(frozen=True)
class VisibleLayout:
    """The visible units: pixels first, then a block of equal label units for each class.

    A label is written as rates: 1 in the block of its class and -1 in all others.

    Attributes:
        image_shape: shape of a sample, see :mod:`chaos_lightning.shapes`; values come channel by channel, row by row.
        num_classes: classes that the network knows; 0 for a network of pixels alone.
        label_repetitions: label units of a class. More of them give the label more weight against the pixels.

    Raises:
        ValueError: if ``num_classes`` is negative or 1, or ``label_repetitions`` is below 1.
    """

    image_shape: Shape
    num_classes: int = 0
    label_repetitions: int = 5

    def __post_init__(self) -> None:
        if self.num_classes < 0 or self.num_classes == 1:
            raise ValueError(
                f"num_classes must be 2 or more, or 0 for a network without label units, but is {self.num_classes}"
            )
        if self.label_repetitions < 1:
            raise ValueError(f"label_repetitions must be at least 1, but is {self.label_repetitions}")

    @property
    def num_pixels(self) -> int:
        """Number of values of a sample, over all channels."""
        return num_values(self.image_shape)

    @property
    def num_units(self) -> int:
        """Number of units of the visible layer."""
        return self.num_pixels + self.num_classes * self.label_repetitions

    def rates_of(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the visible rates of images, ``(images, units)``.

        Args:
            images: ``(images, ...)`` in [-1, 1].
            labels: ``(images,)``, int64; None leaves label units at 0. A network without label units needs none.
        """
        pixels = images.flatten(1)
        if not self.num_classes:
            return pixels
        if labels is None:
            return torch.cat([pixels, pixels.new_zeros(len(pixels), self.num_units - self.num_pixels)], dim=1)
        return torch.cat([pixels, self._label_rates(labels).to(pixels)], dim=1)

    def rates_of_labels(self, labels: Tensor) -> Tensor:
        """Return the visible rates of labels ``(labels,)`` alone, ``(labels, units)``; pixels are at 0."""
        return self.rates_of(torch.zeros(len(labels), self.num_pixels, device=labels.device), labels)

    def images_of(self, rates: Tensor) -> Tensor:
        """Return the images within visible rates ``(chains, units)``: ``(chains, *image_shape)``."""
        images: Tensor = rates[:, : self.num_pixels].unflatten(1, self.image_shape)
        return images

    def probabilities_of(self, rates: Tensor) -> Tensor:
        """Return the probabilities of the classes according to visible rates, ``(chains, classes)``, rows of sum 1.

        A unit that is 1 with probability p and -1 otherwise has the mean rate 2 p - 1. So p follows from the mean rate
        of a block, and the values of all classes are divided by their sum. If all blocks are at -1, all classes get the
        same probability.
        """
        scores = rates[:, self.num_pixels :].unflatten(1, (self.num_classes, self.label_repetitions)).mean(dim=2)
        weights = (1 + scores.float()).clamp(min=1e-6)
        return torch.div(weights, weights.sum(dim=1, keepdim=True))

    def units(self, *, pixels: Tensor | bool, labels: bool, device: torch.device | str | None = None) -> Tensor:
        """Return a mask of visible units, ``(units,)``, True for the units asked for.

        Args:
            pixels: True for all pixels, False for none, or a mask of any shape with True for each pixel asked for.
            labels: True for all label units, False for none.
            device: device of the mask, by default the device of ``pixels``.
        """
        if isinstance(pixels, bool):
            pixels = torch.full([self.num_pixels], pixels, device=device)
        pixels = pixels.flatten().to(device or pixels.device)
        return torch.cat([pixels, pixels.new_full([self.num_units - self.num_pixels], labels)])

    def hidden_pixels(self, mask: Tensor) -> Tensor:
        """Return the mask of a completion as a row, True for hidden pixels, ``(pixels,)``.

        Args:
            mask: as many truth values as a sample has, or ``(height, width)``, the same for all channels.

        Raises:
            ValueError: if the mask has another size, does not hold truth values, or hides every pixel or none.
        """
        in_all_channels = is_image(self.image_shape) and mask.shape == self.image_shape[1:]
        hidden = mask.expand(self.image_shape).flatten() if in_all_channels else mask.flatten()
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
        """Return the classes that a user asks for: one, several, or ``"all"``.

        Raises:
            ValueError: if the network knows no classes or does not know one of these, or if no class is given.
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
        """Refuse a network without label units.

        Raises:
            ValueError: if the network has none; the message says how to get them.
        """
        if not self.num_classes:
            raise ValueError(
                "this network has no label units, so it knows no classes: train one with num_classes=10 "
                "(--model.num_classes 10)"
            )

    def _label_rates(self, labels: Tensor) -> Tensor:
        one_hot = torch.nn.functional.one_hot(labels, self.num_classes)
        return (2 * one_hot - 1).repeat_interleave(self.label_repetitions, dim=1)
