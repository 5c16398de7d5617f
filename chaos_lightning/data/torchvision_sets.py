"""Data sets that torchvision fetches and reads: CIFAR-10, SVHN, EMNIST, USPS."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from torchvision import datasets

from chaos_lightning.data.datamodule import ImageDataModule
from chaos_lightning.data.download import in_turn, reported, temporary_folder, workplace_for
from chaos_lightning.data.errors import DataError
from chaos_lightning.data.images import ImageSet
from chaos_lightning.data.values import in_colour

_ABSENT = (RuntimeError, OSError, EOFError, ValueError, AssertionError)
"""Errors that torchvision raises where files are missing or damaged."""


class TorchvisionDataModule(ImageDataModule):
    """A data set of torchvision, read by its class there; each data set is a small subclass.

    Args:
        data_dir: Folder that holds the files in torchvision's layout; they are downloaded there if absent.
        **settings: Settings of every data set, see :class:`ImageDataModule`.

    Attributes:
        source: The torchvision class of the data set: its servers, checksums and reader.
    """

    source: ClassVar[type]

    def __init__(self, data_dir: str, **settings: Any) -> None:
        super().__init__(**settings)
        self._data_dir = Path(data_dir).expanduser().absolute()
        self.hparams["data_dir"] = os.fspath(self._data_dir)  # a checkpoint finds its data from any folder
        self.name: str = self.source.__name__

    @property
    def origin(self) -> str:
        """Source of the images."""
        return f"from {self._data_dir}"

    def open(self, folder: str, *, train: bool, download: bool = False) -> Any:
        """Let torchvision read the training or the test set from a folder, and fetch it before if need be."""
        return self.source(folder, train=train, download=download)

    def image_set(self, read: Any) -> ImageSet:
        """Make a set of images of what torchvision has read."""
        return ImageSet.from_arrays(read.data, read.targets, f"{self.name} in {self._data_dir}")

    def prepare_data(self) -> None:
        """Download the data set if `data_dir` lacks it, into a temporary folder whose files are then moved.

        Raises:
            DataError: It is not there and cannot be fetched.
        """
        if self._are_there():
            return
        workplace = workplace_for(self._data_dir)
        try:
            with in_turn(workplace, self.name):
                if not self._are_there():
                    self._download(workplace)
        except OSError as error:
            raise DataError(
                f"{self._absent} It cannot be downloaded, because {workplace} cannot be written to: {error}"
            ) from error

    def read_image_sets(self) -> tuple[ImageSet, ImageSet]:
        """Read the files.

        Raises:
            DataError: A file is missing or damaged.
        """
        try:
            train, test = (self.image_set(self.open(os.fspath(self._data_dir), train=part)) for part in (True, False))
        except _ABSENT as error:
            cause = " ".join(str(error).split())
            raise DataError(f"{self._absent} prepare_data() downloads it. Reading it failed: {cause}") from error
        return train, test

    def _are_there(self) -> bool:
        try:
            for part in (True, False):
                self.open(os.fspath(self._data_dir), train=part)
        except _ABSENT:
            return False
        return True

    def _download(self, workplace: Path) -> None:
        with temporary_folder(workplace, self.name) as temporary:
            with reported(self._absent):
                for part in (True, False):
                    self.open(temporary, train=part, download=True)
            for file in sorted(path for path in Path(temporary).rglob("*") if path.is_file()):
                if file.suffix not in (".gz", ".zip"):  # archives that have been unpacked
                    target = self._data_dir / file.relative_to(temporary)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(file, target)

    @property
    def _absent(self) -> str:
        return f"There is no intact {self.name} in {self._data_dir}, in the layout of torchvision.datasets.{self.name}."


class CIFAR10DataModule(TorchvisionDataModule):
    """Photographs of animals and vehicles, 32 x 32 pixels in colour, ten classes (A. Krizhevsky, 2009).

    Args:
        data_dir: Folder that holds `cifar-10-batches-py`; it is downloaded there if absent.
        colour: Whether to keep colours; otherwise they count by their brightness.
        **settings: Settings of every data set, see :class:`ImageDataModule`.
    """

    source = datasets.CIFAR10

    def __init__(self, data_dir: str, colour: bool = True, **settings: Any) -> None:
        super().__init__(data_dir, **settings)
        self._colour = colour

    def image_set(self, read: Any) -> ImageSet:
        """Keep colours or not."""
        images = super().image_set(read)
        return replace(images, pixels=in_colour(images.pixels, self._colour, self.name))


class SVHNDataModule(CIFAR10DataModule):
    """House numbers in photographs, 32 x 32 pixels in colour, ten classes (Y. Netzer et al., 2011; no commercial use).

    Args:
        data_dir: Folder that holds `train_32x32.mat` and `test_32x32.mat`; they are downloaded there if absent.
        colour: Whether to keep colours; otherwise they count by their brightness.
        **settings: Settings of every data set, see :class:`ImageDataModule`.
    """

    source = datasets.SVHN

    def open(self, folder: str, *, train: bool, download: bool = False) -> Any:
        """Read a split; torchvision names splits of this data set."""
        read = self.source(folder, split="train" if train else "test", download=download)
        read.targets = read.labels
        return read


class EMNISTDataModule(TorchvisionDataModule):
    """Handwritten letters and digits, 28 x 28 pixels (G. Cohen et al., arXiv:1702.05373; public domain).

    Args:
        data_dir: Folder that holds `EMNIST/raw`; it is downloaded there if absent (560 MB).
        split: Which classes: balanced (47), byclass (62), bymerge (47), letters (26), digits (10) or mnist (10).
        **settings: Settings of every data set, see :class:`ImageDataModule`.
    """

    source = datasets.EMNIST

    def __init__(self, data_dir: str, split: str = "balanced", **settings: Any) -> None:
        super().__init__(data_dir, **settings)
        if split not in datasets.EMNIST.splits:
            raise ValueError(f"split must be one of {', '.join(datasets.EMNIST.splits)}, but is {split}")
        self._split = split

    def open(self, folder: str, *, train: bool, download: bool = False) -> Any:
        """Read a split; stored images lie on their side, and letters count from 1."""
        read = self.source(folder, split=self._split, train=train, download=download)
        read.data = read.data.mT
        if self._split == "letters":
            read.targets = read.targets - 1
        return read


class USPSDataModule(TorchvisionDataModule):
    """Handwritten digits of postal codes, 16 x 16 pixels (J. J. Hull, 1994).

    Args:
        data_dir: Folder that holds `usps.bz2` and `usps.t.bz2`; they are downloaded there if absent.
        **settings: Settings of every data set, see :class:`ImageDataModule`.
    """

    source = datasets.USPS
