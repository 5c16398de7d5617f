"""Flow matching."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

from chaos_lightning.baselines.base import TRAINING, Baseline

if TYPE_CHECKING:
    from chaos_lightning.data import Minibatch

TIME_FEATURES = 32
"""Cosines and sines of the time, at frequencies from 1 to :data:`HIGHEST_FREQUENCY` in geometric sequence."""

HIGHEST_FREQUENCY = 1000.0


class FlowMatching(Baseline):
    """Y. Lipman et al., Flow Matching for Generative Modeling (arXiv:2210.02747), of fully connected layers.

    Paths run straight from noise to images, ``x_t = (1 - t) x_0 + t x_1`` with ``x_0 ~ N(0, 1)``, as in X. Liu,
    C. Gong, Q. Liu, Flow Straight and Fast (arXiv:2209.03003). The network estimates the end of the path from a point
    on it, ``e(x_t, t) ~ E[x_1 | x_t]``, which gives the velocity ``u = (e - x_t) / (1 - t)``. It minimises
    ``|e - x_1|^2``, which is the error of the velocity, ``|u - (x_1 - x_0)|^2``, with the weight ``(1 - t)^2``: small
    layers cannot pass the whole noise on, as an even weight asks of them. Times are uniform. Samples follow
    ``dx/dt = u(x, t)`` from noise by explicit Euler. Hidden layers are of sigmoid linear units, pixels tanh.

    Args:
        visible_units: number of pixels of a square grey image, or the shape of a sample, see :func:`shape_of`.
        hidden_units: number of units of each of the two hidden layers.
        sampling_steps: number of Euler steps from noise to image, each of which is a pass through the network.
        seed: seed of the initial weights and of all noise.
        optimizer: makes the optimiser from the parameters.
        lr_scheduler: makes a learning rate schedule from the optimiser.

    Raises:
        ValueError: if ``sampling_steps`` is below 1.
    """

    training_names = ("train/error", "train/learning_rate")

    def __init__(
        self,
        visible_units: int | list[int] = 784,
        hidden_units: int = 400,
        sampling_steps: int = 20,
        *,
        seed: int = 0,
        optimizer: OptimizerCallable = lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
        lr_scheduler: LRSchedulerCallable | None = None,
    ) -> None:
        super().__init__(visible_units, seed=seed, optimizer=optimizer, lr_scheduler=lr_scheduler)
        if sampling_steps < 1:
            raise ValueError(f"sampling_steps must be at least 1, but is {sampling_steps}")
        self.hidden_units = hidden_units
        self.sampling_steps = sampling_steps
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = nn.Sequential(
                *(nn.Linear(self.num_pixels + TIME_FEATURES, hidden_units), nn.SiLU()),
                *(nn.Linear(hidden_units, hidden_units), nn.SiLU()),
                *(nn.Linear(hidden_units, self.num_pixels), nn.Tanh()),
            )

    @property
    def layer_sizes(self) -> list[int]:
        """Numbers of pixels and of units of the hidden layers."""
        return [self.num_pixels, self.hidden_units, self.hidden_units]

    def end_of_path(self, points: Tensor, times: Tensor) -> Tensor:
        """Estimate the end of paths, ``(images, pixels)``, from points on them.

        Args:
            points: ``(images, pixels)``.
            times: ``(images, 1)``, from 0 to 1.
        """
        exponents = torch.linspace(0, 1, TIME_FEATURES // 2, device=times.device, dtype=times.dtype)
        angles = times * HIGHEST_FREQUENCY**exponents
        end: Tensor = self.layers(torch.cat([points, angles.cos(), angles.sin()], dim=1))
        return end.to(points)  # autocast may have rounded it

    def error(self, images: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Compute the squared error of the ends of paths, mean over pixels and images, with one point on each path.

        Args:
            images: ends of the paths, ``(images, pixels)`` in [-1, 1].
            noise: starts of the paths, N(0, 1), ``(images, pixels)``.
            times: ``(images, 1)``, from 0 to 1.
        """
        return (self.end_of_path(torch.lerp(noise, images, times), times) - images).square().mean()

    def training_step(self, batch: "Minibatch", batch_idx: int) -> None:
        """Take one step down the error."""
        images = batch.images.flatten(1).to(self.dtype)
        seed = (self.seed, TRAINING, self.global_step)
        drawn = self.draw(self.num_pixels + 1, len(images), seed=seed, first_sample=batch.first_index)
        noise, normal = drawn[:, :-1], drawn[:, -1:]
        error = self.error(images, noise, torch.special.ndtr(normal))  # uniform times
        self.learn(torch.autograd.grad(error, self.trainable()), {"error": error.detach()})

    def generate(self, num_samples: int, *, seed: Sequence[int], first_sample: int) -> Tensor:
        """Follow the velocity from noise, and cut pixels at -1 and 1."""
        points = self.draw(self.num_pixels, num_samples, seed=seed, first_sample=first_sample)
        for step in range(self.sampling_steps):
            times = points.new_full((num_samples, 1), step / self.sampling_steps)
            # 1 / sampling_steps of the way that is left, as u has it divided by 1 - t
            points = torch.lerp(points, self.end_of_path(points, times), 1 / (self.sampling_steps - step))
        return points.clamp(-1, 1)
