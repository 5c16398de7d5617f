"""Data sets from the user's own files."""

import os
from pathlib import Path
from typing import Any

from chaos_lightning.data.datamodule import ImageDataModule
from chaos_lightning.data.errors import DataError
from chaos_lightning.data.files import holds_parts, read_image_set
from chaos_lightning.data.images import ImageSet


class ImageFilesDataModule(ImageDataModule):
    """Images of any program, all of one size, or vectors that are no images, with labels or without.

    Images are kept with 8 bits a pixel, vectors as float32. Without labels they count as of one class.

    A file larger than a quarter of the memory stays on disk, if it was saved without compression (``numpy.savez``,
    ``torch.save``): images are read as they are needed, and processes share what the system keeps of them in memory.

    Args:
        train: Images to train and validate with: an .npz or .pt file with `images`, 8-bit or in [-1, 1], or `vectors`,
            in [-1, 1], and perhaps `labels`, or a folder of PNG images; see :func:`chaos_lightning.data.read_images`.
        test: Images to test with, in the same forms; with labels if the images of `train` have labels. The same file
            only if it holds both parts under the names of MedMNIST (`train_images`, `test_images`) or of Keras.
        colour: Whether all images have three channels, red, green and blue, a grey one three equal ones. Otherwise all
            have one: a colour counts by its brightness.
        **settings: Settings of every data set, see :class:`ImageDataModule`.

    Raises:
        ValueError: A setting is not possible.
    """

    def __init__(self, train: str, test: str, colour: bool = False, **settings: Any) -> None:
        super().__init__(**settings)
        self._files = [Path(file).expanduser().absolute() for file in (train, test)]
        # Absolute, so that a checkpoint finds its data from any folder.
        self.hparams.update(zip(("train", "test"), map(os.fspath, self._files), strict=True))
        self._colour = colour
        self.name = self._files[0].name

    @property
    def origin(self) -> str:
        """Source of the images."""
        return "from {} and {}".format(*self._files)

    def read_image_sets(self) -> tuple[ImageSet, ImageSet]:
        """Read the files.

        Raises:
            DataError: A file is missing or damaged, holds other images, or is the only one with labels, or both are
                the same images.
        """
        if self._files[0].resolve() == self._files[1].resolve() and not holds_parts(self._files[0]):
            raise DataError(f"train and test are both {self._files[0]}: test with other images than those trained on")
        (train, train_has_labels), (test, test_has_labels) = (
            read_image_set(file, part, self._colour) for file, part in zip(self._files, ("train", "test"), strict=True)
        )
        if train_has_labels != test_has_labels:
            labelled, other = self._files if train_has_labels else reversed(self._files)
            raise DataError(f"{labelled} holds labels, but {other} none: put labels into both or into neither")
        return train, test
