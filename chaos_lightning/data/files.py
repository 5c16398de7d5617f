"""Images from files of any program."""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

from chaos_lightning.data.errors import DataError
from chaos_lightning.data.images import ImageSet, MappedImageSet
from chaos_lightning.data.mapped_files import mapped_npz, stays_on_disk
from chaos_lightning.data.named_arrays import part_names, pick_images
from chaos_lightning.data.png import read_png_folder
from chaos_lightning.data.tensor_files import load_tensors
from chaos_lightning.data.values import as_labels, as_rates, as_vectors, in_colour

_KINDS = "a .npz or .pt file, or a folder of PNG images"


def read_images(
    path: str | Path, part: str | None = None, may_be_dark: bool = False, colour: bool = False
) -> tuple[Tensor, Tensor | None]:
    """Read images as rates, and labels if the file has them.

    Args:
        path: An ``.npz`` file with an array ``images`` (or a single array of images) and perhaps ``labels``, a ``.pt``
            file with a tensor, a dict of such or a pair of images and labels, or a folder of PNG images, read in order
            of their names. Pixels stand for [-1, 1] as :func:`chaos_lightning.data.values.as_rates` says. Vectors that
            are no images have the name ``vectors``.
        part: Which images to read from a file with the parts of a data set, as MedMNIST's: "train" or "test".
        may_be_dark: Only warns of images that do not reach half of white, which are refused otherwise.
        colour: Whether all images have three channels, or all one, see :func:`chaos_lightning.data.values.in_colour`.

    Returns:
        Images ``(N, channels, height, width)`` or vectors ``(N, units)``, float32 in [-1, 1], and labels
        ``(N,)``, int64, or None.

    Raises:
        DataError: If there is nothing there, or nothing that can be read as such images; says what and where.
    """
    images, labels = read_arrays(path, part, colour)
    if images.ndim == 2:
        rates = as_vectors(images, str(path))
    else:
        rates = in_colour(as_rates(images, str(path), may_be_dark), colour, str(path))
    return rates, None if labels is None else as_labels(labels, len(images), str(path))


def read_image_set(path: str | Path, part: str, colour: bool) -> tuple[ImageSet, bool]:
    """Read images or vectors as a set, see :func:`read_images`, and tell whether the file has labels.

    Those of a file too large for memory stay on disk, which is said.

    Raises:
        DataError: As :func:`read_arrays`; or if they cannot be used as they are on disk.
    """
    images, labels = read_arrays(path, part, colour)
    mapped = stays_on_disk(Path(path).expanduser())
    if mapped:
        _check_usable_on_disk(images, colour, str(path))
    if images.ndim == 2:
        read = ImageSet.from_vectors(images, labels, str(path))
    else:
        read = ImageSet.from_arrays(images, labels, str(path))
    if mapped:
        rank_zero_info(
            f"{path} takes {images.nbytes / 2**30:.1f} GiB, too much for memory: its {len(images):,} samples stay on "
            "disk and are read as they are needed."
        )
        return MappedImageSet(read.pixels, read.labels), labels is not None
    return replace(read, pixels=in_colour(read.pixels, colour, str(path))), labels is not None


