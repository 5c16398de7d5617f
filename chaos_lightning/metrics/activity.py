"""Participation ratio and fraction of chains at rest as metrics."""

from typing import Any

import torch
from torch import Tensor

from chaos_lightning.functional.activity import REST_TOLERANCE, participation_ratio_of_products
from chaos_lightning.functional.checks import RANGE_TOLERANCE, as_rows
from chaos_lightning.functional.moments import batch_moments, empty_moments, merge_moments, unpack_moments
from chaos_lightning.metrics.chains import ChainMetric


class ParticipationRatio(ChainMetric):
    r"""Participation ratio: the number of directions that the activity fills.

    .. math::
        PR = \frac{(\mathrm{tr}\, C)^2}{\mathrm{tr}\, C^2}
           = \frac{\left(\sum_a \lambda_a\right)^2}{\sum_a \lambda_a^2}

    with ``C`` the covariance of the rates over all samples and ``lambda`` its eigenvalues; as
    :func:`chaos_lightning.functional.participation_ratio`, but from streaming float64 moments, so its state does not
    grow. ``update`` takes rates of shape ``(N, num_units)`` in [-1, 1]: of chains at one time, of one chain at many
    times, or both. ``compute`` gives a float64 scalar from 1 to ``num_units``, at most the number of samples less
    one, or 0 where the rates do not vary. Few samples bias it downwards, roughly ``1/PR`` by ``1/N``.

    Args:
        num_units: Units, 784 for a visible layer of 28 x 28.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        TypeError: If rates are not a floating tensor.
        ValueError: If ``num_units`` is not a positive integer, if the shape of rates is wrong, or one is NaN or
            outside [-1, 1].
        SampleCountError: If ``compute`` finds fewer than two samples.

    Source:
        K. Rajan, L. F. Abbott, H. Sompolinsky, Phys. Rev. E 82, 011903 (2010).

    Example:
        >>> import torch
        >>> metric = ParticipationRatio(num_units=2)
        >>> metric.update(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
        >>> metric.update(torch.tensor([[0.0, 1.0], [0.0, -1.0]]))
        >>> metric.compute()
        tensor(2., dtype=torch.float64)
    """

    plot_lower_bound: float = 0.0

    rate_moments: Tensor

    def __init__(self, num_units: int = 784, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(num_units, int) or num_units < 1:
            raise ValueError(f"num_units must be a positive integer, got {num_units!r}")
        self.num_units = num_units
        self.add_state("rate_moments", empty_moments(num_units), dist_reduce_fx=merge_moments)

    def update(self, rates: Tensor) -> None:
        """Add samples.

        Args:
            rates: Floating tensor of shape ``(N, ...)`` with ``num_units`` rates in [-1, 1] in each sample.

        Raises:
            TypeError: If it is not a floating tensor.
            ValueError: If a shape or a value is wrong.
        """
        rows = as_rows(rates, "rates")
        if rows.shape[1] != self.num_units:
            raise ValueError(f"rates have {rows.shape[1]} units (shape {tuple(rates.shape)}), not {self.num_units}")
        if rows.numel() and float(rows.abs().max()) > 1 + RANGE_TOLERANCE:
            raise ValueError(
                f"rates reach {float(rows.abs().max()):g} in size, outside [-1, 1]: are these the potentials?"
            )
        self.rate_moments = merge_moments(torch.stack([self.rate_moments, batch_moments(rows)]))

    def compute(self) -> Tensor:
        """Compute the participation ratio of all samples so far, a float64 scalar.

        Raises:
            SampleCountError: If there are fewer than two samples.
        """
        moments = unpack_moments(self.rate_moments)
        self._check_count(moments.num_images, 2, "sample")
        return participation_ratio_of_products(moments.covariance, self.num_units)


class RestingFraction(ChainMetric):
    r"""Fraction of chains at rest: all of their units are slower than a tolerance.

    .. math::
        \frac{1}{M} \left| \left\{ m : \max_i \tau |\dot x_i^{(m)}| < \epsilon \right\} \right|

    ``update`` takes the speeds of chains, as found by :func:`chaos_lightning.dynamics.chain_speeds`. ``compute``
    gives a float64 scalar from 0 to 1.

    Args:
        tolerance: Largest speed of a unit at rest, in potential per tau. By default 1e-3: within one tau its rate
            then moves by at most an eighth of a grey level of an 8-bit image, and float32 rounding lies far below.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        TypeError: If speeds are not a floating tensor.
        ValueError: If ``tolerance`` is not positive, if the shape of speeds is not ``(chains,)``, or one is negative,
            NaN or infinite.
        SampleCountError: If ``compute`` finds no chain.

    Example:
        >>> import torch
        >>> metric = RestingFraction()
        >>> metric.update(torch.tensor([0.0, 1e-5, 0.4]))
        >>> metric.update(torch.tensor([1.0]))
        >>> metric.compute()
        tensor(0.5000, dtype=torch.float64)
    """

    plot_lower_bound: float = 0.0
    plot_upper_bound: float = 1.0

    tolerance: Tensor
    num_resting: Tensor
    num_chains: Tensor

    def __init__(self, tolerance: float = REST_TOLERANCE, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not tolerance > 0:
            raise ValueError(f"tolerance must be positive, got {tolerance}")
        # A state, because a collection shares states among metrics whose states are equal.
        self.add_state("tolerance", torch.tensor(tolerance, dtype=torch.float64), dist_reduce_fx="max")
        self.add_state("num_resting", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("num_chains", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, speeds: Tensor) -> None:
        """Add chains.

        Args:
            speeds: Floating tensor of shape ``(chains,)``.

        Raises:
            TypeError: If it is not a floating tensor.
            ValueError: If a shape or a value is wrong.
        """
        column = self._column(speeds, "speeds")
        if (column < 0).any():
            raise ValueError(f"speeds must be 0 or more, but one is {float(column.min()):g}")
        self.num_resting = self.num_resting + (column < self.tolerance).sum()
        self.num_chains = self.num_chains + len(column)

    def compute(self) -> Tensor:
        """Compute the fraction of all chains so far, a float64 scalar.

        Raises:
            SampleCountError: If there is no chain.
        """
        self._check_count(self.num_chains, 1, "chain")
        return self.num_resting.double() / self.num_chains
