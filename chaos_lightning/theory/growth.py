"""How fast a small distance between two chains grows in infinitely large layers."""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sparse
from scipy.optimize import brentq
from scipy.sparse.linalg import LinearOperator, eigs, splu

from chaos_lightning.theory.time_lags import TimeLags
from chaos_lightning.theory.variance_gains import Array, spectral_radius


class Growth(NamedTuple):
    """How a small distance between two chains grows.

    Attributes:
        exponent: the largest Lyapunov exponent, per tau.
        squares: mean square distance of a unit of each layer, ``(layers,)``, up to a common factor.
    """

    exponent: float
    squares: Array


def mean_field_growth(gains: Array, slopes: Array, lags: TimeLags) -> Growth:
    r"""Compute the largest Lyapunov exponent from the autocorrelations of the slopes, and where the deviation lives.

    The covariance of two chains of one network obeys the same equation as the autocorrelation, at two times t, t'.
    Linearised in its distance :math:`k_i(t, t') = e^{\lambda (t + t')} \psi_i(t - t')` from that autocorrelation it is

    .. math::
        \left(\partial^2 \psi_i + \sum_j G_{ij} \langle \phi'(x) \phi'(y) \rangle_j\, \psi_j\right)(\tau)
        = (1 + \lambda)^2\, \psi_i(\tau).

    For one layer this is the Schroedinger equation of Sompolinsky, Crisanti and Sommers. For several it is a system,
    whose operator need not be symmetric; but as no G and no average is negative, the eigenvalue of largest real part
    is real and has a positive :math:`\psi` (Perron, Frobenius), and that one outgrows all others. The Euler map
    multiplies k by m in a time step, :math:`\lambda = \log(m) / \alpha` per tau, and

    .. math::
        \left(\frac{(1 - \alpha) m}{\alpha^2} \Delta \psi_i + \sum_j G_{ij} \langle \phi' \phi' \rangle_j
        \psi_j\right)(n) = \left(\frac{m - 1 + \alpha}{\alpha}\right)^2 \psi_i(n).

    Args:
        gains: G, see :func:`variance_gains`.
        slopes: :math:`\langle \phi' \phi' \rangle`, ``(layers, lags)``, in the stationary state.
        lags: at which they are given.
    """
    alpha = lags.alpha
    if alpha is None:
        eigenvalue, mode = _fastest_mode(gains, slopes, lags)
        return Growth(float(np.sqrt(eigenvalue) - 1), mode[:, 0])

    def misfit(factor: float) -> float:
        return _fastest_mode(gains, slopes, lags, factor)[0] - ((factor - 1 + alpha) / alpha) ** 2

    # Without the second difference, which is not positive, the eigenvalue would be largest.
    highest = 1 - alpha + alpha * np.sqrt(spectral_radius(gains * slopes[:, 0])) + 1e-9
    factor = brentq(misfit, 1 - alpha + 1e-9 * alpha, highest, xtol=1e-13)
    return Growth(float(np.log(factor) / alpha), _fastest_mode(gains, slopes, lags, factor)[1][:, 0])


def _fastest_mode(gains: Array, slopes: Array, lags: TimeLags, factor: float = 1.0) -> tuple[float, Array]:
    """Return the eigenvalue of largest real part, for even functions on the lags, and its mode ``(layers, lags)``."""
    num_layers, smooth, bend = len(gains), lags.smooth, lags.bend(factor)
    blocks = [
        [gains[i, j] * (smooth @ sparse.diags(slopes[j])) + (bend if i == j else 0 * bend) for j in range(num_layers)]
        for i in range(num_layers)
    ]
    weights = sparse.block_diag([smooth] * num_layers, format="csc")
    bound = spectral_radius(gains * slopes.max(axis=1)) * 1.001 + 1e-6
    # Of all eigenvalues that with the largest real part, being real, is nearest to a bound of them from above.
    inverse = splu((bound * weights - sparse.bmat(blocks, format="csc")).tocsc())
    size = weights.shape[0]
    operator = LinearOperator((size, size), matvec=lambda vector: inverse.solve(weights @ vector), dtype=float)
    values, modes = eigs(operator, k=1, which="LM", v0=np.ones(size), tol=1e-12)
    mode = np.abs(modes[:, 0].real).reshape(num_layers, -1)  # of one sign
    return float(bound - 1 / values[0].real), mode
