"""Data sets from the user's own files."""

import os
from pathlib import Path
from typing import Any

from chaos_lightning.data.datamodule import ImageDataModule
from chaos_lightning.data.errors import DataError
from chaos_lightning.data.files import holds_parts, read_arrays
from chaos_lightning.data.images import ImageSet


class ImageFilesDataModule(ImageDataModule):
    """Square grey images of any program, all of one size, with labels or without.

    They are kept with 8 bits a pixel. Images without labels count as of one class.

    Args:
        train: Images to train and validate with: an .npz or .pt file with `images`, 8-bit or in [-1, 1], and perhaps
            `labels`, or a folder of PNG images; see :func:`chaos_lightning.data.read_images`.
        test: Images to test with, in the same forms; with labels if the images of `train` have labels. The same file
            only if it holds both parts under the names of MedMNIST (`train_images`, `test_images`) or of Keras.
        **settings: Settings of every data set, see :class:`ImageDataModule`.

    Raises:
        ValueError: A setting is not possible.
    """

    def __init__(self, train: str, test: str, **settings: Any) -> None:
        super().__init__(**settings)
        self._files = [Path(file).expanduser().absolute() for file in (train, test)]
        # Absolute, so that a checkpoint finds its data from any folder.
        self.hparams.update(zip(("train", "test"), map(os.fspath, self._files), strict=True))
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
        (train, train_labels), (test, test_labels) = map(read_arrays, self._files, ("train", "test"))
        if (train_labels is None) != (test_labels is None):
            labelled, other = self._files if test_labels is None else reversed(self._files)
            raise DataError(f"{labelled} holds labels, but {other} none: put labels into both or into neither")
        names = [str(file) for file in self._files]
        return ImageSet.from_arrays(train, train_labels, names[0]), ImageSet.from_arrays(test, test_labels, names[1])
