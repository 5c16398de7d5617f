"""The self-consistent autocorrelations of infinitely large layers."""

from math import ceil, log2
from typing import NamedTuple

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu

from chaos_lightning.theory.gaussian_averages import GaussianAverage
from chaos_lightning.theory.rate_checks import ArrayFunction
from chaos_lightning.theory.time_lags import TimeLags
from chaos_lightning.theory.variance_gains import Array

LAST_STEP = 1e-6
"""Of Newton's method, relative to the variance. What is left after it is its square, or 1e-5 of it, as the derivative
by the variance is taken as a difference."""

FIXED_POINT_STEPS = 60
"""Before Newton's method is tried, and tried again, at most."""

ATTEMPTS = 12
"""Of Newton's method, each from a better start."""

DECAY_TIMES = 16.0
"""Lags that are followed, in units of the time in which the autocorrelation decays: to exp(-16) = 1e-7."""

NEAR = 0.02
"""Excess of the effective gain over 1 below which solutions are followed from there."""

NEAREST = 1e-5
"""Excess that is tried: below it variances are not known well enough for the equations to tell the solution."""

NO_SOLUTION = (
    "no autocorrelation was found that solves the mean-field equations; they become singular where chaos sets in, at "
    "an effective gain of 1: keep 1e-5 away from it"
)


class Autocorrelations(NamedTuple):
    """Autocorrelations of layers, all ``(layers, lags)``.

    Attributes:
        lags: at which they are given.
        potentials: C, of the potentials.
        rates: of the rates, <phi(x) phi(y)>.
        slopes: of the rates' derivatives, <phi'(x) phi'(y)>.
        decay_rate: with which they decay at the end, per tau.
    """

    lags: TimeLags
    potentials: Array
    rates: Array
    slopes: Array
    decay_rate: float


def solve_autocorrelations(
    gains: Array, phi: ArrayFunction, excess: float, alpha: float | None, num_lags: int
) -> Autocorrelations:
    r"""Solve the mean-field equations for autocorrelations that decay to zero.

    .. math::
        C_i - \partial^2 C_i = \sum_j G_{ij} \langle \phi(x) \phi(y) \rangle_{C_j(0), C_j(\tau)}

    in continuous time, or their like for the Euler map, see :class:`TimeLags`. A damped fixed-point iteration gets
    near the solution, and Newton's method gets there. Lags are added until the autocorrelations have decayed.

    Close to the transition the iteration hardly moves. There the solution is followed from larger gains down, each
    start extrapolated from the two solutions before by power laws of the excess.

    Args:
        gains: G, see :func:`variance_gains`; all of its layers must be active, the effective gain above 1.
        phi: rate function.
        excess: of the effective gain over 1; it says how slow the autocorrelations are to be expected.
        alpha: dt / tau; None in continuous time, which it must be below an excess of NEAR.
        num_lags: in continuous time.

    Raises:
        RuntimeError: if no solution is found.
    """
    if excess >= NEAR:
        return _from_scratch(gains, phi, excess, alpha, num_lags)
    if excess < NEAREST:
        raise RuntimeError(NO_SOLUTION)
    path = NEAR * np.array([2**0.5, 1.0])
    path = np.append(path, np.geomspace(NEAR, excess, max(2, 1 + ceil(log2(NEAR / excess))))[1:])
    weaker = [gains * ((1 + each) / (1 + excess)) ** 2 for each in path]
    former, last = (_from_scratch(weaker[i], phi, path[i], None, num_lags) for i in range(2))
    for i in range(2, len(path)):
        power = np.log(path[i] / path[i - 1]) / np.log(path[i - 1] / path[i - 2])
        spacing = last.lags.spacing * (last.lags.spacing / former.lags.spacing) ** power
        ratios = last.potentials.clip(min=1e-300) / former.potentials.clip(min=1e-300)
        start = last.potentials * np.where(last.potentials > 1e-9 * last.potentials[:, :1], ratios, 1) ** power
        former, last = last, _until_decayed(weaker[i], phi, TimeLags(spacing, num_lags, None), start)
    return last


def _from_scratch(
    gains: Array, phi: ArrayFunction, excess: float, alpha: float | None, num_lags: int
) -> Autocorrelations:
    """Solve without a start."""
    lags = TimeLags.until(20 + 10 / excess, alpha, num_lags)
    height = np.minimum(excess, 0.5 * gains.sum(axis=1).clip(min=1e-3))
    return _until_decayed(gains, phi, lags, height[:, None] * np.exp(-lags.times * min(1, excess) / 2))


