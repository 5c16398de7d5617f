"""Pixels and labels of any program, as rates in [-1, 1] and as numbers of classes.

What has one meaning is read, and anything else is refused with a way to mend it. Where another meaning is possible but
far-fetched, a warning says which one was taken.
"""

from typing import Any

import numpy as np
import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from chaos_lightning.data.errors import DataError
from chaos_lightning.functional.checks import RANGE_TOLERANCE, as_image_rows
from chaos_lightning.pixels import to_pixels, to_rates

# Weights of red, green and blue in the brightness of a colour (ITU-R BT.601) in units of 2**-15, as libpng has them.
BRIGHTNESS = (9794, 19234, 3740)

KEEP_COLOURS = ": set colour=true (--colour true, or --data.colour true for fit) to keep the colours"
"""Advice at the end of a warning of colours that are lost."""

_WHITE = {torch.uint8: 255, torch.uint16: 65535}


def as_tensor(array: Any, name: str) -> Tensor:
    """Turn an array of numbers of any kind into a tensor, of the same values.

    Args:
        array: A tensor, a NumPy array in any byte order, or a sequence.
        name: Name of the array in errors.

    Raises:
        DataError: It does not hold real numbers or truth values.
    """
    if isinstance(array, Tensor):
        return array.detach()
    try:
        array = np.asarray(array)
    except ValueError as error:  # of rows of different lengths
        raise DataError(f"{name} is no array: {error}") from error
    if array.dtype.kind not in "buif":
        raise DataError(
            f"{name} holds values of type {array.dtype}, not numbers: save numbers, for labels those of the classes "
            "from 0 on, alike in all files"
        )
    native = np.float64 if array.dtype.itemsize > 8 else array.dtype.newbyteorder("=")
    return torch.from_numpy(np.require(array, native, ["C", "W"]))


def channel_first(images: Tensor) -> Tensor:
    """Give images a dimension of channels in its place: (N, H, W), (N, H, W, 1) and (N, H, W, 3) to (N, C, H, W).

    Images of one or three channels in front, and other shapes, stay.
    """
    if images.ndim == 3:
        return images.unsqueeze(1)
    at_end = images.ndim == 4 and images.shape[1] != 1 and images.shape[3] == 1
    at_end = at_end or (images.ndim == 4 and images.shape[1] not in (1, 3) and images.shape[3] == 3)
    return images.movedim(3, 1) if at_end else images


def in_colour(images: Tensor, colour: bool, name: str) -> Tensor:
    """Give images three channels if colour is asked for, else one.

    A colour becomes grey by its brightness, 0.299 red + 0.587 green + 0.114 blue, with a warning. Three equal channels
    are grey, and a grey image in colour has three equal channels.

    Args:
        images: (N, 1, H, W) or (N, 3, H, W), rates or 8-bit pixels. Vectors, (N, units), stay as they are.
        colour: Whether to keep colours.
        name: Name of the images in errors and warnings.

    Returns:
        (N, 3, H, W) or (N, 1, H, W), of the same type.

    Raises:
        DataError: They have another number of channels.
    """
    if images.ndim == 2:
        return images
    channels = images.shape[1]
    if channels not in (1, 3):
        raise DataError(
            f"{name} holds images of {channels} channels (shape {tuple(images.shape)}), which are neither grey nor "
            "red, green and blue. Leave out transparency, images[..., :3]; for other channels make a data module of "
            "your own with ImageSet.from_arrays"
        )
    if colour:
        return images.expand(-1, 3, -1, -1).contiguous()
    if torch.equal(images, images[:, :1].expand_as(images)):  # there are no colours in it
        return images[:, :1]
    rank_zero_warn(f"{name} holds images in colour, which are read as grey by their brightness{KEEP_COLOURS}.")
    weights = torch.tensor(BRIGHTNESS, dtype=torch.int32).view(3, 1, 1)
    if images.is_floating_point():
        return (weights.to(images) / 2**15 * images).sum(1, keepdim=True)
    return ((weights * images).sum(1, keepdim=True, dtype=torch.int32) >> 15).to(torch.uint8)


