"""How fast a small distance between two chains grows in infinitely large layers."""

import numpy as np
import scipy.sparse as sparse
from scipy.optimize import brentq
from scipy.sparse.linalg import LinearOperator, eigs, splu

from chaos_lightning.theory.time_lags import TimeLags
from chaos_lightning.theory.variance_gains import Array, spectral_radius


def mean_field_exponent(gains: Array, slopes: Array, lags: TimeLags) -> float:
    r"""Compute the largest Lyapunov exponent from the autocorrelations of the slopes.

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

    Returns:
        The exponent, per tau.
    """
    alpha = lags.alpha
    if alpha is None:
        return float(np.sqrt(_largest_eigenvalue(gains, slopes, lags)) - 1)

    def misfit(factor: float) -> float:
        return _largest_eigenvalue(gains, slopes, lags, factor) - ((factor - 1 + alpha) / alpha) ** 2

    # Without the second difference, which is not positive, the eigenvalue would be largest.
    highest = 1 - alpha + alpha * np.sqrt(spectral_radius(gains * slopes[:, 0])) + 1e-9
    return float(np.log(brentq(misfit, 1 - alpha + 1e-9 * alpha, highest, xtol=1e-13)) / alpha)


def _largest_eigenvalue(gains: Array, slopes: Array, lags: TimeLags, factor: float = 1.0) -> float:
    """Return the eigenvalue of largest real part, for even functions on the lags."""
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
    nearest = eigs(operator, k=1, which="LM", v0=np.ones(size), return_eigenvectors=False, tol=1e-12)[0]
    return float(bound - 1 / nearest.real)
