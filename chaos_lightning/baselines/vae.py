"""A variational autoencoder."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from chaos_lightning.baselines.base import TRAINING, Baseline

if TYPE_CHECKING:
    from chaos_lightning.data import Minibatch


class VariationalAutoencoder(Baseline):
    """D. P. Kingma, M. Welling, Auto-Encoding Variational Bayes (arXiv:1312.6114); layers as in PyTorch's example.

    Encoder and decoder have one hidden layer of rectified units each; pixels are Bernoulli with mean ``(x + 1) / 2``.
    It minimises the negative evidence bound of an image in nats. Samples are the decoder's means, from N(0, 1).

    Args:
        visible_units: number of pixels of a square grey image, or the shape of a sample, see :func:`shape_of`.
        hidden_units: number of units of each hidden layer.
        latent_units: dimension of the latent space.
        seed: seed of the initial weights and of all noise.
        optimizer: makes the optimiser from the parameters.
        lr_scheduler: makes a learning rate schedule from the optimiser.
    """

    training_names = ("train/negative_evidence_bound", "train/learning_rate")

    def __init__(
        self,
        visible_units: int | list[int] = 784,
        hidden_units: int = 400,
        latent_units: int = 20,
        *,
        seed: int = 0,
        optimizer: OptimizerCallable = lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
        lr_scheduler: LRSchedulerCallable | None = None,
    ) -> None:
        super().__init__(visible_units, seed=seed, optimizer=optimizer, lr_scheduler=lr_scheduler)
        self.hidden_units = hidden_units
        self.latent_units = latent_units
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = nn.Sequential(
                nn.Linear(self.num_pixels, hidden_units), nn.ReLU(), nn.Linear(hidden_units, 2 * latent_units)
            )
            self.decoder = nn.Sequential(
                nn.Linear(latent_units, hidden_units), nn.ReLU(), nn.Linear(hidden_units, self.num_pixels)
            )

    @property
    def layer_sizes(self) -> list[int]:
        """Numbers of pixels, hidden units and latent units."""
        return [self.num_pixels, self.hidden_units, self.latent_units]

    def negative_evidence_bound(self, images: Tensor, noise: Tensor) -> Tensor:
        """Compute ``-E_q[log p(x | z)] + KL(q(z | x) || N(0, 1))``, mean over images, with one z for each image.

        Args:
            images: ``(images, pixels)`` in [-1, 1].
            noise: N(0, 1), ``(images, latent units)``.
        """
        mean, log_variance = self.encoder(images).float().chunk(2, dim=1)
        latent = mean + noise * (log_variance / 2).exp()
        logits = self.decoder(latent).float()
        reconstruction = binary_cross_entropy_with_logits(logits, (images.float() + 1) / 2, reduction="sum")
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum() / 2
        bound: Tensor = (reconstruction + divergence) / len(images)
        return bound

    def training_step(self, batch: "Minibatch", batch_idx: int) -> None:
        """Take one step down the negative evidence bound."""
        images = batch.images.flatten(1).to(self.dtype)
        seed = (self.seed, TRAINING, self.global_step)
        noise = self.draw(self.latent_units, len(images), seed=seed, first_sample=batch.first_index)
        loss = self.negative_evidence_bound(images, noise)
        self.learn(torch.autograd.grad(loss, self.trainable()), {"negative_evidence_bound": loss.detach()})

    def generate(self, num_samples: int, *, seed: Sequence[int], first_sample: int) -> Tensor:
        """Compute the decoder's means."""
        latent = self.draw(self.latent_units, num_samples, seed=seed, first_sample=first_sample)
        logits: Tensor = self.decoder(latent).float()
        return torch.tanh(logits / 2)  # 2 sigma(logit) - 1
