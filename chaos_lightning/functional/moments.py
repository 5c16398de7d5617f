"""Streaming mean and centred second moments in float64.

Raw sums of products lose digits where the mean is large. Here every part keeps its own mean, and parts are merged
by the rule of Chan, Golub and LeVeque (1983), so their order and sizes do not matter.
Count, mean and moments are packed into one tensor, so that a single reduction merges them.
"""

from typing import NamedTuple

import torch
from torch import Tensor

ROWS_AT_ONCE = 4096  # bounds the float64 copy of a large set: 4096 x 784 values are 26 MB


class Moments(NamedTuple):
    """Moments of a set of images.

    Attributes:
        num_images: Number of images, a float64 scalar.
        mean: Mean image, shape ``(D,)``.
        scatter: Sum over images of the outer product of the centred image, shape ``(D, D)``.
    """

    num_images: Tensor
    mean: Tensor
    scatter: Tensor

    @property
    def covariance(self) -> Tensor:
        """Covariance with 1/N, shape ``(D, D)``."""
        return self.scatter / self.num_images


def empty_moments(num_pixels: int, device: torch.device | str | None = None) -> Tensor:
    """Make the packed moments of no image, which are neutral in a merge.

    Args:
        num_pixels: Pixels in an image, ``D``.
        device: Where to put the tensor.

    Returns:
        Zeros of shape ``(D + 1, D + 1)``, float64.
    """
    return torch.zeros(num_pixels + 1, num_pixels + 1, dtype=torch.float64, device=device)


def pack_moments(moments: Moments) -> Tensor:
    """Put moments into one tensor ``p``: ``p[0, 0]`` count, ``p[0, 1:]`` mean, ``p[1:, 1:]`` scatter.

    Args:
        moments: Count, mean and scatter.

    Returns:
        Packed moments, shape ``(D + 1, D + 1)``, float64.
    """
    packed = empty_moments(len(moments.mean), moments.mean.device)
    packed[0, 0], packed[0, 1:], packed[1:, 1:] = moments
    return packed


def unpack_moments(packed: Tensor) -> Moments:
    """View count, mean and scatter in packed moments.

    Args:
        packed: Packed moments, shape ``(D + 1, D + 1)``.

    Returns:
        Count, mean and scatter.
    """
    return Moments(packed[0, 0], packed[0, 1:], packed[1:, 1:])


def batch_moments(rows: Tensor) -> Tensor:
    """Compute the packed moments of a set of images.

    Args:
        rows: Images as rows, shape ``(N, D)``; ``N`` may be 0.

    Returns:
        Packed moments, shape ``(D + 1, D + 1)``, float64.
    """
    packed = empty_moments(rows.shape[1], rows.device)
    for part in rows.split(ROWS_AT_ONCE):
        if len(part):
            part = part.double()
            mean = part.mean(0)
            centred = part - mean
            count = torch.tensor(len(part), dtype=torch.float64, device=rows.device)
            packed = merge_moments(torch.stack([packed, pack_moments(Moments(count, mean, centred.T @ centred))]))
    return packed


def merge_moments(packed: Tensor) -> Tensor:
    """Merge the moments of disjoint sets into the moments of their union.

    With counts ``n_k``, means ``m_k`` and scatters ``S_k``: ``n = sum n_k``, ``m = sum n_k m_k / n``,
    ``S = sum S_k + sum n_k (m_k - m)(m_k - m)^T``.

    Args:
        packed: Packed moments of ``K`` parts, shape ``(K, D + 1, D + 1)``; a part without images is neutral.

    Returns:
        Packed moments of the union, shape ``(D + 1, D + 1)``.
    """
    counts, means, scatters = packed[:, 0, 0], packed[:, 0, 1:], packed[:, 1:, 1:]
    count = counts.sum()
    mean = counts @ means / count.clamp(min=1)
    shift = (means - mean) * counts.sqrt().unsqueeze(1)
    return pack_moments(Moments(count, mean, scatters.sum(0) + shift.T @ shift))
