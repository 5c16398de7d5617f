"""E(2): the difference between the covariances of real and generated images."""

from torch import Tensor

from chaos_lightning.functional.checks import check_sample_counts, image_pair
from chaos_lightning.functional.moments import batch_moments, unpack_moments


def second_moment_error(real: Tensor, generated: Tensor) -> Tensor:
    r"""Compute the mean squared difference of the off-diagonal covariances, E(2).

    .. math::
        E^{(2)} = \frac{2}{N_v (N_v - 1)} \sum_{i<j} (C_{ij}^X - C_{ij}^G)^2

    with ``C`` the covariance with 1/N and ``N_v`` the number of pixels.

    Args:
        real: Real images X, shape ``(N, ...)``, pixels in [-1, 1].
        generated: Generated images G, shape ``(M, ...)``, pixels in [-1, 1].

    Returns:
        Float64 scalar, 0 for equal covariances.

    Raises:
        TypeError: If one is not a floating tensor.
        ValueError: If the shapes or values are wrong, or an image has one pixel only.
        SampleCountError: If there are fewer than two images on a side.

    Source:
        Decelle, Furtlehner, Seoane 2021, arXiv:2105.13889.

    Example:
        >>> import torch
        >>> real = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
        >>> second_moment_error(real, real * torch.tensor([1.0, 0.5]))
        tensor(0.2500, dtype=torch.float64)
    """
    real, generated = image_pair(real, generated)
    return second_moment_error_of_moments(batch_moments(real), batch_moments(generated))


def second_moment_error_of_moments(real: Tensor, generated: Tensor) -> Tensor:
    """Compute E(2) from packed moments, see :func:`second_moment_error`.

    Args:
        real: Packed moments of the real images, shape ``(D + 1, D + 1)``.
        generated: Packed moments of the generated images, shape ``(D + 1, D + 1)``.

    Returns:
        Float64 scalar.

    Raises:
        ValueError: If an image has one pixel only.
        SampleCountError: If there are fewer than two images on a side.
    """
    real_moments, generated_moments = unpack_moments(real), unpack_moments(generated)
    check_sample_counts(int(real_moments.num_images), int(generated_moments.num_images))
    num_pixels = len(real_moments.mean)
    if num_pixels < 2:
        raise ValueError("images of at least two pixels are needed: there is no off-diagonal covariance")
    squared = (real_moments.covariance - generated_moments.covariance).square()
    # each pair stands twice in the symmetric matrix, which is the factor 2 of the definition
    return squared.fill_diagonal_(0).sum() / (num_pixels * (num_pixels - 1))
