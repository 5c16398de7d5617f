"""Images as 8-bit pixels, and the one conversion to rates."""

from dataclasses import dataclass

import torch
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

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


@dataclass(frozen=True)
class ImageSet:
    """A set of labelled images, kept as 8-bit pixels.

    Attributes:
        pixels: (N, 1, 28, 28), uint8.
        labels: (N,), int64.
    """

    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def images(self) -> Tensor:
        """All images as rates, (N, 1, 28, 28), float32 in [-1, 1], converted at each access."""
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
