"""A set of images as 8-bit pixels with labels."""

from dataclasses import dataclass

import numpy as np
import torch
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

from chaos_lightning.data.errors import DataError
from chaos_lightning.data.values import as_labels, as_pixels, as_tensor, channel_first
from chaos_lightning.pixels import to_rates

# Share of the free memory of a GPU that the images may take: the network needs the rest.
_MAX_MEMORY_SHARE = 0.5


@dataclass(frozen=True)
class ImageSet:
    """A set of square grey images, kept as 8-bit pixels.

    Attributes:
        pixels: (N, 1, side, side), uint8.
        labels: (N,), int64.
    """

    pixels: Tensor
    labels: Tensor

    @classmethod
    def from_arrays(
        cls, images: Tensor | np.ndarray, labels: Tensor | np.ndarray | None = None, name: str = "images"
    ) -> "ImageSet":
        """Make a set of images of any program.

        Args:
            images: (N, side, side), (N, 1, side, side) or (N, side, side, 1), 8-bit pixels, or others that
                :func:`chaos_lightning.data.values.as_rates` knows, which are rounded to 8 bits.
            labels: (N,) or (N, 1), whole numbers from 0 on. None: all images are of one class, 0.
            name: Name of the images in errors and warnings.

        Raises:
            DataError: These are not square grey images with such pixels, or have other labels.
        """
        images = as_tensor(images, name)
        pixels = images.unsqueeze(1) if images.ndim == 3 else channel_first(images)
        if pixels.ndim != 4 or pixels.shape[1] != 1 or pixels.shape[2] != pixels.shape[3] or pixels.numel() == 0:
            raise DataError(
                f"{name} must hold square grey images, of shape (N, side, side) or (N, 1, side, side), but has shape "
                f"{tuple(images.shape)}: cut or pad them to squares, and take the mean of their colours. Rows of "
                "pixels become images by reshape(len(images), side, side)"
            )
        pixels = as_pixels(pixels, name)
        if labels is None:
            return cls(pixels, torch.zeros(len(pixels), dtype=torch.int64))
        return cls(pixels, as_labels(as_tensor(labels, f"{name}, in the labels,"), len(pixels), name))

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def num_classes(self) -> int:
        """One more than the largest label; 1 where images have no labels, 0 without images."""
        return int(self.labels.max()) + 1 if len(self) else 0

    @property
    def images(self) -> Tensor:
        """All images as rates, (N, 1, side, side), float32 in [-1, 1], converted at each access."""
        return to_rates(self.pixels)

    def take(self, rows: Tensor) -> "ImageSet":
        """Copy the images with the given row numbers, (n,) int64, in that order."""
        return ImageSet(self.pixels.index_select(0, rows), self.labels.index_select(0, rows))

    def to(self, device: torch.device) -> "ImageSet":
        """Move the set to `device` if there is room for it; otherwise say so and leave it where it is."""
        if device.type == "cuda":
            free_bytes, _ = torch.cuda.mem_get_info(device)
            if self.pixels.nbytes > _MAX_MEMORY_SHARE * free_bytes:
                rank_zero_info(
                    f"The images take {self.pixels.nbytes / 2**20:.0f} MiB and {device} has only "
                    f"{free_bytes / 2**20:.0f} MiB free: they stay in main memory, "
                    "and are copied to the device as they are needed."
                )
                return self
        return ImageSet(self.pixels.to(device), self.labels.to(device))


def check_image_sets(train: ImageSet, test: ImageSet, origin: str) -> None:
    """Check that a network can be trained with one set of images and tested with the other.

    Args:
        train: Training images.
        test: Test images.
        origin: Source of both, for errors.

    Raises:
        DataError: They differ in size, or all training images are alike.
    """
    sizes = [" x ".join(map(str, images.pixels.shape[2:])) for images in (train, test)]
    if sizes[0] != sizes[1]:
        raise DataError(
            f"the training images have {sizes[0]} pixels, but the test images {sizes[1]}: make them all of one size"
        )
    if len(train) > 1 and torch.equal(train.pixels[1:], train.pixels[:-1]):
        levels = train.pixels[0].aminmax()
        raise DataError(
            f"the {len(train)} training images {origin} are all alike, with 8-bit pixels from {levels[0]} to "
            f"{levels[1]}: there is nothing to learn. Look whether the drawing was lost when they were saved"
        )
