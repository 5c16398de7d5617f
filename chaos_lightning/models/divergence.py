"""Checks that stop a training whose numbers have blown up."""

from collections.abc import Sequence

import torch
from torch import Tensor

LARGEST_POTENTIAL = 1e4
"""Potentials beyond this count as divergence. The rate functions are flat for |x| > 10, healthy networks stay below
100 or so, and a network that has blown up saturates long before its numbers overflow."""


class TrainingDivergedError(RuntimeError):
    """An error for training whose numbers are not finite, or absurdly large."""


def check_pixels(largest: float, step: int) -> None:
    """Refuse training images that are not finite or outside [-1, 1].

    Args:
        largest: largest absolute pixel; NaN if a pixel is NaN.
        step: training step.

    Raises:
        ValueError: for pixels that are not finite or outside [-1, 1].
    """
    if not largest <= 1 + 1e-6:
        raise ValueError(
            f"training stopped at step {step}: pixels must be finite and in [-1, 1], but the images hold {largest}"
        )


def check_potentials(largest: float, step: int, advice: str) -> None:
    """Refuse potentials, or inputs that the weights can give a unit, that mean divergence.

    Args:
        largest: largest absolute value; NaN if a value is NaN.
        step: training step.
        advice: advice for the error message.

    Raises:
        TrainingDivergedError: if the value is not finite or beyond LARGEST_POTENTIAL.
    """
    if not largest <= LARGEST_POTENTIAL:
        raise TrainingDivergedError(
            f"training diverged at step {step}: potentials reach {largest:g}, where {LARGEST_POTENTIAL:g} is far too "
            f"much. {advice}"
        )


class DivergenceWatch:
    """The largest absolute pixel and potentials of the steps since the last look.

    :meth:`take_in` is cheap and never waits for the device; :meth:`look` waits for it.

    Attributes:
        largest: largest absolute pixel, then largest absolute potential of each layer, since the last look. Its memory
            stays in place, because graphs write to it.
        largest_potential: largest absolute potential that the last look has found.
    """

    def __init__(self, num_layers: int) -> None:
        self.largest = torch.zeros(1 + num_layers)
        self.largest_potential = 0.0

    def to(self, device: torch.device) -> None:
        """Move the numbers to a device, and keep them there."""
        if self.largest.device != device:
            self.largest = self.largest.to(device)

    def take_in(self, images: Tensor, potentials: Sequence[Tensor]) -> None:
        """Take in the images of a step and the potentials of each layer in its free phase."""
        extremes = [torch.aminmax(tensor) for tensor in (images, *potentials)]  # a tenth of the time of a norm
        smallest, largest = (torch.stack(each) for each in zip(*extremes, strict=True))
        # All these operations pass NaN on, so that none is lost between two looks.
        torch.maximum(self.largest, torch.maximum(largest, -smallest), out=self.largest)

    def look(self, step: int, advice: str) -> None:
        """Check the numbers taken in since the last look, and start again from 0.

        Args:
            step: training step.
            advice: advice for the message of a divergence.

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
