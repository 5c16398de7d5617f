"""The Gaussian with the data's means and covariance."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from chaos_lightning.baselines.floor import Floor

if TYPE_CHECKING:
    from chaos_lightning.data import ImageDataModule


class GaussianDistribution(Floor):
    """Samples of ``N(mean, covariance)``, both those of the training images; cut at -1 and 1, as pixels are.

    It has the data's first two moments but for the cut, and nothing else of them: what a generator must beat to know
    more than correlations of pairs of pixels.

    Args:
        visible_units: pixels of an image.
        seed: of the samples in validation and test.
    """

    mean: Tensor
    factor: Tensor

    def __init__(self, visible_units: int = 784, *, seed: int = 0) -> None:
        super().__init__(visible_units, seed=seed)
        self.register_buffer("mean", torch.zeros(visible_units))
        self.register_buffer("factor", torch.zeros(visible_units, visible_units))

    def take(self, data: "ImageDataModule") -> None:
        """Mean, and the symmetric square root of the covariance, which may be singular: some pixels never change."""
        rows = data.train.images.flatten(1).double()
        self.mean.copy_(rows.mean(0))
        values, vectors = torch.linalg.eigh(torch.cov(rows.T, correction=0))
        self.factor.copy_(vectors * values.clamp(min=0).sqrt() @ vectors.T)

    def generate(self, num_samples: int, *, seed: Sequence[int], first_sample: int) -> Tensor:
        """Samples of the Gaussian, cut."""
        drawn = self.draw(self.num_pixels, num_samples, seed=seed, first_sample=first_sample)
        return torch.addmm(self.mean, drawn, self.factor).clamp_(-1, 1)
