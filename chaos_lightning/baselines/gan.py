"""A generative adversarial network."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn
from torch.nn.functional import softplus

from chaos_lightning.baselines.base import TRAINING, Baseline

if TYPE_CHECKING:
    from chaos_lightning.data import Minibatch


class GenerativeAdversarialNetwork(Baseline):
    """I. Goodfellow et al., Generative Adversarial Nets (arXiv:1406.2661), of fully connected layers.

    The discriminator d minimises ``-log sigma(d(x)) - log(1 - sigma(d(g(z))))`` and the generator g the non-saturating
    ``-log sigma(d(g(z)))``. Both are updated at once, from the same samples, by one step of one optimiser: the
    single-step method of S. Nowozin, B. Cseke, R. Tomioka (arXiv:1606.00709, algorithm 1). Hidden layers are leaky
    rectified units.

    Args:
        visible_units: number of pixels of a square grey image, or the shape of a sample, see :func:`shape_of`.
        hidden_units: number of units of the generator's first hidden layer, and of the discriminator's second one. The
            other hidden layer of each has twice as many.
        latent_units: dimension of the generator's input, N(0, 1).
        seed: seed of the initial weights and of all noise.
        optimizer: makes the optimiser from the parameters of both networks.
        lr_scheduler: makes a learning rate schedule from the optimiser.
    """

    training_names = ("train/generator_loss", "train/discriminator_loss", "train/learning_rate")

    def __init__(
        self,
        visible_units: int | list[int] = 784,
        hidden_units: int = 256,
        latent_units: int = 64,
        *,
        seed: int = 0,
        optimizer: OptimizerCallable = lambda parameters: torch.optim.Adam(parameters, lr=2e-4),
        lr_scheduler: LRSchedulerCallable | None = None,
    ) -> None:
        super().__init__(visible_units, seed=seed, optimizer=optimizer, lr_scheduler=lr_scheduler)
        self.latent_units = latent_units
        self.hidden_units = hidden_units
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.generator = nn.Sequential(
                *(nn.Linear(latent_units, hidden_units), nn.LeakyReLU(0.2)),
                *(nn.Linear(hidden_units, 2 * hidden_units), nn.LeakyReLU(0.2)),
                *(nn.Linear(2 * hidden_units, self.num_pixels), nn.Tanh()),
            )
            self.discriminator = nn.Sequential(
                *(nn.Linear(self.num_pixels, 2 * hidden_units), nn.LeakyReLU(0.2)),
                *(nn.Linear(2 * hidden_units, hidden_units), nn.LeakyReLU(0.2)),
                nn.Linear(hidden_units, 1),
            )

    @property
    def layer_sizes(self) -> list[int]:
        """Layer sizes of the generator, from the pixels back to its input."""
        return [self.num_pixels, 2 * self.hidden_units, self.hidden_units, self.latent_units]

    def trainable(self) -> list[nn.Parameter]:
        """List the generator's parameters, then the discriminator's."""
        return [*self.generator.parameters(), *self.discriminator.parameters()]

    def losses(self, images: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the losses of generator and discriminator, means over images.

        Args:
            images: real images, ``(images, pixels)`` in [-1, 1].
            noise: N(0, 1), ``(images, latent units)``.
        """
        on_real, on_generated = self.discriminator(images).float(), self.discriminator(self.generator(noise)).float()
        # -log sigma(d) = softplus(-d)
        return softplus(-on_generated).mean(), (softplus(-on_real) + softplus(on_generated)).mean()

    def training_step(self, batch: "Minibatch", batch_idx: int) -> None:
        """Take one step of both networks."""
        images = batch.images.flatten(1).to(self.dtype)
        seed = (self.seed, TRAINING, self.global_step)
        noise = self.draw(self.latent_units, len(images), seed=seed, first_sample=batch.first_index)
        generator_loss, discriminator_loss = self.losses(images, noise)
        gradients = [
            *torch.autograd.grad(generator_loss, list(self.generator.parameters()), retain_graph=True),
            *torch.autograd.grad(discriminator_loss, list(self.discriminator.parameters())),
        ]
        losses = {"generator_loss": generator_loss.detach(), "discriminator_loss": discriminator_loss.detach()}
        self.learn(gradients, losses)

    def generate(self, num_samples: int, *, seed: Sequence[int], first_sample: int) -> Tensor:
        """Generate images from N(0, 1)."""
        latent = self.draw(self.latent_units, num_samples, seed=seed, first_sample=first_sample)
        images: Tensor = self.generator(latent)
        return images