def _until_decayed(gains: Array, phi: ArrayFunction, lags: TimeLags, potentials: Array) -> Autocorrelations:
    """Solve from a start ``(layers, lags)``, and again with other lags until they reach to where all has decayed."""
    last = lags.times[-1]
    for _ in range(8):
        potentials = _solve(gains, phi, lags, potentials)
        tables = [GaussianAverage.of(phi, each[0]) for each in potentials]
        squared_means = [float(table.slope(np.zeros(1))[0]) for table in tables]  # of phi' at long lags
        squared_rate = 1 - np.linalg.eigvals(gains * np.array(squared_means)).real.max()
        if squared_rate > 0:
            decay_rate = lags.decay_rate(squared_rate)
            if decay_rate * lags.times[-1] >= 0.95 * DECAY_TIMES:
                rates = np.array([table(each) for table, each in zip(tables, potentials, strict=True)])
                slopes = np.array([table.slope(each) for table, each in zip(tables, potentials, strict=True)])
                return Autocorrelations(lags, potentials, rates, slopes, decay_rate)
            last = max(DECAY_TIMES / decay_rate, 1.2 * last)
        else:
            last *= 2
        shorter, lags = lags, TimeLags.until(last, lags.alpha, lags.num_lags)
        potentials = np.array([np.interp(lags.times, shorter.times, each, right=0) for each in potentials])
    raise RuntimeError(NO_SOLUTION)


def _solve(gains: Array, phi: ArrayFunction, lags: TimeLags, start: Array) -> Array:
    """Solve on given lags, from a start ``(layers, lags)``."""
    potentials, tolerance = start, 0.02
    for _ in range(ATTEMPTS):
        potentials = _iterate(gains, phi, lags, potentials, tolerance)
        solution = _newton(gains, phi, lags, potentials)
        if solution is not None:
            return solution
        tolerance /= 2
    raise RuntimeError(NO_SOLUTION)


def _iterate(gains: Array, phi: ArrayFunction, lags: TimeLags, potentials: Array, tolerance: float) -> Array:
    """Replace autocorrelations by half those that follow from them, until the change falls below a tolerance."""
    smooth = lags.smooth
    filtering = splu((smooth - lags.bend()).tocsc())
    for _ in range(FIXED_POINT_STEPS):
        rates = np.array([GaussianAverage.of(phi, each[0])(each) for each in potentials])
        following = filtering.solve(smooth @ (gains @ rates).T).T
        change = np.abs(following - potentials).max() / np.abs(following).max()
        potentials = ((potentials + following) / 2).clip(min=1e-300)
        if change < tolerance:
            break
    return potentials


def _newton(gains: Array, phi: ArrayFunction, lags: TimeLags, potentials: Array) -> Array | None:
    """Solve by Newton's method; None if it does not converge to decaying autocorrelations."""
    smooth, free = lags.smooth, lags.bend() - lags.smooth
    num_layers, num_lags = potentials.shape
    zeros = np.zeros(num_lags, dtype=int)
    size = np.inf
    for _ in range(25):
        rates, jacobians = [], []
        for each in potentials:
            variance, nudge = each[0], 1e-5 * each[0]
            average = GaussianAverage.of(phi, variance)
            rates.append(average(each))
            by_variance = (GaussianAverage.of(phi, variance + nudge)(each) - rates[-1]) / nudge
            column = sparse.csc_matrix((by_variance, (np.arange(num_lags), zeros)), shape=(num_lags, num_lags))
            jacobians.append(smooth @ (sparse.diags(average.slope(each)) + column))
        misfit = (free @ potentials.T).T + (smooth @ (gains @ np.array(rates)).T).T
        blocks = [
            [gains[i, j] * jacobians[j] + (free if i == j else 0 * free) for j in range(num_layers)]
            for i in range(num_layers)
        ]
        step = splu(sparse.bmat(blocks, format="csc")).solve(-misfit.ravel()).reshape(potentials.shape)
        previous, size = size, np.abs(step / potentials[:, :1]).max()
        potentials = potentials + step
        if not (np.isfinite(size) and size < 10 * previous and (potentials[:, 0] > 0).all()):
            return None
        if size < LAST_STEP:
            decays = (np.abs(potentials[:, 1:]).max(axis=1) < potentials[:, 0]) & (potentials.min(axis=1) > -1e-6)
            return potentials if decays.all() else None
    return None
