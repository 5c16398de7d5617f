"""Baselines that need no learning."""

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from chaos_lightning.baselines.base import Baseline

if TYPE_CHECKING:
    from chaos_lightning.data import ImageDataModule, Minibatch


class Floor(Baseline):
    """A baseline that takes everything from the data when training starts, and ends after one idle step.

    Args:
        visible_units: number of pixels of a square grey image, or the shape of a sample, see :func:`shape_of`.
        seed: seed of the samples in validation and test.
    """

    learns = False

    def __init__(self, visible_units: int | list[int] = 784, *, seed: int = 0) -> None:
        # Lightning counts the steps of an optimiser, so there is one, and a parameter for it: the number of steps.
        super().__init__(
            visible_units,
            seed=seed,
            optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1.0),
            lr_scheduler=None,
        )
        self.num_steps = nn.Parameter(torch.zeros(()))

    @property
    def layer_sizes(self) -> list[int]:
        """Number of pixels only."""
        return [self.num_pixels]

    def take(self, data: "ImageDataModule") -> None:
        """Take everything needed for samples from a data set."""
        raise NotImplementedError

    def on_fit_start(self) -> None:
        """Take everything needed from the data, and end after one step.

        Raises:
            ValueError: if there is no data module.
        """
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        if data is None:
            raise ValueError(f"{type(self).__name__} needs a data module to take its images from")
        self.take(data)
        self.trainer.fit_loop.epoch_loop.max_steps = 1

    def training_step(self, batch: "Minibatch", batch_idx: int) -> None:
        """Count the step."""
        self.descend([-torch.ones_like(self.num_steps)])
