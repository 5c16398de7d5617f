"""Base of the metrics of chains."""

from torch import Tensor

from chaos_lightning.functional.checks import SampleCountError, as_rows
from chaos_lightning.metrics.base import RunningMetric


class ChainMetric(RunningMetric):
    """A metric of chains, in batches of any sizes and in any order.

    Its ``update`` takes one keyword of its own, so that all of them fit into one ``MetricCollection``:
    ``collection.update(rates=..., speeds=..., exponents=...)``.

    Args:
        kwargs: Further arguments of :class:`torchmetrics.Metric`.
    """

    higher_is_better: bool | None = None

    def _column(self, values: Tensor, name: str) -> Tensor:
        """Check that there is one finite number for each chain, and return them as a column ``(chains, 1)``."""
        if isinstance(values, Tensor) and values.ndim != 1:
            raise ValueError(f"{name} must have shape (chains,), got {tuple(values.shape)}")
        return as_rows(values.unsqueeze(1) if isinstance(values, Tensor) else values, name)

    def _check_count(self, count: Tensor, minimum: int, noun: str) -> None:
        """Refuse to compute from fewer chains or samples than the measure needs."""
        if count < minimum:
            raise SampleCountError(f"at least {minimum} {noun}{'s' * (minimum > 1)} needed, got {int(count)}")
