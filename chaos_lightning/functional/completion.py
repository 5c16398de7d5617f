"""Completions of images with hidden pixels: measures, and two completions for comparison that need no network.

A completion is measured on the hidden pixels only. The two for comparison are the hidden pixels of the nearest training
image, and their mean under the Gaussian distribution of the training images.
"""

import torch
from torch import Tensor

from chaos_lightning.functional.checks import SampleCountError, as_image_rows
from chaos_lightning.functional.moments import batch_moments, unpack_moments
from chaos_lightning.functional.neighbours import nearest_neighbours

RELATIVE_CUTOFF = 1e-4
"""Directions in the given pixels with a smaller variance than this, relative to the largest, are left out."""


def completion_error(completions: Tensor, originals: Tensor, hidden: Tensor) -> Tensor:
    """Compute the root mean square difference from the originals over hidden pixels, completions and images.

    Args:
        completions: Shape ``(N, S, ...)``, S completions of each image.
        originals: Shape ``(N, ...)``.
        hidden: True for hidden pixels, as many values as an image has.

    Returns:
        Float64 scalar in units of the pixels, which range over [-1, 1].

    Example:
        >>> import torch
        >>> completions = torch.tensor([[[0.5, 0.0], [0.5, 1.0]]])
        >>> completion_error(completions, torch.tensor([[0.5, 0.5]]), torch.tensor([False, True]))
        tensor(0.5000, dtype=torch.float64)
    """
    rows, targets = _hidden_pixels(completions, hidden, 2), _hidden_pixels(originals, hidden, 1)
    return (rows - targets.unsqueeze(1)).square().mean().sqrt()


def pair_difference(samples: Tensor, hidden: Tensor) -> Tensor:
    """Compute the root mean square difference on hidden pixels between samples of one group, over all pairs and groups.

    With the completions of an image as a group it says how diverse they are. If a generator draws from the true
    distribution of the hidden pixels, its completions differ from one another as much as from the original: this
    difference then equals :func:`completion_error`.

    Args:
        samples: Shape ``(N, S, ...)``, S samples in each of N groups.
        hidden: True for hidden pixels, as many values as an image has.

    Returns:
        Float64 scalar in units of the pixels, which range over [-1, 1].

    Raises:
        SampleCountError: If a group has fewer than two samples.

    Example:
        >>> import torch
        >>> pair_difference(torch.tensor([[[0.5, 0.0], [0.5, 1.0]]]), torch.tensor([False, True]))
        tensor(1., dtype=torch.float64)
    """
    if samples.shape[1] < 2:
        raise SampleCountError(f"a difference needs two samples a group, but there are {samples.shape[1]}")
    # The mean square over pairs is twice the variance with 1/(S - 1).
    return (2 * _hidden_pixels(samples, hidden, 2).var(dim=1).mean()).sqrt()


def nearest_completion(images: Tensor, hidden: Tensor, training_images: Tensor) -> Tensor:
    """Fill in the hidden pixels of the training image that is nearest on the given ones.

    Args:
        images: Shape ``(N, ...)``, pixels in [-1, 1].
        hidden: True for hidden pixels, as many values as an image has.
        training_images: Shape ``(M, ...)``, pixels in [-1, 1].

    Returns:
        Completed images, shape of ``images``.

    Raises:
        TypeError: If images are not a floating tensor.
        ValueError: If a shape or a value is wrong.
    """
    rows, training, hidden = _rows(images, hidden, training_images)
    nearest = nearest_neighbours(rows[:, ~hidden], training[:, ~hidden]).indices.squeeze(1)
    return torch.where(hidden, training[nearest], rows).view_as(images)


def gaussian_completion(images: Tensor, hidden: Tensor, training_images: Tensor) -> Tensor:
    r"""Fill in the mean of the hidden pixels, given the others, of the Gaussian with the training images' moments.

    .. math::
        \mu_h + C_{hg} C_{gg}^{+} (x_g - \mu_g)

    with g the given pixels and h the hidden ones; pixels that leave [-1, 1] are clipped. It is the best linear
    prediction. The inverse is a pseudo-inverse, because some pixels hardly ever change.

    Args:
        images: Shape ``(N, ...)``, pixels in [-1, 1].
        hidden: True for hidden pixels, as many values as an image has.
        training_images: Shape ``(M, ...)``, pixels in [-1, 1].

    Returns:
        Completed images, shape and dtype of ``images``.

    Raises:
        TypeError: If images are not a floating tensor.
        ValueError: If a shape or a value is wrong.
    """
    rows, training, hidden = _rows(images, hidden, training_images)
    moments = unpack_moments(batch_moments(training))
    mean, covariance = moments.mean, moments.covariance
    inverse = torch.linalg.pinv(covariance[~hidden][:, ~hidden], rtol=RELATIVE_CUTOFF, hermitian=True)
    weights = inverse @ covariance[~hidden][:, hidden]
    filled = rows.double()
    filled[:, hidden] = (mean[hidden] + (filled[:, ~hidden] - mean[~hidden]) @ weights).clamp(-1, 1)
    return filled.to(images).view_as(images)


def _rows(images: Tensor, hidden: Tensor, training_images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    training = as_image_rows(training_images, "training_images")
    rows, hidden = as_image_rows(images, "images", training.shape[1]), hidden.flatten()
    if len(hidden) != training.shape[1]:
        raise ValueError(f"hidden has {len(hidden)} values, but images have {training.shape[1]} pixels")
    return rows, training, hidden


def _hidden_pixels(images: Tensor, hidden: Tensor, first_pixel_dimension: int) -> Tensor:
    return images.flatten(first_pixel_dimension)[..., hidden.flatten()].double()
