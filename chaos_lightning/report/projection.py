"""Trajectories in the plane of the data's first two principal components."""

from dataclasses import dataclass

import torch
from torch import Tensor

from chaos_lightning.functional.moments import batch_moments, unpack_moments


@dataclass(frozen=True)
class Plane:
    """The plane through the mean image along the first two principal components of images.

    Attributes:
        mean: Mean image, ``(D,)``.
        axes: Components, ``(D, 2)``, orthonormal.
        variance_shares: Fraction of the images' variance along each component, ``(2,)``.
    """

    mean: Tensor
    axes: Tensor
    variance_shares: Tensor

    def project(self, images: Tensor) -> Tensor:
        """Project images ``(N, ...)`` to coordinates ``(N, 2)``, in units of the pixels."""
        return (images.flatten(1).double() - self.mean) @ self.axes


def principal_plane(images: Tensor) -> Plane:
    """Find the plane of images ``(N, ...)``.

    The largest entry of each component is positive, so that its sign does not depend on the linear algebra library.
    """
    moments = unpack_moments(batch_moments(images.flatten(1)))
    eigenvalues, eigenvectors = torch.linalg.eigh(moments.covariance)
    axes = eigenvectors[:, -2:].flip(1)
    largest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
    return Plane(moments.mean, axes * largest.sign(), eigenvalues[-2:].flip(0) / eigenvalues.sum())
