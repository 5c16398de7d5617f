"""Rate functions as the theory uses them: on NumPy's arrays, checked for what it assumes."""

from collections.abc import Callable

import numpy as np
import torch

from chaos_lightning.dynamics import RateFunction, RateName
from chaos_lightning.dynamics.rates import rate_function
from chaos_lightning.theory.variance_gains import Array

ArrayFunction = Callable[[Array], Array]


def odd_rate(rate: RateName | RateFunction) -> tuple[ArrayFunction, ArrayFunction]:
    """Return phi and phi' as functions of the potential, on arrays in float64.

    Raises:
        ValueError: for an unknown name, something else than a rate function, or a function that is not odd: the
            mean potential of a layer would not be zero then.
    """
    phi = rate_function(rate)

    def of_potential(potential: Array) -> Array:
        return np.asarray(phi(torch.from_numpy(potential)).numpy())

    def derivative(potential: Array) -> Array:
        return np.asarray(phi.derivative(phi(torch.from_numpy(potential))).numpy())

    potentials = np.linspace(0, 6, 601)
    if not np.allclose(of_potential(-potentials), -of_potential(potentials), rtol=0, atol=1e-9):
        raise ValueError(f"mean-field theory is solved for odd rate functions, phi(-x) = -phi(x), but {rate!r} is not")
    return of_potential, derivative


def slope_at_rest(derivative: ArrayFunction) -> float:
    """Return phi'(0)."""
    return float(derivative(np.zeros(1))[0])
