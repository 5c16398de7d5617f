"""Where chaos sets in."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq

from chaos_lightning.dynamics import RateFunction, RateName, Wiring
from chaos_lightning.theory.rate_checks import odd_rate, slope_at_rest
from chaos_lightning.theory.variance_gains import spectral_radius, variance_gains


def effective_gain(
    layer_sizes: Sequence[int],
    *,
    gain: float = 1.5,
    wiring: Wiring | None = None,
    rate: RateName | RateFunction = "tanh",
) -> float:
    r"""Compute the effective gain of an untrained network: it rests below 1, and is chaotic above.

    .. math::
        g_\mathrm{eff} = \phi'(0) \sqrt{\rho(G)}

    with :math:`\rho` the spectral radius and G the :func:`variance_gains`. It is the radius of the disc that the
    eigenvalues of all couplings, times :math:`\phi'(0)`, fill in a large network, so rest at zero loses its stability
    where it passes 1. For one layer it is the gain itself; for two it is the geometric mean of the gains down and up.

    What is compared with 1 is the stability of rest. Chaos sets in there too if the slope of the rate function is
    largest at 0, as those of tanh and hard tanh are; a function that is steeper elsewhere can be chaotic below.

    Args:
        layer_sizes: units of each layer.
        gain: of the frozen couplings where a connection gives none.
        wiring: the connections; None connects neighbours.
        rate: rate function, or its name.

    Raises:
        ValueError: for layers, gains, a wiring or a rate function that are no network's, or a function that is not
            odd.

    Source:
        One layer: H. Sompolinsky, A. Crisanti, H. J. Sommers, Phys. Rev. Lett. 61, 259 (1988). Blocks of several
        variances: J. Aljadeff, M. Stern, T. Sharpee, Phys. Rev. Lett. 114, 088101 (2015).

    Example:
        >>> wiring = [{"lower": 0, "upper": 1, "gain_down": 0.5, "gain_up": 2.0}]
        >>> effective_gain([784, 500], wiring=wiring)
        1.0
    """
    slope = slope_at_rest(odd_rate(rate)[1])
    return slope * float(np.sqrt(spectral_radius(variance_gains(layer_sizes, gain=gain, wiring=wiring))))


def critical_gain(
    layer_sizes: Sequence[int],
    *,
    wiring: Wiring | None = None,
    rate: RateName | RateFunction = "tanh",
) -> float:
    """Compute the gain above which an untrained network is chaotic: where :func:`effective_gain` passes 1.

    Args:
        layer_sizes: units of each layer.
        wiring: the connections; those that have gains of their own keep them. None connects neighbours.
        rate: rate function, or its name.

    Returns:
        The gain of all other connections; 0 if those with gains of their own are chaotic by themselves, infinity if no
        gain is enough.

    Raises:
        ValueError: as in :func:`effective_gain`.

    Example:
        >>> critical_gain([784, 500, 100])
        1.0
    """

    def excess(gain: float) -> float:
        return effective_gain(layer_sizes, gain=gain, wiring=wiring, rate=rate) - 1

    smallest, largest = 1e-9, 1e9  # not 0: a gain of 0 changes the fan-in
    if excess(smallest) >= 0:
        return 0.0
    if excess(largest) < 0:
        return float("inf")
    high = 1.0
    while excess(high) < 0:
        high *= 2
    return float(brentq(excess, smallest, high, xtol=1e-12))
