"""A set of images as 8-bit pixels, or of vectors that are no images, with labels."""

from dataclasses import dataclass

import numpy as np
import torch
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

from chaos_lightning.data.errors import DataError
from chaos_lightning.data.values import as_labels, as_pixels, as_tensor, as_vectors, channel_first
from chaos_lightning.pixels import to_rates
from chaos_lightning.shapes import Shape, described

# Share of the free memory of a GPU that the images may take: the network needs the rest.
_MAX_MEMORY_SHARE = 0.5


@dataclass(frozen=True)
class ImageSet:
    """A set of images of any shape, kept as 8-bit pixels, or of vectors that are no images, kept as float32.

    Attributes:
        pixels: (N, channels, height, width), uint8, or (N, units), float32 in [-1, 1].
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
            images: (N, height, width), (N, channels, height, width), or with one or three channels at the end; 8-bit
                pixels, or others that :func:`chaos_lightning.data.values.as_rates` knows, which are rounded to 8 bits.
            labels: (N,) or (N, 1), whole numbers from 0 on. None: all images are of one class, 0.
            name: Name of the images in errors and warnings.

        Raises:
            DataError: These are not images with such pixels, or have other labels.
        """
        images = as_tensor(images, name)
        pixels = channel_first(images)
        if pixels.ndim != 4 or pixels.numel() == 0:
            raise DataError(
                f"{name} must hold images, of shape (N, height, width) or (N, channels, height, width), but has shape "
                f"{tuple(images.shape)}. Rows of pixels become images by reshape(len(images), height, width); vectors "
                "that are no images are named 'vectors' in files, and taken by ImageSet.from_vectors"
            )
        return cls(as_pixels(pixels, name), _labels(labels, len(pixels), name))

    @classmethod
    def from_vectors(
        cls, vectors: Tensor | np.ndarray, labels: Tensor | np.ndarray | None = None, name: str = "vectors"
    ) -> "ImageSet":
        """Make a set of vectors that are no images, such as spins or neural rates.

        Args:
            vectors: (N, units), see :func:`chaos_lightning.data.values.as_vectors`.
            labels: As in :meth:`from_arrays`.
            name: Name of the vectors in errors.

        Raises:
            DataError: These are not such vectors, or have other labels.
        """
        rates = as_vectors(as_tensor(vectors, name), name)
        return cls(rates, _labels(labels, len(rates), name))

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def num_classes(self) -> int:
        """One more than the largest label; 1 where images have no labels, 0 without images."""
        return int(self.labels.max()) + 1 if len(self) else 0

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self.labels.device

    @property
    def shape(self) -> Shape:
        """Shape of a sample, see :mod:`chaos_lightning.shapes`."""
        return tuple(self.pixels.shape[1:])

    @property
    def images(self) -> Tensor:
        """All images as rates, (N, *shape), float32 in [-1, 1], converted at each access."""
        return to_rates(self.pixels)

    def take(self, rows: Tensor) -> "ImageSet":
        """Copy the images with the given row numbers, (n,) int64, in that order."""
        return ImageSet(self.pixels.index_select(0, rows), self.labels.index_select(0, rows))

    def part(self, rows: Tensor) -> "ImageSet":
        """Return a part of the set as :meth:`take` does; images that stay on disk are not copied."""
        return self.take(rows)

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


class MappedImageSet(ImageSet):
    """A set of images that stay on disk; a part of it is a list of row numbers.

    Attributes:
        pixels: Images of all rows of the set, read into memory at each access.

    Args:
        stored: Mapped images of the file, (N, *shape).
        labels: (n,), int64, of the rows of the set.
        rows: Rows of the file that are in the set, (n,) int64; None for all.
    """

    stored: Tensor
    rows: Tensor | None

    def __init__(self, stored: Tensor, labels: Tensor, rows: Tensor | None = None) -> None:
        for name, value in (("stored", stored), ("labels", labels), ("rows", rows)):
            object.__setattr__(self, name, value)

    @property
    def pixels(self) -> Tensor:
        """Images of all rows of the set."""
        return self.stored if self.rows is None else self.stored.index_select(0, self.rows)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> Shape:
        """Shape of a sample."""
        return tuple(self.stored.shape[1:])

    def take(self, rows: Tensor) -> ImageSet:
        """Read the images with the given row numbers into memory."""
        of_file = rows if self.rows is None else self.rows.index_select(0, rows)
        return ImageSet(self.stored.index_select(0, of_file), self.labels.index_select(0, rows))

    def part(self, rows: Tensor) -> "MappedImageSet":
        """Return a part of the set, which stays on disk."""
        of_file = rows if self.rows is None else self.rows.index_select(0, rows)
        return MappedImageSet(self.stored, self.labels.index_select(0, rows), of_file)

    def to(self, device: torch.device) -> "MappedImageSet":
        """Leave the images where they are; minibatches are copied to the device."""
        return self


def check_image_sets(train: ImageSet, test: ImageSet, origin: str) -> None:
    """Check that a network can be trained with one set of images and tested with the other.

    Args:
        train: Training images.
        test: Test images.
        origin: Source of both, for errors.

    Raises:
        DataError: They differ in size, or all training images are alike.
    """
    if train.shape != test.shape:
        raise DataError(
            f"the training images have {described(train.shape)}, but the test images {described(test.shape)}: make "
            "them all of one size"
        )
    if len(train) > 1 and torch.equal(train.pixels[1:], train.pixels[:-1]):
        levels = train.pixels[0].aminmax()
        raise DataError(
            f"the {len(train)} training images {origin} are all alike, with values from {levels[0]} to "
            f"{levels[1]}: there is nothing to learn. Look whether the drawing was lost when they were saved"
        )


def _labels(labels: Tensor | np.ndarray | None, count: int, name: str) -> Tensor:
    """Check labels; without any, all samples are of class 0."""
    if labels is None:
        return torch.zeros(count, dtype=torch.int64)
    return as_labels(as_tensor(labels, f"{name}, in the labels,"), count, name)
