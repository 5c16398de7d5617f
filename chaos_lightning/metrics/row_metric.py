"""States that collect one row an image, on any number of processes."""

from typing import Any

from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from chaos_lightning.metrics.base import GenerativeMetric


class RowMetric(GenerativeMetric):
    """A metric whose states are lists of tensors, joined along the first dimension.

    Args:
        num_pixels: Pixels an image, 784 for 28 x 28.
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
            empty: What the state is without images: shape ``(0, ...)``, of the dtype that it collects.
        """
        self.add_state(name, [], dist_reduce_fx="cat")
        self._no_rows[name] = empty

    def append_rows(self, name: str, rows: Tensor) -> None:
        """Add rows to a state.

        Args:
            name: The state.
            rows: Shape and dtype as registered, but for the first dimension.
        """
        # a new list, because metrics of one collection share the old one
        setattr(self, name, [*getattr(self, name), rows])

    def all_rows(self, name: str) -> Tensor:
        """All rows of a state, after gathering too.

        Args:
            name: The state.

        Returns:
            The rows joined along the first dimension, which may be 0.
        """
        collected: list[Tensor] | Tensor = getattr(self, name)
        rows: Tensor = dim_zero_cat(collected) if len(collected) else self._no_rows[name].to(self.device)
        return rows

    def sync(self, *args: Any, **kwargs: Any) -> None:
        """Gather the rows of all processes.

        A process without rows joins in with none of the right shape and dtype. What torchmetrics would offer
        in its place, one dimension of float32, makes gathering hang or fail.

        Args:
            args: Positional arguments of :meth:`torchmetrics.Metric.sync`.
            kwargs: Its keyword arguments.
        """
        for name in self._no_rows:
            if not len(getattr(self, name)):
                setattr(self, name, [self.all_rows(name)])
        super().sync(*args, **kwargs)
