"""The Gaussian with the data's means and covariance."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from chaos_lightning.baselines.floor import Floor

if TYPE_CHECKING:
    from chaos_lightning.data import ImageDataModule


class GaussianDistribution(Floor):
    """The Gaussian with mean and covariance of the training images; samples are cut at -1 and 1, as pixels are.

    But for the cut it has the data's first two moments and nothing else. A generator that beats it knows more than the
    correlations of pairs of pixels.

    Args:
        visible_units: number of pixels of a square grey image, or the shape of a sample, see :func:`shape_of`.
        seed: seed of the samples in validation and test.
    """

    mean: Tensor
    factor: Tensor

    def __init__(self, visible_units: int | list[int] = 784, *, seed: int = 0) -> None:
        super().__init__(visible_units, seed=seed)
        self.register_buffer("mean", torch.zeros(self.num_pixels))
        self.register_buffer("factor", torch.zeros(self.num_pixels, self.num_pixels))

    def take(self, data: "ImageDataModule") -> None:
        """Take mean and symmetric root of the covariance, which is singular where pixels never change."""
        rows = data.train.images.flatten(1).double()
        self.mean.copy_(rows.mean(0))
        values, vectors = torch.linalg.eigh(torch.cov(rows.T, correction=0))
        self.factor.copy_(vectors * values.clamp(min=0).sqrt() @ vectors.T)

    def generate(self, num_samples: int, *, seed: Sequence[int], first_sample: int) -> Tensor:
        """Draw samples of the Gaussian, and cut them."""
        drawn = self.draw(self.num_pixels, num_samples, seed=seed, first_sample=first_sample)
        return torch.addmm(self.mean, drawn, self.factor).clamp_(-1, 1)
