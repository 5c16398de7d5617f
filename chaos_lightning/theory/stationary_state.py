"""Dynamical mean-field theory of the untrained networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, log, log1p, sqrt

import numpy as np
import torch
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from chaos_lightning.dynamics import RateFunction, RateName, Wiring
from chaos_lightning.theory.autocorrelations import NEAR, solve_autocorrelations
from chaos_lightning.theory.correlation_times import falling_times
from chaos_lightning.theory.growth import mean_field_growth
from chaos_lightning.theory.rate_checks import odd_rate, slope_at_rest
from chaos_lightning.theory.variance_gains import Array, spectral_radius, variance_gains

NUM_LAGS = 1500
"""In continuous time. Twice as many change the exponent for tanh by 2e-8 of it at gain 5 and 5e-6 at gain 20, for
hard tanh, whose slopes jump, by 2e-4 and 2e-3."""


@dataclass(frozen=True)
class MeanField:
    """The stationary state of an untrained network with infinitely large layers.

    Attributes:
        times: lags, ``(lags,)``, in the unit of tau, from 0 to where the autocorrelations have decayed.
        potentials: autocorrelation of the potentials, <x(t) x(t + lag)>, ``(layers, lags)``.
        rates: autocorrelation of the rates, likewise.
        slopes: autocorrelation of the rates' derivatives phi'(x), likewise; it tends to the square of their mean.
        effective_gain: above 1 the state of rest is not stable, see :func:`effective_gain`.
        lyapunov_exponent: the largest one, per unit of time (of the unit of tau).
        deviation_shares: share of each layer in the squared length of the fastest growing deviation, ``(layers,)``:
            where chaos lives, or where deviations from rest die out last.
        jacobian_radius: radius of the disc around -1 that the eigenvalues of the Jacobians fill, in units of 1/tau, see
            :func:`chaos_lightning.dynamics.field_jacobians`: the root of the spectral radius of G <phi'(x)^2>.
        decay_time: in which the autocorrelations decay by a factor e at long lags, the same one in all layers that
            drive one another; that of the slowest layers. NaN at rest.

    All tensors are in float64.
    """

    times: Tensor
    potentials: Tensor
    rates: Tensor
    slopes: Tensor
    effective_gain: float
    lyapunov_exponent: float
    deviation_shares: Tensor
    jacobian_radius: float
    decay_time: float

    @property
    def variances(self) -> Tensor:
        """Variances of the potentials, ``(layers,)``."""
        return self.potentials[:, 0]

    @property
    def correlation_times(self) -> Tensor:
        """Lags at which the autocorrelations of the potentials fall to 1/e, ``(layers,)``; NaN at rest."""
        return falling_times(self.times, self.potentials)


def mean_field(
    layer_sizes: Sequence[int],
    *,
    gain: float = 1.5,
    wiring: Wiring | None = None,
    rate: RateName | RateFunction = "tanh",
    dt: float | None = 1.0,
    tau: float = 10.0,
) -> MeanField:
    r"""Solve the dynamical mean-field theory of an untrained network: random couplings, no biases, no learning.

    In infinitely large layers the field of a unit is Gaussian, and the potentials' autocorrelations solve

    .. math::
        (1 - \tau^2 \partial^2)\, C_i = \sum_j G_{ij} \langle \phi(x(t)) \phi(x(t + s)) \rangle_j

    where x is Gaussian with the autocorrelation :math:`C_j`, and G are the :func:`variance_gains`. Of the solutions
    the one that decays to zero is taken, the chaotic state. At an effective gain up to 1 the network rests at zero.
    Single networks of finite size differ from theory: measured at 1,000 units and gain 2, variances by some 3 % either
    way, while exponents fall short by some 10 % (20 % at 500 units), and more near the transition.

    With ``dt`` the theory is that of the Euler map as the networks are run, without approximation in dt; the linear
    equation then has a second difference in place of the derivative. ``dt=None`` is continuous time. Below an effective
    gain of 1.02, where correlations last hundreds of time steps, lags of the Euler map are not multiples of dt and the
    second difference is taken as a derivative, with an error of some 1e-5.

    Theory holds up to the transition, where all becomes slow: an effective gain of 1.00001 is solved in seconds, its
    exponent to some 5 %, above 1.0001 to 0.1 %. With hard tanh, whose averages are known to 2e-6, variances are good to
    1 % above 1.001.

    A layer at rest (one that neither is chaotic nor is driven by one that is) has the autocorrelation 0.

    Args:
        layer_sizes: units of each layer, visible first. Only their ratios count.
        gain: of the frozen couplings where a connection gives none.
        wiring: the connections; None connects neighbours.
        rate: an odd rate function, or its name, that is steepest at 0.
        dt: length of an Euler step; None for continuous time.
        tau: time constant of the units.

    Raises:
        ValueError: for layers, gains, a wiring or a rate function that are no network's, a function that is not odd,
            or a dt that is not between 0 and tau.
        RuntimeError: if no solution is found, as happens within 1e-5 of the transition: take the state of rest there.

    Source:
        One layer: H. Sompolinsky, A. Crisanti, H. J. Sommers, Phys. Rev. Lett. 61, 259 (1988). Several populations:
        J. Kadmon, H. Sompolinsky, Phys. Rev. X 5, 041030 (2015). For the Euler map and for the exponent of several
        layers see :class:`TimeLags` and :func:`mean_field_growth`.
        Eigenvalues of the Jacobians: J. Aljadeff, M. Stern, T. Sharpee, Phys. Rev. Lett. 114, 088101 (2015).

    Example:
        >>> theory = mean_field([784, 500], gain=2.0, dt=None, tau=1.0)
        >>> theory.variances  # each layer is driven by the other as a single one is by itself
        tensor([1.9248, 1.9248], dtype=torch.float64)
        >>> round(theory.lyapunov_exponent, 4)
        0.1125
    """
    if not (tau > 0 and isfinite(tau)):
        raise ValueError(f"tau must be a positive number, but is {tau}")
    if dt is not None and not 0 < dt < tau:
        raise ValueError(f"dt must be positive and shorter than tau, or None for continuous time, but is {dt}")
    alpha = None if dt is None else dt / tau
    phi, derivative = odd_rate(rate)
    slope = slope_at_rest(derivative)
    gains = variance_gains(layer_sizes, gain=gain, wiring=wiring)
    effective = slope * float(np.sqrt(spectral_radius(gains)))
    active = active_layers(gains * slope**2)
    if not active.any():
        growth = effective - 1 if alpha is None else log(1 - alpha + alpha * effective) / alpha
        spacing, num_lags = (dt or tau / 10), 2
        silent = torch.zeros(len(gains), num_lags, dtype=torch.float64)
        times = spacing * torch.arange(num_lags, dtype=torch.float64)
        # Where layers rest, modes of the couplings have mean squares that these multiply by their squared eigenvalue.
        values, modes = np.linalg.eig(gains)
        squares = np.abs(modes[:, values.real.argmax()]) if effective > 0 else np.ones(len(gains))
        shares = _shares(squares, layer_sizes)
        steepest = torch.full_like(silent, slope**2)
        return MeanField(times, silent, silent, steepest, effective, growth / tau, shares, effective, float("nan"))
    # Correlations that last many time steps obey a differential equation: (1 - alpha) times the second derivative.
    slow = alpha is not None and effective - 1 < NEAR
    found = solve_autocorrelations(gains[np.ix_(active, active)], phi, effective - 1, None if slow else alpha, NUM_LAGS)
    shape = (len(gains), found.lags.num_lags)
    potentials, rates, slopes = np.zeros(shape), np.zeros(shape), np.full(shape, slope**2)
    potentials[active], rates[active], slopes[active] = found.potentials, found.rates, found.slopes
    exponent, squares = mean_field_growth(gains, slopes, found.lags)
    unit = tau
    if alpha is not None and slow:
        unit, exponent = tau * sqrt(1 - alpha), log1p(alpha * exponent) / alpha
    return MeanField(
        torch.from_numpy(found.lags.times * unit),
        torch.from_numpy(potentials),
        torch.from_numpy(rates),
        torch.from_numpy(slopes),
        effective,
        exponent / tau,
        _shares(squares, layer_sizes),
        float(np.sqrt(spectral_radius(gains * slopes[:, 0]))),
        unit / found.decay_rate,
    )


def _shares(squares: Array, layer_sizes: Sequence[int]) -> Tensor:
    """Return the share of each layer in a squared length, given mean squares of a unit."""
    total = torch.from_numpy(squares) * torch.tensor(layer_sizes, dtype=torch.float64)
    return total / total.sum()


def active_layers(gains: Array) -> Array:
    """Return which layers are not at rest: those that are unstable there, and those that these drive.

    Args:
        gains: of variance between layers at rest, ``(layers, layers)``: G times the squared slope of the rates at 0.
    """
    _, circles = connected_components(gains, directed=True, connection="strong")
    active = np.zeros(len(gains), dtype=bool)
    for circle in np.unique(circles):
        members = circles == circle
        active[members] = spectral_radius(gains[np.ix_(members, members)]) > 1
    for _ in range(len(gains)):
        active |= (gains[:, active] > 0).any(axis=1)
    return active
