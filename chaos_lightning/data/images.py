"""Images as 8-bit pixels, and their conversion to rates."""

from dataclasses import dataclass

import torch
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from torch import Tensor

from chaos_lightning.data.errors import DataError
from chaos_lightning.functional.checks import as_image_rows

# Share of the free memory of a GPU that the images may take: the network needs the rest.
_MAX_MEMORY_SHARE = 0.5


def pixels_to_rates(pixels: Tensor) -> Tensor:
    """Map 8-bit pixels to rates, `x / 127.5 - 1`: exactly -1 at 0 and 1 at 255.

    Args:
        pixels: Any shape, uint8.

    Returns:
        Same shape and device, float32 in [-1, 1].

    Example:
        >>> pixels_to_rates(torch.tensor([0, 51, 255], dtype=torch.uint8))
        tensor([-1.0000, -0.6000,  1.0000])
    """
    return pixels.to(torch.float32).div_(127.5).sub_(1.0)


def as_rates(images: Tensor, name: str) -> Tensor:
    """Images of any program as rates.

    Floating pixels of which none is below 0 look like those of a program for which 0 is black, and are warned of.

    Args:
        images: (N, ...), 8-bit pixels or floating ones in [-1, 1].
        name: What to call them in an error or a warning.

    Returns:
        Same shape, float32 in [-1, 1].

    Raises:
        DataError: Pixels are of another type, NaN, infinite or outside [-1, 1].
    """
    if images.dtype == torch.uint8:
        return pixels_to_rates(images)
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


@dataclass(frozen=True)
class ImageSet:
    """A set of square grey images, kept as 8-bit pixels.

    Attributes:
        pixels: (N, 1, side, side), uint8.
        labels: (N,), int64.
    """

    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def images(self) -> Tensor:
        """All images as rates, (N, 1, side, side), float32 in [-1, 1], converted at each access."""
        return pixels_to_rates(self.pixels)

    def take(self, rows: Tensor) -> "ImageSet":
        """Copy the images with the given row numbers, (n,) int64, in that order."""
        return ImageSet(self.pixels[rows], self.labels[rows])

    def to(self, device: torch.device) -> "ImageSet":
        """Move the set to `device` if there is room for it; otherwise say so and leave it where it is."""
        if device.type == "cuda":
            free_bytes, _ = torch.cuda.mem_get_info(device)
            if self.pixels.nbytes > _MAX_MEMORY_SHARE * free_bytes:
                rank_zero_info(
                    f"The images take {self.pixels.nbytes / 2**20:.0f} MiB and {device} has only "
                    f"{free_bytes / 2**20:.0f} MiB free: they stay in main memory, "
                    "and every minibatch is copied to the device."
                )
                return self
        return ImageSet(self.pixels.to(device), self.labels.to(device))
