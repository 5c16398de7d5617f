"""Stops training whose numbers have blown up."""

from collections.abc import Sequence

import torch
from torch import Tensor

LARGEST_POTENTIAL = 1e4
"""Potentials beyond this count as divergence. The rate functions are flat for |x| > 10, healthy networks stay below
100 or so, and a network that has blown up saturates long before its numbers overflow."""


class TrainingDivergedError(RuntimeError):
    """Training has produced numbers that are not finite or absurdly large."""


def check_pixels(largest: float, step: int) -> None:
    """Raise if training images are not what generators learn.

    Args:
        largest: absolute pixel, NaN if one is.
        step: of training.

    Raises:
        ValueError: for pixels that are not finite or outside [-1, 1].
    """
    if not largest <= 1 + 1e-6:
        raise ValueError(
            f"training stopped at step {step}: pixels must be finite and in [-1, 1], but the images hold {largest}"
        )


def check_potentials(largest: float, step: int, advice: str) -> None:
    """Raise if potentials, or the largest input that the weights can give a unit, mean divergence.

    Args:
        largest: absolute value, NaN if one is.
        step: of training.
        advice: what to do.

    Raises:
        TrainingDivergedError: if it is not finite or beyond LARGEST_POTENTIAL.
    """
    if not largest <= LARGEST_POTENTIAL:
        raise TrainingDivergedError(
            f"training diverged at step {step}: potentials reach {largest:g}, where {LARGEST_POTENTIAL:g} is far too "
            f"much. {advice}"
        )


class DivergenceWatch:
    """Keeps the largest absolute pixel and potential seen, and complains when asked to look at them.

    Taking in is cheap and never waits for the device; looking does.

    Attributes:
        largest: absolute pixel and potential of each layer since the last look, in memory that stays where it is.
        largest_potential: what the last look has found.
    """

    def __init__(self, num_layers: int) -> None:
        self.largest = torch.zeros(1 + num_layers)
        self.largest_potential = 0.0

    def to(self, device: torch.device) -> None:
        """Keep them on a device from now on."""
        if self.largest.device != device:
            self.largest = self.largest.to(device)

    def take_in(self, images: Tensor, potentials: Sequence[Tensor]) -> None:
        """Take in the images of a step and the potentials of each layer in its free phase."""
        extremes = [torch.aminmax(tensor) for tensor in (images, *potentials)]  # a tenth of the time of a norm
        smallest, largest = (torch.stack(each) for each in zip(*extremes, strict=True))
        # All of these hand NaN on, so nothing is lost between two looks.
        torch.maximum(self.largest, torch.maximum(largest, -smallest), out=self.largest)

    def look(self, step: int, advice: str) -> None:
        """Raise if anything taken in since the last look is bad.

        Args:
            step: of training.
            advice: what to do if it diverges.

        Raises:
            ValueError: for pixels that are not finite or outside [-1, 1].
            TrainingDivergedError: for potentials that are not finite or beyond LARGEST_POTENTIAL.
        """
        pixel, *potentials = self.largest.tolist()
        if not any(potentials):  # nothing was taken in
            return
        self.largest.zero_()
        self.largest_potential = max(potentials)
        check_pixels(pixel, step)
        for potential in potentials:  # max() would lose a NaN
            check_potentials(potential, step, advice)
