"""Bases of metrics that collect a row for each image: their state grows with the number of images."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from chaos_lightning.metrics.base import GenerativeMetric


class RowMetric(GenerativeMetric):
    """A metric whose states are lists of tensors, joined along the first dimension.

    Args:
        num_pixels: Pixels in an image, 784 for 28 x 28.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If ``num_pixels`` is not a positive integer.
    """

    def __init__(self, num_pixels: int = 784, **kwargs: Any) -> None:
        super().__init__(num_pixels, **kwargs)
        self._no_rows: dict[str, Tensor] = {}

    def add_row_state(self, name: str, empty: Tensor) -> None:
        """Register a state.

        Args:
            name: Attribute that holds the list.
            empty: State without images: shape ``(0, ...)``, of the dtype of the rows.
        """
        self.add_state(name, [], dist_reduce_fx="cat")
        self._no_rows[name] = empty

    def append_rows(self, name: str, rows: Tensor) -> None:
        """Add rows to a state.

        Args:
            name: The state.
            rows: Rows of the shape and dtype registered, any number.
        """
        # a new list, because metrics of one collection share the old one
        setattr(self, name, [*getattr(self, name), rows])

    def all_rows(self, name: str) -> Tensor:
        """Join all rows of a state, after gathering too.

        Args:
            name: The state.

        Returns:
            The rows joined along the first dimension, which may be 0; on the CPU with ``compute_on_cpu``.
        """
        collected: list[Tensor] | Tensor = getattr(self, name)
        rows: Tensor = dim_zero_cat(collected) if len(collected) else self._no_rows[name]
        return rows.to("cpu" if self.compute_on_cpu else self.device)

    def sync(self, *args: Any, **kwargs: Any) -> None:
        """Gather the rows of all processes.

        Rows that ``compute_on_cpu`` keeps on the CPU go to the metric's device for that, as NCCL gathers only there. A
        process without rows takes part with an empty tensor of the right shape and dtype. The empty tensor of
        torchmetrics, one dimension of float32, would make gathering hang or fail.

        Args:
            args: Positional arguments of :meth:`torchmetrics.Metric.sync`.
            kwargs: Its keyword arguments.
        """
        if not self._is_synced:
            for name in self._no_rows:
                if self.compute_on_cpu or not len(getattr(self, name)):
                    setattr(self, name, [self.all_rows(name).to(self.device)])
        super().sync(*args, **kwargs)


class ImageMetric(RowMetric):
    """A metric that keeps the images, in float32; in a ``MetricCollection`` all of them share one state.

    10,000 images of 784 pixels take 31 MB a side until ``reset``.

    Args:
        num_pixels: Pixels in an image, 784 for 28 x 28.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If ``num_pixels`` is not a positive integer.
    """

    def __init__(self, num_pixels: int = 784, **kwargs: Any) -> None:
        super().__init__(num_pixels, **kwargs)
        self.add_row_state("real_images", torch.empty(0, num_pixels))
        self.add_row_state("generated_images", torch.empty(0, num_pixels))

    def update(self, images: Tensor, real: bool) -> None:
        """Add images.

        Args:
            images: Floating tensor of shape ``(N, ...)`` of images with ``num_pixels`` pixels in [-1, 1].
            real: Whether they are real or generated.

        Raises:
            TypeError: If it is not a floating tensor.
            ValueError: If a shape or a value is wrong.
        """
        # a copy, because the caller may go on writing into the images
        rows = self._rows(images, real).to(torch.float32, copy=True)
        self.append_rows("real_images" if real else "generated_images", rows)

    def all_images(self) -> tuple[Tensor, Tensor]:
        """Return all real and all generated images so far, each of shape ``(N, num_pixels)``."""
        return self.all_rows("real_images"), self.all_rows("generated_images")