def as_rates(images: Tensor, name: str, may_be_dark: bool = False) -> Tensor:
    """Convert images of any program to rates.

    Black and white are 0 and 255 in 8-bit pixels, 0 and 65535 in 16-bit ones, false and true. Of floating pixels they
    are -1 and 1 if any is below 0, else 0 and 1, with a warning. 8-bit or 16-bit pixels of 0 and 1 only are taken as
    black and white, with a warning; if they reach further, but not half of white, white is not what it seems.

    Args:
        images: (N, ...).
        name: Name of the images in errors and warnings.
        may_be_dark: Only warns of images that do not reach half of white: those of a generator may be so.

    Returns:
        Same shape, float32 in [-1, 1].

    Raises:
        DataError: Pixels are of another type, NaN, infinite, outside [-1, 1] or too dark.
    """
    if images.dtype == torch.bool:
        return 2 * images.float() - 1
    if images.dtype in _WHITE:
        white = _WHITE[images.dtype]
        levels = images if images.dtype == torch.uint8 else images.to(torch.int32)  # 16 bits cannot be calculated with
        if _is_binary(levels, white, name, may_be_dark):
            return 2 * levels.float() - 1
        return to_rates(levels) if white == 255 else levels.float().div_(white / 2).sub_(1)
    if not images.is_floating_point():
        raise DataError(
            f"{name} holds pixels of type {images.dtype}: they must be 8-bit or 16-bit without sign, truth values, or "
            'floating and in [-1, 1] or [0, 1]. If 255 is white in them, save images.astype("uint8")'
        )
    try:
        rows = as_image_rows(images, name)
    except ValueError as error:
        raise DataError(str(error)) from error
    if float(rows.min()) < -RANGE_TOLERANCE:
        return images.float()
    rank_zero_warn(
        f"{name} has floating pixels and none below 0. They are taken for pixels in [0, 1], of which 0 is black and 1 "
        "is white: if they are in [-1, 1], save them as 8-bit pixels, round(127.5 * (images + 1))."
    )
    _check_brightness(float(rows.max()), 1, name, may_be_dark)
    return 2 * images.float() - 1


def as_pixels(images: Tensor, name: str) -> Tensor:
    """Convert images of any program to 8-bit pixels, see :func:`as_rates`; those that are such stay as they are.

    Returns:
        Same shape, uint8.

    Raises:
        DataError: As :func:`as_rates`.
    """
    if images.dtype == torch.uint8:
        return 255 * images if _is_binary(images, 255, name) else images
    return to_pixels(as_rates(images, name))


def as_vectors(vectors: Tensor, name: str) -> Tensor:
    """Check and convert vectors that are no images. Their values are rates as they stand: none is stretched.

    Args:
        vectors: (N, units), floating in [-1, 1], spins -1 and 1 (or 0) of an integer type with sign, or truth values,
            of which false is -1 and true 1.
        name: Name of the vectors in errors.

    Returns:
        Same shape, float32 in [-1, 1].

    Raises:
        DataError: They are of another shape or type, NaN, infinite or outside [-1, 1].
    """
    if vectors.ndim != 2 or vectors.numel() == 0:
        raise DataError(
            f"{name} must hold vectors of shape (N, units), but has shape {tuple(vectors.shape)}: pictures are named "
            "'images', other arrays become vectors by reshape(len(vectors), -1)"
        )
    if vectors.dtype == torch.bool:
        return 2 * vectors.float() - 1
    if not vectors.dtype.is_signed:
        raise DataError(
            f"{name} holds vectors of type {vectors.dtype}: save values in [-1, 1], as numbers with a sign. Of 0 and 1 "
            "make 2.0 * vectors - 1, of counts a range that the data do not leave"
        )
    try:
        return as_image_rows(vectors.float() if not vectors.is_floating_point() else vectors, name).float()
    except ValueError as error:
        raise DataError(str(error)) from error


def as_labels(labels: Tensor, num_images: int, name: str) -> Tensor:
    """Check and convert labels of any program.

    Args:
        labels: (N,) or (N, 1), whole numbers from 0 on, of any type.
        num_images: N.
        name: Name of the images in errors.

    Returns:
        (N,), int64.

    Raises:
        DataError: There is not one such label for each image.
    """
    if labels.shape == (num_images, 1):
        labels = labels.squeeze(1)
    if labels.shape != (num_images,):
        advice = ": save one number for each image"
        if labels.ndim == 2 and len(labels) == num_images:
            advice += ", labels.argmax(1) if there is a column for each class, or the column of the classes"
        raise DataError(f"{name} holds {num_images} images, but labels of shape {tuple(labels.shape)}{advice}")
    classes = labels.long()
    if (labels.is_floating_point() and not torch.equal(classes.to(labels.dtype), labels)) or (classes < 0).any():
        raise DataError(f"{name} holds labels that are not whole numbers from 0 on")
    return classes


def _is_binary(levels: Tensor, white: int, name: str, may_be_dark: bool = False) -> bool:
    """Tell whether 1 is white; warn of it, and refuse images for which that is not clear."""
    largest = int(levels.max()) if levels.numel() else white
    if largest == 1:
        rank_zero_warn(
            f"{name} holds pixels of 0 and 1 only, where {white} could be white. They are taken for "
            "black and white: truth values (bool) say so without a warning."
        )
    else:
        _check_brightness(largest, white, name, may_be_dark)
    return largest == 1


def _check_brightness(largest: float, white: int, name: str, may_be_dark: bool) -> None:
    if not 0 < largest < white / 2:
        return
    finding = f"{name} holds pixels up to {largest:g} only, where {white} is white"
    if may_be_dark:
        rank_zero_warn(f"{finding}: they are taken for dark. If {largest:g} is white, stretch them.")
        return
    raise DataError(
        f"{finding}: multiply them by {white / largest:g} and save them as the same type of numbers, or, if they are "
        f"to be so dark, as floating pixels in [-1, 1], images / {white / 2:g} - 1"
    )
