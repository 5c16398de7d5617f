"""A set of images as 8-bit pixels with labels, and checks of images and labels that other programs made."""

from dataclasses import dataclass

import numpy as np
import torch
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from torch import Tensor

from chaos_lightning.data.errors import DataError
from chaos_lightning.functional.checks import as_image_rows
from chaos_lightning.pixels import to_pixels, to_rates

# Share of the free memory of a GPU that the images may take: the network needs the rest.
_MAX_MEMORY_SHARE = 0.5


def as_rates(images: Tensor, name: str) -> Tensor:
    """Convert images of any program to rates.

    Warns of floating pixels if none is below 0: for the program that wrote them, 0 may be black.

    Args:
        images: (N, ...), 8-bit pixels or floating ones in [-1, 1].
        name: Name of the images in errors and warnings.

    Returns:
        Same shape, float32 in [-1, 1].

    Raises:
        DataError: Pixels are of another type, NaN, infinite or outside [-1, 1].
    """
    if images.dtype == torch.uint8:
        return to_rates(images)
    if not images.is_floating_point():
        raise DataError(f"{name} holds pixels of type {images.dtype}: they must be 8-bit, or floating and in [-1, 1]")
    try:
        darkest = float(as_image_rows(images, name).min())
    except ValueError as error:
        raise DataError(str(error)) from error
    if darkest >= 0:
        rank_zero_warn(
            f"{name} has floating pixels and none below 0. They are taken for rates, of which -1 is black and 0 is "
            "grey: if 0 is black in them, save 2 * images - 1, or 8-bit pixels."
        )
    return images.float()


def as_labels(labels: Tensor, num_images: int, name: str) -> Tensor:
    """Check and convert labels of any program.

    Args:
        labels: (N,), whole numbers from 0 on, of any type.
        num_images: N.
        name: Name of the images in errors.

    Returns:
        (N,), int64.

    Raises:
        DataError: There is not one such label for each image.
    """
    if labels.shape != (num_images,):
        raise DataError(f"{name} holds {num_images} images, but labels of shape {tuple(labels.shape)}")
    classes = labels.long()
    if (labels.is_floating_point() and not torch.equal(classes.to(labels.dtype), labels)) or (classes < 0).any():
        raise DataError(f"{name} holds labels that are not whole numbers from 0 on")
    return classes


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
            images: (N, side, side) or (N, 1, side, side), 8-bit pixels, or floating ones in [-1, 1], which are
                rounded to 8 bits.
            labels: (N,), whole numbers from 0 on. None: all images are of one class, 0.
            name: Name of the images in errors and warnings.

        Raises:
            DataError: These are not square grey images with such pixels, or have other labels.
        """
        images = torch.as_tensor(images)
        pixels = images.unsqueeze(1) if images.ndim == 3 else images
        if pixels.ndim != 4 or pixels.shape[1] != 1 or pixels.shape[2] != pixels.shape[3] or pixels.numel() == 0:
            raise DataError(
                f"{name} must hold square grey images, of shape (N, side, side) or (N, 1, side, side), but has shape "
                f"{tuple(images.shape)}: cut or pad them to squares, and take the mean of their colours"
            )
        if pixels.dtype != torch.uint8:
            pixels = to_pixels(as_rates(pixels, name))
        if labels is None:
            labels = torch.zeros(len(pixels), dtype=torch.int64)
        return cls(pixels, as_labels(torch.as_tensor(labels), len(pixels), name))

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
