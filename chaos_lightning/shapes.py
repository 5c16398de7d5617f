"""The shape of a sample: ``(channels, height, width)`` of an image, ``(units,)`` of a vector that is no image."""

from collections.abc import Sequence
from math import isqrt

import torch

Shape = tuple[int, ...]


def shape_of(visible_units: int | Sequence[int]) -> Shape:
    """Return the shape of a sample that a setting describes.

    Args:
        visible_units: the shape itself, or the number of pixels of a square grey image.

    Raises:
        ValueError: if it is neither.

    Example:
        >>> shape_of(784), shape_of([3, 32, 32]), shape_of([100])
        ((1, 28, 28), (3, 32, 32), (100,))
    """
    if isinstance(visible_units, Sequence):
        shape = tuple(visible_units)
        if len(shape) in (1, 3) and all(isinstance(size, int) and size > 0 for size in shape):
            return shape
    else:
        side = isqrt(max(visible_units, 0))
        if 0 < side * side == visible_units:
            return 1, side, side
    raise ValueError(
        f"visible_units must be the number of pixels of a square image, as 784 for 28 x 28, or a shape: [channels, "
        f"height, width] of other images, [units] of vectors that are no images. But it is {visible_units}"
    )


def setting_of(shape: Shape) -> int | list[int]:
    """Return the shortest setting that :func:`shape_of` turns into a shape.

    Example:
        >>> setting_of((1, 28, 28)), setting_of((1, 28, 20)), setting_of((100,))
        (784, [1, 28, 20], [100])
    """
    return shape[-1] ** 2 if len(shape) == 3 and shape == (1, shape[-1], shape[-1]) else list(shape)


def is_image(shape: Shape) -> bool:
    """Tell whether samples can be drawn as pictures, and have pixels that lie side by side."""
    return len(shape) == 3


def has_neighbours(shape: Shape, pixels: int) -> bool:
    """Tell whether samples are images of so many pixels at least in each direction."""
    return is_image(shape) and min(shape[-2:]) >= pixels


def num_values(shape: Shape) -> int:
    """Count the values of a sample, over all channels."""
    return torch.Size(shape).numel()


def described(shape: Shape) -> str:
    """Describe a shape in words.

    Example:
        >>> described((1, 28, 20)), described((3, 32, 32)), described((100,))
        ('28 x 20 pixels', '32 x 32 pixels in 3 channels', '100 values and no image')
    """
    if not is_image(shape):
        return f"{num_values(shape)} values and no image"
    channels, height, width = shape
    return f"{height} x {width} pixels" + (f" in {channels} channels" if channels > 1 else "")
