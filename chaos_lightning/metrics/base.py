"""Bases of the metrics."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torchmetrics import Metric

from chaos_lightning.functional.checks import SampleCountError, as_image_rows


class RunningMetric(Metric):
    """A metric over all data so far, which comes in batches of any sizes.

    Args:
        kwargs: Further arguments of :class:`torchmetrics.Metric`.
    """

    is_differentiable: bool = False
    full_state_update: bool = False

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Add a batch as ``update`` does, and return the measure over all data so far.

        A batch need not have a value of its own: it may hold one side only, or too few images. The value covers the
        data of this process alone, and is NaN while there is too little. Use ``update`` where no value is needed.

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

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> "RunningMetric":
        """Move tensors, but keep their types where a module around the metric is cast, as torchmetrics does.

        It does so for states alone: training images of another type could not be compared with them.

        Args:
            fn: What the module around does with its tensors.
            exclude_state: States to leave out.
        """

        def moved(tensor: Tensor) -> Tensor:
            result = fn(tensor)
            return result if result.dtype == tensor.dtype else tensor.to(result.device)

        return cast("RunningMetric", super()._apply(fn if self._dtype_convert else moved, exclude_state))

    def merge_state(self, incoming_state: dict[str, Any] | Metric) -> None:
        """Add the data of another metric, which go before the data of this one.

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
    """A metric of real and generated images, in batches of any sizes and in any order.

    Args:
        num_pixels: Pixels in an image, 784 for 28 x 28.
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
