"""How strongly layers drive one another: what a wiring means for infinitely large layers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chaos_lightning.dynamics import Wiring, as_wiring

Array = NDArray[np.float64]


def variance_gains(layer_sizes: Sequence[int], *, gain: float = 1.5, wiring: Wiring | None = None) -> Array:
    r"""Compute the gains of variance between the layers of an untrained network.

    Entries of the frozen couplings from layer j into layer i have variance :math:`g_{ij}^2 / F_i`, where the fan-in
    :math:`F_i` counts the units whose frozen couplings drive a unit of layer i. So the field that a unit of layer i
    gets has the autocorrelation :math:`R_i = \sum_j G_{ij} \langle \phi \phi \rangle_j` with

    .. math::
        G_{ij} = g_{ij}^2 n_j / F_i, \qquad F_i = \sum_{j:\, g_{ij} > 0} n_j.

    Args:
        layer_sizes: n, units of each layer, visible first. Only their ratios count.
        gain: of the frozen couplings where a connection gives none.
        wiring: the connections, as :class:`chaos_lightning.dynamics.ChaoticNetwork` takes them; None connects
            neighbours. What they learn has no part in it.

    Returns:
        G, ``(layers, layers)``: row of the receiving, column of the sending layer.

    Raises:
        ValueError: for no layers, a layer without units, a gain that is negative or not finite, or a wiring that does
            not fit the layers.

    Example:
        >>> variance_gains([30, 20, 10], gain=2.0)
        array([[0., 4., 0.],
               [3., 0., 1.],
               [0., 4., 0.]])
    """
    if not layer_sizes or min(layer_sizes) < 1:
        raise ValueError(f"every layer needs at least one unit, but the layer sizes are {list(layer_sizes)}")
    if not 0 <= gain < float("inf"):
        raise ValueError(f"gain must be 0 or more, but is {gain}")
    gains = np.zeros((len(layer_sizes), len(layer_sizes)))
    for connection in as_wiring(wiring, len(layer_sizes), gain):
        lower, upper = connection.lower, connection.upper
        gains[lower, upper] = connection.gain_into(lower, gain)
        gains[upper, lower] = connection.gain_into(upper, gain)  # the same one within a layer
    sizes = np.array(layer_sizes, dtype=float)
    fan_in = (gains > 0) @ sizes
    return np.asarray(gains**2 * sizes / np.maximum(fan_in, 1)[:, None])


def spectral_radius(matrix: Array) -> float:
    """Return the largest absolute eigenvalue of a square matrix; 0 for an empty one."""
    return float(np.abs(np.linalg.eigvals(matrix)).max(initial=0.0))
