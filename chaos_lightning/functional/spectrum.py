"""E(s): the difference between the singular values of real and generated images."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from chaos_lightning.functional.checks import check_sample_counts, image_pair
from chaos_lightning.functional.moments import batch_moments, unpack_moments


def spectrum_error(real: Tensor, generated: Tensor) -> Tensor:
    r"""Compute the mean squared difference of the singular values, E(s).

    .. math::
        E^{(s)} = \frac{1}{N_v} \sum_a (s_a^X - s_a^G)^2

    with ``s`` the singular values of the centred data matrix divided by :math:`\sqrt N`, sorted, that is the
    square roots of the eigenvalues of the covariance.

    Args:
        real: Real images X, shape ``(N, ...)``, pixels in [-1, 1].
        generated: Generated images G, shape ``(M, ...)``, pixels in [-1, 1].

    Returns:
        Float64 scalar, finite and not negative whatever the rank.

    Raises:
        TypeError: If one is not a floating tensor.
        ValueError: If the shapes or values are wrong.
        SampleCountError: If there are fewer than two images on a side.

    Source:
        Decelle, Furtlehner, Seoane 2021, arXiv:2105.13889.

    Example:
        >>> import torch
        >>> real = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
        >>> spectrum_error(real, 0.5 * real)
        tensor(0.2500, dtype=torch.float64)
    """
    real, generated = image_pair(real, generated)
    return spectrum_distance(_spectrum_of_rows(real), _spectrum_of_rows(generated))


def spectrum_of_moments(packed: Tensor) -> Tensor:
    """Compute the singular values of the centred data matrix, over the square root of the number of images.

    Args:
        packed: Packed moments of at least one image, shape ``(D + 1, D + 1)``.

    Returns:
        Float64 values in ascending order, shape ``(D,)``.

    Raises:
        SampleCountError: If there are fewer than two images.
    """
    moments = unpack_moments(packed)
    check_sample_counts(int(moments.num_images), int(moments.num_images))
    return _roots(torch.linalg.eigvalsh(moments.covariance))


def _spectrum_of_rows(rows: Tensor) -> Tensor:
    """Compute the singular values as :func:`spectrum_of_moments` does, of at least two images ``(N, D)``."""
    num_images, num_pixels = rows.shape
    if num_images >= num_pixels:
        return spectrum_of_moments(batch_moments(rows))
    # The images' scalar products have the covariance's eigenvalues but for zeros, and there are fewer of them.
    centred = rows.double()
    centred = centred - centred.mean(dim=0)
    eigenvalues = torch.linalg.eigvalsh(centred @ centred.T / num_images)
    return _roots(pad(eigenvalues, (num_pixels - num_images, 0)))


def _roots(eigenvalues: Tensor) -> Tensor:
    """Take the square roots of ascending eigenvalues of a covariance."""
    # Rounding may make a zero eigenvalue negative, or leave it with a root far from zero.
    rounding = eigenvalues[-1].abs() * len(eigenvalues) * torch.finfo(torch.float64).eps
    return eigenvalues.where(eigenvalues > rounding, 0.0).sqrt()


def spectrum_distance(real: Tensor, generated: Tensor) -> Tensor:
    """Compute E(s) from two sorted spectra, see :func:`spectrum_error`.

    Args:
        real: Spectrum of the real images, shape ``(D,)``.
        generated: Spectrum of the generated images, shape ``(D,)``.

    Returns:
        Scalar.
    """
    return (real - generated).square().mean()
