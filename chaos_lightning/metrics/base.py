"""What all metrics of generated images share."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torchmetrics import Metric

from chaos_lightning.functional.checks import SampleCountError, as_image_rows


class RunningMetric(Metric):
    """A metric whose value is that of everything it has been shown, in batches of any sizes.

    Args:
        kwargs: Further arguments of :class:`torchmetrics.Metric`.
    """

    is_differentiable: bool = False
    full_state_update: bool = False

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Add what ``update`` takes, and return the measure over all of it so far.

        A batch need not have a value of its own: it may hold one side only, or too little. The value is that of
        this process, and NaN while there is too little for one. Use ``update`` where the value is not needed.

        Args:
            args: Positional arguments of ``update``.
            kwargs: Keyword arguments of ``update``.

        Returns:
            Float64 scalar.
        """
        self.update(*args, **kwargs)
        self._to_sync = self.dist_sync_on_step
        try:
            value = self.compute()
        except SampleCountError:
            value = torch.full((), torch.nan, dtype=torch.float64, device=self.device)
        finally:
            self._to_sync = self.sync_on_compute
        self._computed = None  # a later compute must gather from all processes
        self._forward_cache = value
        return cast(Tensor, value)

    def merge_state(self, incoming_state: dict[str, Any] | Metric) -> None:
        """Add what another metric has seen, which stays before what was seen here.

        Args:
            incoming_state: The other metric, or its ``metric_state``.
        """
        super().merge_state(incoming_state)
        self._computed = None  # torchmetrics would go on returning the value from before the merge

    def plot(self, val: Tensor | Sequence[Tensor] | None = None, ax: Any = None) -> Any:
        """Plot one value or several.

        Args:
            val: Results of ``compute`` or ``forward``; by default ``compute`` is called.
            ax: Matplotlib axes to draw into.

        Returns:
            Figure and axes.

        Raises:
            ModuleNotFoundError: If matplotlib is not installed.
        """
        return self._plot(val, ax)


class GenerativeMetric(RunningMetric):
    """A metric that is shown real and generated images, in batches of any sizes and in any order.

    Args:
        num_pixels: Pixels an image, 784 for 28 x 28.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If ``num_pixels`` is not a positive integer.
    """

    higher_is_better: bool | None = False
    plot_lower_bound: float = 0.0

    def __init__(self, num_pixels: int = 784, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(num_pixels, int) or num_pixels < 1:
            raise ValueError(f"num_pixels must be a positive integer, got {num_pixels!r}")
        self.num_pixels = num_pixels

    def _rows(self, images: Tensor, real: bool) -> Tensor:
        """Check a batch and flatten it to rows of shape ``(N, num_pixels)``."""
        return as_image_rows(images, "real images" if real else "generated images", self.num_pixels)