def read_arrays(path: str | Path, part: str | None = None, colour: bool = False) -> tuple[Tensor, Tensor | None]:
    """Read images and labels as they are in the file, see :func:`read_images`.

    Returns:
        Images ``(N, channels, height, width)`` or vectors ``(N, units)``, and labels or None, of any type. Only images
        of a folder have the channels that are asked for already.

    Raises:
        DataError: If there is nothing there, or nothing that can be read as images; says what and where.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise DataError(f"there are no images at {path}: name {_KINDS}")
    if path.is_dir():
        return torch.from_numpy(read_png_folder(path, colour)), None
    return pick_images(read_contents(path), str(path), part)


def holds_parts(path: Path) -> bool:
    """Tell whether a file holds several parts of a data set, such as training and test images.

    Raises:
        DataError: If it cannot be read.
    """
    return path.is_file() and bool(part_names(list(read_contents(path))))


def read_contents(path: Path) -> dict[str, Any]:
    """Read the arrays of an ``.npz`` or ``.pt`` file by their names. No code of the file is run.

    Returns:
        Name to array of NumPy or tensor. What is neither is an empty array of objects.

    Raises:
        DataError: If it is no such file, or is damaged.
    """
    kind = path.suffix.lower()
    if kind not in (".npz", ".pt"):
        raise DataError(f"{path} is neither a .npz or .pt file nor a folder of PNG images: name {_KINDS}")
    return _read_npz(path, stays_on_disk(path)) if kind == ".npz" else _read_pt(path, stays_on_disk(path))


def _check_usable_on_disk(images: Tensor, colour: bool, name: str) -> None:
    """Refuse images of a file too large for memory that would have to be converted.

    Raises:
        DataError: They are no 8-bit pixels with the channels in front that are asked for; says what to do.
    """
    wanted = 3 if colour else 1
    if images.ndim == 2:
        fits, form = images.dtype == torch.float32, "float32"
    else:
        is_pixels = images.dtype == torch.uint8 and images.is_contiguous() and images.shape[1] == wanted
        fits = is_pixels and int(images[:1000].max()) > 1  # 0 and 1 stand for black and white
        form = f"8-bit pixels (uint8, 255 is white) of the shape (N, {wanted}, height, width)"
    if not fits:
        raise DataError(
            f"{name} is too large for memory, and its values ({images.dtype}, shape {tuple(images.shape)}) cannot be "
            f"used as they lie on disk: save them as {form}, with numpy.savez or torch.save"
        )


def _read_npz(path: Path, mapped: bool) -> dict[str, Any]:
    # What NumPy lets through of its archive and its formats on damaged files.
    damage = (ValueError, OSError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error)
    try:
        arrays = mapped_npz(path) if mapped else None  # compressed ones cannot be mapped
        if arrays is not None:
            return arrays
        with np.load(path, allow_pickle=False) as file:
            return {name: _member(file, name) for name in file.files}
    except (*damage, AttributeError, TypeError) as error:  # the last two if it is no archive, but a single array
        raise DataError(f"{path} cannot be read as .npz: {error}") from error


def _member(file: Any, name: str) -> np.ndarray:
    try:
        array: np.ndarray = file[name]
    except ValueError as error:
        if "Object arrays" not in str(error):
            raise
        return _NO_ARRAY
    return array


def _read_pt(path: Path, mapped: bool) -> dict[str, Any]:
    loaded = load_tensors(path, mapped)
    if isinstance(loaded, dict):
        return {str(name): _as_array(value) for name, value in loaded.items()}
    if isinstance(loaded, (list, tuple)):
        arrays = [_as_array(value) for value in loaded]
        if len(arrays) != 2 or arrays[0].ndim < 3 or not 1 <= arrays[1].ndim <= 2:
            shapes = ", ".join(str(tuple(array.shape)) for array in arrays[:4])
            raise DataError(
                f"{path} holds a list of {len(arrays)}, of shapes {shapes}{' ...' * (len(arrays) > 4)}, not a pair of "
                'images and labels: save a dict, {"images": images, "labels": labels}'
            )
        return dict(zip(("images", "labels"), arrays, strict=True))
    return {"images": _as_array(loaded)}


def _as_array(value: Any) -> Any:
    """Turn what a file of tensors holds into an array, if it can be one."""
    if isinstance(value, Tensor):
        return value
    try:
        if isinstance(value, Sequence) and value and all(isinstance(each, Tensor) for each in value):
            return torch.stack(list(value))
        array = np.asarray(value)
    except (RuntimeError, ValueError):  # of different shapes
        return _NO_ARRAY
    return array


_NO_ARRAY = np.empty(0, dtype=object)
