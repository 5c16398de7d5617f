"""Time lags at which mean-field theory is solved, and the equation of motion on them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sparse

from chaos_lightning.theory.variance_gains import Array


@dataclass(frozen=True)
class TimeLags:
    r"""Lags n s for n = 0 to N, in units of tau, and the equation between autocorrelations of potential and field.

    In continuous time a unit is a low-pass filter of its field, so :math:`C - \partial_s^2 C = R`. The Euler map
    :math:`x \leftarrow (1 - \alpha) x + \alpha\, \mathrm{field}` gives
    :math:`C - \frac{1 - \alpha}{\alpha^2} \Delta C = R` with the second difference :math:`\Delta` over one time step,
    without approximation: with :math:`z = e^{i \omega}`,
    :math:`|z - 1 + \alpha|^2 = \alpha^2 + (1 - \alpha) |z - 1|^2`.

    Both are written ``smooth C - bend C = smooth R``. In continuous time it is Numerov's method: ``bend`` is
    :math:`\Delta / s^2` and ``smooth`` is :math:`1 + \Delta / 12`, which leaves an error of order :math:`s^4`. C is
    even and 0 beyond the last lag.

    Attributes:
        spacing: s.
        num_lags: N + 1.
        alpha: dt / tau of the Euler map, whose spacing is alpha; None in continuous time.
    """

    spacing: float
    num_lags: int
    alpha: float | None

    @classmethod
    def until(cls, last: float, alpha: float | None, num_lags: int) -> "TimeLags":
        """Make lags from 0 to about a last one.

        Args:
            last: in units of tau.
            alpha: dt / tau of the Euler map, which fixes the spacing; None in continuous time.
            num_lags: in continuous time.
        """
        if alpha is None:
            return cls(last / (num_lags - 1), num_lags, None)
        return cls(alpha, max(16, round(last / alpha)) + 1, alpha)

    @property
    def times(self) -> Array:
        """The lags, ``(lags,)``, in units of tau."""
        return np.arange(self.num_lags, dtype=float) * self.spacing

    @property
    def second_difference(self) -> Any:
        """Sparse matrix ``(lags, lags)`` of the second difference of an even function."""
        beside = np.ones(self.num_lags - 1)
        mirrored = np.concatenate([[2.0], beside[1:]])  # the lag before 0 is that after it
        return sparse.diags([beside, np.full(self.num_lags, -2.0), mirrored], [-1, 0, 1], format="csc")

    @property
    def smooth(self) -> Any:
        """Sparse matrix ``(lags, lags)``, see above."""
        unit = sparse.identity(self.num_lags, format="csc")
        return unit if self.alpha is not None else unit + self.second_difference / 12

    def bend(self, factor: float = 1.0) -> Any:
        """Return the sparse matrix ``(lags, lags)``, see above.

        Args:
            factor: of growth in a time step of the Euler map, by which neighbouring lags count more where the
                correlation grows with time; it has no part in continuous time.
        """
        if self.alpha is None:
            return self.second_difference / self.spacing**2
        return self.second_difference * ((1 - self.alpha) * factor / self.alpha**2)

    def decay_rate(self, squared: float) -> float:
        """Return the rate, per tau, of the exponential decay with ``bend C = squared C``."""
        if self.alpha is None:
            return float(np.sqrt(squared))
        return float(np.arccosh(1 + self.alpha**2 * squared / (2 * (1 - self.alpha))) / self.alpha)
