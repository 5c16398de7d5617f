"""The module that is trained, as the callbacks see it."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from lightning.pytorch import LightningModule
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from chaos_lightning.metrics.evaluation import Evaluation
from chaos_lightning.shapes import Shape


class Generator(Protocol):
    """A module that generates images and measures them."""

    evaluation: Evaluation | None
    image_shape: Shape
    further_measures: dict[str, Callable[[], dict[str, Metric | MetricCollection]]]

    @property
    def learning_rate(self) -> float:
        """Learning rate of the next update."""

    @property
    def largest_potential(self) -> float | None:
        """Largest absolute potential of the free phase in training; None for a generator without potentials."""

    def log_now(self, values: Mapping[str, Any]) -> None:
        """Log scalars by name, at once."""

    def sample(self, num_samples: int, *, seed: int) -> Tensor:
        """Generate images in [-1, 1], ``(num_samples, *image_shape)``."""


def as_generator(module: LightningModule) -> Generator:
    """Take a module for a generator; only the type checker sees a difference."""
    return cast(Generator, module)
