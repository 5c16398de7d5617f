"""Stops training whose numbers have blown up."""

from collections.abc import Sequence

import torch
from torch import Tensor

LARGEST_POTENTIAL = 1e4
"""Potentials beyond this count as divergence. The rate functions are flat for |x| > 10, healthy networks stay below
100 or so, and a network that has blown up saturates long before its numbers overflow."""


class TrainingDivergedError(RuntimeError):
    """Training has produced numbers that are not finite or absurdly large."""


def check_pixels(largest: float, step: int, advice: str = "") -> None:
    """Raise if training images are not what generators learn.

    Args:
        largest: absolute pixel, NaN if one is.
        step: of training.
        advice: what to say besides.

    Raises:
        ValueError: for pixels that are not finite or outside [-1, 1].
    """
    if not largest <= 1 + 1e-6:
        raise ValueError(
            f"training stopped at step {step}: pixels must be finite and in [-1, 1], but the images hold {largest}. "
            + advice
        )


class DivergenceWatch:
    """Keeps the largest absolute pixel and potential seen, and complains when asked to look at them.

    Taking in is cheap and never waits for the device; looking does.

    Attributes:
        largest_potential: what the last look has found.
    """

    def __init__(self) -> None:
        self._largest: Tensor | None = None
        self.largest_potential = 0.0

    def take_in(self, images: Tensor, potentials: Sequence[Tensor]) -> None:
        """Take in the images of a step and the potentials of its free phase."""
        norms = [torch.linalg.vector_norm(tensor, float("inf")) for tensor in (images, *potentials)]
        largest = torch.stack(norms)
        # torch.maximum hands NaN on, so nothing is lost between two looks.
        self._largest = largest if self._largest is None else torch.maximum(largest, self._largest)

    def look(self, step: int, learning_rate: float, last_checkpoint: str) -> None:
        """Raise if anything taken in since the last look is bad.

        Raises:
            ValueError: for pixels that are not finite or outside [-1, 1].
            TrainingDivergedError: for potentials that are not finite or beyond LARGEST_POTENTIAL.
        """
        if self._largest is None:
            return
        pixel, *potentials = self._largest.tolist()
        self._largest = None
        self.largest_potential = max(potentials)
        kept = f"The last good checkpoint: {last_checkpoint or 'none was written yet'}"
        check_pixels(pixel, step, kept)
        for potential in potentials:
            if not potential <= LARGEST_POTENTIAL:
                raise TrainingDivergedError(
                    f"training diverged at step {step}: the largest potential is {potential:g}. "
                    f"Lower the learning rate (now {learning_rate:g}). " + kept
                )
