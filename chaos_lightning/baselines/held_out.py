"""Real images in place of generated ones."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from chaos_lightning.baselines.base import EVALUATION
from chaos_lightning.baselines.floor import Floor
from chaos_lightning.dynamics import draw_by_chain
from chaos_lightning.pixels import to_rates

if TYPE_CHECKING:
    from chaos_lightning.data import EvaluationBatch, ImageDataModule


class HeldOutImages(Floor):
    """The validation images in random order: the best that a generator can reach with as many samples.

    In validation, which compares with these very images, the test images take their place.

    Args:
        visible_units: number of pixels of a square grey image, or the shape of a sample, see :func:`shape_of`.
        seed: seed of the order in validation and test.
    """

    pixels: Tensor

    def __init__(self, visible_units: int | list[int] = 784, *, seed: int = 0) -> None:
        super().__init__(visible_units, seed=seed)
        self.register_buffer("pixels", torch.zeros(0, self.num_pixels, dtype=torch.uint8))

    def take(self, data: "ImageDataModule") -> None:
        """Keep the validation images."""
        self.pixels = data.validation.pixels.flatten(1).to(self.device)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Load as every generator does, with as many images as the checkpoint holds."""
        super().on_load_checkpoint(checkpoint)
        self.pixels = torch.empty_like(checkpoint["state_dict"]["pixels"], device=self.device)

    def generate(self, num_samples: int, *, seed: Sequence[int], first_sample: int) -> Tensor:
        """Take images in the order that belongs to a seed.

        Raises:
            ValueError: if there are too few images.
        """
        return _take(self.pixels, num_samples, seed, first_sample)

    def evaluation_images(self, batch: "EvaluationBatch") -> dict[float, Tensor]:
        """Take validation images in a test, and test images in a validation."""
        if self.trainer.testing:
            return super().evaluation_images(batch)
        test: Tensor = self.trainer.datamodule.test.pixels.flatten(1).to(self.device)  # type: ignore[attr-defined]
        images = _take(test, len(batch.images), (self.seed, EVALUATION), batch.first_index)
        return {self.sampling_time: self._as_images(images)}


def _take(pixels: Tensor, num_samples: int, seed: Sequence[int], first_sample: int) -> Tensor:
    if first_sample + num_samples > len(pixels):
        raise ValueError(
            f"{first_sample + num_samples:,} images are asked for, but only {len(pixels):,} are held out: ask for fewer"
        )
    order = draw_by_chain(1, len(pixels), seed=seed, device=pixels.device, uniform=True).squeeze(1).argsort()
    return to_rates(pixels[order[first_sample : first_sample + num_samples]])
