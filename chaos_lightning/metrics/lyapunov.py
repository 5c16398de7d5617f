"""The largest Lyapunov exponent as a metric."""

from typing import Any

import torch
from torch import Tensor

from chaos_lightning.functional.moments import batch_moments, empty_moments, merge_moments, unpack_moments
from chaos_lightning.metrics.chains import ChainMetric


class LyapunovExponent(ChainMetric):
    r"""Largest Lyapunov exponent: mean over chains, with its standard error.

    .. math::
        \lambda = \frac{1}{M} \sum_{m=1}^{M} \lambda_m, \qquad
        \mathrm{SE} = \sqrt{\frac{1}{M (M - 1)} \sum_m (\lambda_m - \lambda)^2}

    ``update`` takes the exponents of single chains, as found by
    :func:`chaos_lightning.dynamics.lyapunov_exponents` (or by two replicas), per unit of time. ``compute`` gives a
    float64 scalar: positive in chaos, negative where chains come to rest. The standard error is the spread over
    initial conditions of one network; feed exponents of many networks for the spread over networks.

    Args:
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Attributes:
        standard_error: After ``compute``, standard error of the mean, a float64 scalar; NaN for a single chain.

    Raises:
        TypeError: If exponents are not a floating tensor.
        ValueError: If their shape is not ``(chains,)``, or one is NaN or infinite.
        SampleCountError: If ``compute`` finds no chain.

    Source:
        G. Benettin, L. Galgani, A. Giorgilli, J.-M. Strelcyn, Meccanica 15, 9 (1980).

    Example:
        >>> import torch
        >>> metric = LyapunovExponent()
        >>> metric.update(torch.tensor([0.01, 0.03]))
        >>> metric.update(torch.tensor([0.02]))
        >>> metric.compute()
        tensor(0.0200, dtype=torch.float64)
        >>> metric.standard_error
        tensor(0.0058, dtype=torch.float64)
    """

    exponent_moments: Tensor
    standard_error: Tensor | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("exponent_moments", empty_moments(1), dist_reduce_fx=merge_moments)

    def update(self, exponents: Tensor) -> None:
        """Add chains.

        Args:
            exponents: Floating tensor of shape ``(chains,)``.

        Raises:
            TypeError: If it is not a floating tensor.
            ValueError: If a shape or a value is wrong.
        """
        moments = batch_moments(self._column(exponents, "exponents"))
        self.exponent_moments = merge_moments(torch.stack([self.exponent_moments, moments]))

    def compute(self) -> Tensor:
        """Compute the mean over all chains so far, a float64 scalar; sets ``standard_error``.

        Raises:
            SampleCountError: If there is no chain.
        """
        num_chains, mean, scatter = unpack_moments(self.exponent_moments)
        self._check_count(num_chains, 1, "chain")
        self.standard_error = (scatter[0, 0] / (num_chains - 1) / num_chains).sqrt()
        return mean[0].clone()

    def reset(self) -> None:
        """Forget all chains and the standard error."""
        super().reset()
        self.standard_error = None
