"""Which arrays of a file are its images and labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from chaos_lightning.data.errors import DataError
from chaos_lightning.data.values import as_tensor, channel_first

_LABELS = ("labels", "label", "targets", "target", "y")

# Names of images and labels in files that hold several parts of a data set: MedMNIST's and Keras'.
_OF_PART = (("{}_images", "{}_labels"), ("x_{}", "y_{}"))
_PARTS = ("train", "val", "test")


def part_names(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Find the parts of a data set by the names of the arrays of a file.

    Returns:
        Part, `train`, `val` or `test`, to the names of its images and labels. Empty if the names are not such.
    """
    patterns = [(part, images.format(part), labels.format(part)) for part in _PARTS for images, labels in _OF_PART]
    return {part: (images, labels) for part, images, labels in patterns if images in names}


def pick_images(contents: Mapping[str, Any], path: str, part: str | None) -> tuple[Tensor, Tensor | None]:
    """Pick images and labels from the arrays of a file, and warn of others.

    Args:
        contents: Name to array. Images are `images`, vectors that are no images `vectors`, or else images are the only
            array of three dimensions or more; labels go by `labels` or another usual name. Files with the parts of a
            data set, as MedMNIST's, have other names.
        path: The file, for errors.
        part: Which part to read from files with the parts of a data set: `train` or `test`.

    Returns:
        Images ``(N, channels, height, width)`` or vectors ``(N, units)``, and labels or None.

    Raises:
        DataError: There are no images or several, or they are not numbers, or it is not clear which are the labels.
    """
    parts = {} if {"images", "vectors"} & contents.keys() else part_names(list(contents))
    if parts:
        images_name, labels_name = _of_part(parts, path, part)
        label_names = [labels_name] if labels_name in contents else []
    else:
        images_name = _images_name(contents, path)
        label_names = [name for name in _LABELS if name in contents and name != images_name]
        label_names = ["labels"] if "labels" in label_names else label_names
    if len(label_names) > 1:
        raise DataError(f"{path} has {' and '.join(label_names)}: name those that are the labels 'labels'")
    images = as_tensor(contents[images_name], f"{path}, in its array {images_name},")
    if len(images) == 0 or (images.ndim not in (3, 4) and images_name != "vectors"):
        raise DataError(
            f"{path} holds no images: its array {images_name} has shape {tuple(images.shape)}, not (N, height, width). "
            "Rows of pixels become images by reshape(len(images), height, width); name vectors that are no images "
            "'vectors'"
        )
    labels = None
    for name in label_names:
        labels = as_tensor(_numerals(contents[name]), f"{path}, in its array {name},")
    left_out = _left_out(contents, {images_name, *label_names}, parts)
    if left_out:
        rank_zero_warn(f"{path} also holds {', '.join(left_out)}: left out. Labels are read by the name 'labels'.")
    if images_name == "vectors":
        return images, labels
    if images.ndim == 4 and images.shape[1] in (1, 3) and images.shape[3] == 3:
        rank_zero_warn(
            f"{path} holds images of shape {tuple(images.shape)}. They are taken for {images.shape[1]} channels of "
            f"{images.shape[2]} x 3 pixels: if the channels are last, save numpy.moveaxis(images, 3, 1)."
        )
    return channel_first(images), labels


def _images_name(contents: Mapping[str, Any], path: str) -> str:
    for name in ("images", "vectors"):
        if name in contents:
            return name
    candidates = [name for name, array in contents.items() if array.ndim >= 3]
    if not candidates and len(contents) == 1:
        candidates = list(contents)
    if len(candidates) != 1:
        found = ", ".join(f"'{name}' of shape {tuple(array.shape)}" for name, array in sorted(contents.items()))
        raise DataError(f"{path} has no array named 'images', but {found or 'nothing'}: name the images 'images'")
    return candidates[0]


def _of_part(parts: Mapping[str, tuple[str, str]], path: str, part: str | None) -> tuple[str, str]:
    if part is not None and part in parts:
        return parts[part]
    names = " and ".join(images for images, _ in parts.values())
    wanted = "the images wanted here" if part is None else f"{part} images"
    raise DataError(f"{path} holds {names}, and which are {wanted} is not said: save those alone, as 'images'")


def _numerals(labels: Any) -> Any:
    """Turn labels that are written as numerals, such as '7', into numbers; leave others as they are."""
    if isinstance(labels, np.ndarray) and labels.dtype.kind in "US":
        try:
            return labels.astype(np.int64)
        except ValueError:
            return labels
    return labels


def _left_out(contents: Mapping[str, Any], read: set[str], parts: Mapping[str, tuple[str, str]]) -> list[str]:
    """List arrays that a user may take for read; training and test images leave out one another as they should."""
    expected = {name for part in ("train", "test") for name in parts.get(part, ())}
    return [name for name, array in contents.items() if array.ndim and name not in read | expected]
