"""Means over chains, and how well chains determine them."""

from torch import Tensor


def mean_and_error(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean over the first dimension and its standard error, in float64; NaN for the error of one value."""
    values = values.double()
    mean = values.mean(dim=0)
    variance = (values - mean).square().sum(dim=0) / (len(values) - 1)  # 0 / 0 for one value
    return mean, (variance / len(values)).sqrt()
