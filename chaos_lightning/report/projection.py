"""Trajectories in the plane of the data's first two principal components."""

from dataclasses import dataclass

import torch
from torch import Tensor

from chaos_lightning.functional.moments import batch_moments, unpack_moments


@dataclass(frozen=True)
class Plane:
    """The plane through the mean image along the first two principal components of images.

    Attributes:
        mean: mean image, ``(D,)``.
        axes: the components, ``(D, 2)``, orthonormal.
        variance_shares: part of the images' variance along each, ``(2,)``.
    """

    mean: Tensor
    axes: Tensor
    variance_shares: Tensor

    def project(self, images: Tensor) -> Tensor:
        """Coordinates ``(N, 2)`` of images ``(N, ...)``, in units of the pixels."""
        return (images.flatten(1).double() - self.mean) @ self.axes


def principal_plane(images: Tensor) -> Plane:
    """The plane of images ``(N, ...)``.

    Each component points where its largest entry is positive, so that it does not depend on the linear algebra used.
    """
    moments = unpack_moments(batch_moments(images.flatten(1)))
    eigenvalues, eigenvectors = torch.linalg.eigh(moments.covariance)
    axes = eigenvectors[:, -2:].flip(1)
    largest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
    return Plane(moments.mean, axes * largest.sign(), eigenvalues[-2:].flip(0) / eigenvalues.sum())
