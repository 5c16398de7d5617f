"""Data sets in MNIST's file format: the two of the paper, others of torchvision, and digits in colour."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torchvision import datasets
from torchvision.transforms.functional import resize

from chaos_lightning.data.datamodule import ImageDataModule
from chaos_lightning.data.download import ensure_raw_files, has_raw_files, missing_message, raw_folder
from chaos_lightning.data.draws import Draw, uniform, uniform_stream
from chaos_lightning.data.errors import DataError
from chaos_lightning.data.idx import TEST, TRAIN, read_image_set
from chaos_lightning.data.images import ImageSet

_SAMPLE_FOLDER = Path(__file__).parent / "sample"


class IDXDataModule(ImageDataModule):
    """A data set of torchvision in IDX files, the format of MNIST; each data set is a small subclass.

    Args:
        data_dir: Folder that holds the full data set in torchvision's layout, `<data_dir>/<name>/raw`; it is
            downloaded there if absent. None: the sample of 5,000 training and 1,000 test images that ships
            with this package, of MNIST and Fashion-MNIST.
        **settings: Settings of every data set, see :class:`ImageDataModule`.

    Attributes:
        source: The torchvision class of the data set: its name, servers and checksums.
        sample_file: Name of the bundled sample; None if there is none.
        image_shape: Channels, rows and columns that an image must have.
        num_classes: Number of classes; labels must be 0 to ``num_classes - 1``.

    Raises:
        DataError: Torchvision keeps the data set in files of another layout, as EMNIST and QMNIST.
    """

    source: ClassVar[type[datasets.MNIST]]
    sample_file: ClassVar[str | None] = None
    image_shape = (1, 28, 28)
    num_classes = 10

    def __init__(self, data_dir: str | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        _check_layout(self.source)
        self._data_dir = None if data_dir is None else Path(data_dir).expanduser().absolute()
        # Absolute, so that a checkpoint finds its data from any folder, and a string, for a Path would make it
        # unreadable with weights_only=True.
        self.hparams["data_dir"] = None if self._data_dir is None else os.fspath(self._data_dir)
        self.name = self.source.__name__

    @property
    def origin(self) -> str:
        """Source of the images."""
        return "the sample that ships with the package" if self._data_dir is None else f"from {self._data_dir}"

    def prepare_data(self) -> None:
        """Download the full data set if `data_dir` lacks it.

        Raises:
            DataError: It is not there and cannot be fetched.
        """
        if self._data_dir is not None:
            ensure_raw_files(self._data_dir, self.source)

    def read_image_sets(self) -> tuple[ImageSet, ImageSet]:
        """Read the files of the full data set, or the bundled sample.

        Raises:
            DataError: A file is missing or damaged, or a data set without a sample was given no folder.
        """
        if self._data_dir is None:
            if self.sample_file is None:
                raise DataError(
                    f"no sample of {self.name} ships with this package: give data_dir (--data.data_dir DIR), the "
                    f"folder that holds {self.name}/raw or that it is to be downloaded to"
                )
            with np.load(_SAMPLE_FOLDER / self.sample_file, allow_pickle=False) as sample:
                return _sample_set(sample, "train"), _sample_set(sample, "test")
        if not has_raw_files(self._data_dir, self.source):
            raise DataError(f"{missing_message(self._data_dir, self.source)} prepare_data() downloads it.")
        folder, image_size = raw_folder(self._data_dir, self.source), type(self).image_shape[1:]  # as in the files
        train, test = (read_image_set(folder, prefix, image_size, self.num_classes) for prefix in (TRAIN, TEST))
        return train, test


class MNISTDataModule(IDXDataModule):
    """Handwritten digits (Y. LeCun, C. Cortes, C. Burges; CC BY-SA 3.0).

    Example:
        >>> data = MNISTDataModule()
        >>> len(data.train), len(data.validation), len(data.test)
        (4000, 1000, 1000)
    """

    source = datasets.MNIST
    sample_file = "mnist.npz"


class FashionMNISTDataModule(IDXDataModule):
    """Pictures of clothes (Zalando SE; MIT)."""

    source = datasets.FashionMNIST
    sample_file = "fashion_mnist.npz"


class KMNISTDataModule(IDXDataModule):
    """Cursive Japanese characters of ten classes (ROIS-DS CODH; CC BY-SA 4.0)."""

    source = datasets.KMNIST


class ScaledMNISTDataModule(MNISTDataModule):
    """Handwritten digits of MNIST on another number of pixels, to see what depends on it.

    Args:
        data_dir: As for :class:`MNISTDataModule`; None takes the digits that ship with this package.
        side: Pixels in a row, and rows; torchvision resizes with antialiasing.
        **settings: Settings of every data set, see :class:`ImageDataModule`.

    Example:
        >>> ScaledMNISTDataModule(side=14).train.shape
        (1, 14, 14)
    """

    def __init__(self, data_dir: str | None = None, side: int = 56, **settings: Any) -> None:
        super().__init__(data_dir, **settings)
        if side < 1:
            raise ValueError(f"side must be at least 1, but is {side}")
        self.image_shape = (1, side, side)
        self._side = side
        self.name = "ScaledMNIST"

    def read_image_sets(self) -> tuple[ImageSet, ImageSet]:
        """Read the digits, and resize them."""
        train, test = (
            ImageSet(resize(images.pixels, [self._side, self._side], antialias=True), images.labels)
            for images in super().read_image_sets()
        )
        return train, test


class ColouredMNISTDataModule(MNISTDataModule):
    """Handwritten digits of MNIST, each in a colour of its own on black.

    The hue of an image is drawn uniformly; full saturation makes the brightest pixel of at least one channel as bright
    as in grey, and leaves another black. Hues follow from the seed and the number of the image in its file, and have
    nothing to do with its class.

    Args:
        data_dir: As for :class:`MNISTDataModule`; None takes the digits that ship with this package.
        **settings: Settings of every data set, see :class:`ImageDataModule`.

    Example:
        >>> ColouredMNISTDataModule().train.shape
        (3, 28, 28)
    """

    image_shape = (3, 28, 28)

    def __init__(self, data_dir: str | None = None, **settings: Any) -> None:
        super().__init__(data_dir, **settings)
        self.name = "ColouredMNIST"

    def read_image_sets(self) -> tuple[ImageSet, ImageSet]:
        """Read the digits, and colour them."""
        train, test = (self._coloured(part, images) for part, images in enumerate(super().read_image_sets()))
        return train, test

    def _coloured(self, part: int, images: ImageSet) -> ImageSet:
        hues = torch.from_numpy(uniform(uniform_stream(Draw.COLOURS, self._seed, part), len(images))).float()
        # Each channel is full within a sixth of the circle of hues from its own, 0, 1/3 or 2/3, and 0 beyond a third.
        from_own = (hues.unsqueeze(1) - torch.tensor([0.0, 1 / 3, 2 / 3]) + 0.5).remainder(1) - 0.5
        strengths = (2 - 6 * from_own.abs()).clamp(0, 1).view(-1, 3, 1, 1)
        return ImageSet((strengths * images.pixels).round().to(torch.uint8), images.labels)


def _check_layout(source: type) -> None:
    """Refuse a data set whose files are not laid out as MNIST's: its class has a way of its own to fetch them."""
    if getattr(source, "download", None) is datasets.MNIST.download:
        return
    advice = "ImageSet.from_arrays(images, labels)"
    if source.__name__ == "QMNIST":
        advice = (
            "ImageSet.from_arrays(read.data, read.targets[:, 0]) with read = QMNIST(folder, train=...): a row of "
            "targets holds more than the class"
        )
    raise DataError(
        f"torchvision keeps {source.__name__} in other files than MNIST's, so that no IDXDataModule can read it: make "
        "a subclass of TorchvisionDataModule, as EMNISTDataModule is, or of ImageDataModule, whose read_image_sets "
        f"makes both image sets from what torchvision has read, {advice}"
    )


def _sample_set(sample: Mapping[str, np.ndarray], name: str) -> ImageSet:
    pixels, labels = sample[f"{name}_images"], sample[f"{name}_labels"]
    return ImageSet(torch.from_numpy(pixels).unsqueeze(1), torch.from_numpy(labels.astype(np.int64)))
