"""E(R): how well generated images compress, compared with real ones."""

import zlib

import torch
from torch import Tensor

from chaos_lightning.functional.checks import image_pair
from chaos_lightning.pixels import to_pixels

# Level 6 takes 0.14 s for 10,000 MNIST images, level 9 takes 2.1 s and saves another 2 % of the bytes.
DEFLATE_LEVEL = 6


def deflated_size(images: Tensor) -> int:
    """Count the bytes of the 8-bit images as one raw DEFLATE stream, an upper bound on their entropy.

    The images follow each other in the order given, each row by row. The size depends a little on this order,
    as DEFLATE looks back over 32 KB, but not on the batches.

    Args:
        images: Pixels in [-1, 1], shape ``(N, ...)``.

    Returns:
        Size in bytes, at least 1.
    """
    compressor = zlib.compressobj(DEFLATE_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return len(compressor.compress(to_pixels(images).cpu().numpy().tobytes())) + len(compressor.flush())


def entropy_ratio(real: Tensor, generated: Tensor) -> Tensor:
    r"""Compute the signed relative difference of the compressed sizes, :math:`S_G / S_X - 1`.

    Positive means that the generated images are noisier than the real ones, negative that they are more
    uniform or repeat themselves.

    Args:
        real: Real images X, shape ``(N, ...)``, pixels in [-1, 1].
        generated: Generated images G, same shape, pixels in [-1, 1].

    Returns:
        Float64 scalar, at least -1.

    Raises:
        TypeError: If one is not a floating tensor.
        ValueError: If the shapes or values are wrong.
        SampleCountError: If the numbers of images differ or are below two.

    Example:
        >>> import torch
        >>> real = torch.linspace(-1, 1, 52).reshape(4, 13)
        >>> entropy_ratio(real, torch.zeros(4, 13)) < 0
        tensor(True)
    """
    real, generated = image_pair(real, generated, equal=True)
    ratio = deflated_size(generated) / deflated_size(real) - 1
    return torch.tensor(ratio, dtype=torch.float64, device=real.device)


def relative_entropy_error(real: Tensor, generated: Tensor) -> Tensor:
    r"""Compute the squared relative difference of the compressed sizes, E(R).

    .. math::
        E^{(R)} = (S_G / S_X - 1)^2

    with ``S`` the size given by :func:`deflated_size`.

    Args:
        real: Real images X, shape ``(N, ...)``, pixels in [-1, 1].
        generated: Generated images G, same shape, pixels in [-1, 1].

    Returns:
        Float64 scalar.

    Raises:
        TypeError: If one is not a floating tensor.
        ValueError: If the shapes or values are wrong.
        SampleCountError: If the numbers of images differ or are below two.

    Source:
        Carbone, Decelle, Rosset, Seoane 2023, arXiv:2307.06797.

    Example:
        >>> import torch
        >>> real = torch.linspace(-1, 1, 52).reshape(4, 13)
        >>> relative_entropy_error(real, real)
        tensor(0., dtype=torch.float64)
    """
    return entropy_ratio(real, generated).square()
