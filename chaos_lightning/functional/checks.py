"""Checks of the arguments of measures, with errors that say how to mend them."""

import torch
from torch import Tensor

RANGE_TOLERANCE = 1e-6  # rounding of a rate computed in float32 or after a change of dtype


class SampleCountError(ValueError):
    """Too few images, or unequal numbers of real and generated ones, for a measure to be defined."""


def check_seed(seed: int) -> None:
    """Refuse a negative seed, with a clearer error than the random number generators would raise later.

    Raises:
        ValueError: If it is negative.
    """
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, but is {seed}")


def as_rows(points: Tensor, name: str = "points") -> Tensor:
    """Flatten a batch to rows; refuse all but finite floating tensors.

    Args:
        points: Floating tensor of shape ``(N, ...)``, any range.
        name: Name of the tensor in errors.

    Returns:
        Detached rows of shape ``(N, D)``: float64 stays float64, every other dtype becomes float32.

    Raises:
        TypeError: If it is not a floating tensor.
        ValueError: If it has fewer than two dimensions, no pixels, or values that are NaN or infinite.
    """
    if not isinstance(points, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(points).__name__}")
    if not points.is_floating_point():
        raise TypeError(
            f"{name} has dtype {points.dtype}; floating values are expected, pixels in [-1, 1]: "
            "convert 8-bit images with images.float() / 127.5 - 1"
        )
    if points.ndim < 2:
        raise ValueError(f"{name} must have shape (N, ...), got {tuple(points.shape)}")
    rows = points.detach().flatten(1)
    if rows.shape[1] == 0:
        raise ValueError(f"{name} has no pixels: its shape is {tuple(points.shape)}")
    rows = rows if rows.dtype == torch.float64 else rows.float()
    if rows.numel() and not torch.stack(rows.aminmax()).isfinite().all():
        bad = rows.numel() - int(rows.isfinite().sum())
        raise ValueError(f"{name} has {bad} NaN or infinite values out of {rows.numel()}")
    return rows


def as_image_rows(images: Tensor, name: str = "images", num_pixels: int | None = None) -> Tensor:
    """Flatten a batch of images to rows; refuse all but images with pixels in [-1, 1].

    Args:
        images: Floating tensor of shape ``(N, ...)`` with pixels in [-1, 1].
        name: Name of the tensor in errors.
        num_pixels: Pixels an image must have; any number when ``None``.

    Returns:
        Rows of shape ``(N, D)``, see :func:`as_rows`.

    Raises:
        TypeError: If it is not a floating tensor.
        ValueError: If the shape is wrong, a value is NaN or infinite, or a pixel lies outside [-1, 1].
    """
    rows = as_rows(images, name)
    if num_pixels is not None and rows.shape[1] != num_pixels:
        raise ValueError(f"{name} has {rows.shape[1]} pixels an image (shape {tuple(images.shape)}), not {num_pixels}")
    if rows.numel():
        low, high = (float(bound) for bound in rows.aminmax())
        if low < -1 - RANGE_TOLERANCE or high > 1 + RANGE_TOLERANCE:
            raise ValueError(
                f"{name} has pixels from {low:g} to {high:g}, outside [-1, 1]: "
                "rescale [0, 255] with images / 127.5 - 1 and [0, 1] with 2 * images - 1"
            )
    return rows


def check_same_pixels(real: Tensor, generated: Tensor) -> None:
    """Refuse real and generated rows of different lengths.

    Raises:
        ValueError: If the second dimensions of ``real`` and ``generated`` differ.
    """
    if real.shape[1] != generated.shape[1]:
        raise ValueError(
            f"real images have {real.shape[1]} pixels, generated ones {generated.shape[1]}: they must agree"
        )


def check_sample_counts(real: int, generated: int, minimum: int = 2, equal: bool = False) -> None:
    """Refuse numbers of samples for which a measure is not defined.

    Args:
        real: Number of real images.
        generated: Number of generated images.
        minimum: Fewest images on either side.
        equal: Whether the numbers must agree.

    Raises:
        SampleCountError: If a number is below ``minimum``, or if they differ where ``equal`` is set.
    """
    if min(real, generated) < minimum:
        raise SampleCountError(
            f"at least {minimum} real and {minimum} generated images are needed, "
            f"got {real} real and {generated} generated"
        )
    if equal and real != generated:
        raise SampleCountError(
            f"the numbers of images must be equal, got {real} real and {generated} generated: "
            "this measure depends on them, so draw the same number from each side at random"
        )


def image_pair(real: Tensor, generated: Tensor, minimum: int = 2, equal: bool = False) -> tuple[Tensor, Tensor]:
    """Check a pair of image sets together.

    Args:
        real: Real images, shape ``(N, ...)``, pixels in [-1, 1].
        generated: Generated images, shape ``(M, ...)``, pixels in [-1, 1].
        minimum: Fewest images on either side.
        equal: Whether ``N`` and ``M`` must agree.

    Returns:
        The rows of both, shapes ``(N, D)`` and ``(M, D)``.

    Raises:
        TypeError: If one is not a floating tensor.
        ValueError: If a shape or a value is wrong.
        SampleCountError: If the numbers of images do not allow the measure.
    """
    real, generated = as_image_rows(real, "real"), as_image_rows(generated, "generated")
    check_same_pixels(real, generated)
    check_sample_counts(len(real), len(generated), minimum, equal)
    return real, generated


def as_labelled_training_rows(training_images: Tensor, training_labels: Tensor) -> Tensor:
    """Flatten training images to rows, see :func:`as_image_rows`; refuse them unless each has a label.

    Args:
        training_images: Floating tensor of shape ``(M, ...)`` with pixels in [-1, 1].
        training_labels: Shape ``(M,)``.

    Raises:
        TypeError: If the images are not a floating tensor.
        ValueError: If a shape or a value is wrong.
    """
    rows = as_image_rows(training_images, "training_images")
    if training_labels.shape != rows.shape[:1]:
        raise ValueError(f"{len(rows)} training images, but labels of shape {tuple(training_labels.shape)}")
    return rows
