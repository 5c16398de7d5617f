"""Injected noise: Langevin dynamics in place of the network's own chaos."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from chaos_lightning.dynamics.random_numbers import draw_by_chain


class Noise(NamedTuple):
    """White noise on the potentials, ``tau dx = (-x + field) dt + strength sqrt(2 tau) dW``.

    A potential driven by noise alone is an Ornstein-Uhlenbeck process with variance ``strength^2``. By Euler-Maruyama
    (P. E. Kloeden, E. Platen, Numerical Solution of Stochastic Differential Equations, section 10.2) a time step is

    ``x <- (1 - alpha) x + alpha field + strength sqrt(2 alpha) xi``,  ``xi ~ N(0, 1)``,  ``alpha = dt / tau``,

    and the stationary variance is ``strength^2 / (1 - alpha / 2)``.

    The random numbers of a chain depend only on the seed, the chain's index and the time step.

    Attributes:
        strength: standard deviation, for dt -> 0, of a potential driven by noise alone, in the units of potentials.
        seed: seed of the run, see :func:`initial_potentials`.
        first_chain: index of the first chain.
        layers: layers that get noise; None gives it to all.
    """

    strength: float
    seed: Sequence[int]
    first_chain: int = 0
    layers: tuple[int, ...] | None = None

    def reaches(self, layer: int) -> bool:
        """Return whether a layer gets noise."""
        return self.layers is None or layer in self.layers

    def step_deviation(self, alpha: float) -> float:
        """Return the standard deviation of the noise that one time step adds."""
        return self.strength * math.sqrt(2 * alpha)

    def deviation_after(self, num_steps: int, alpha: float) -> float:
        """Return the standard deviation, after a number of time steps, of a potential under a constant field.

        The potential is Gaussian with variance ``2 alpha strength^2 sum_{k < num_steps} (1 - alpha)^(2 k)``.
        """
        decay = (1 - alpha) ** 2
        return self.step_deviation(alpha) * math.sqrt((1 - decay**num_steps) / (1 - decay))

    def draw_like(self, potentials: Tensor, step: int, *, layer: int = 0) -> Tensor:
        """Draw xi of a time step, with the shape ``(chains, units)``, device and data type of given potentials.

        Args:
            potentials: potentials of all layers that are stepped together, side by side, or of a single layer.
            step: time step, from 1.
            layer: 0 for layers stepped together; the layer's index if it is relaxed in closed form.
        """
        num_chains, num_units = potentials.shape
        seed = (*self.seed, step + (layer << 20))  # not 0: a seed with a 0 appended is the same seed
        device = potentials.device
        return draw_by_chain(num_units, num_chains, seed=seed, first_chain=self.first_chain, device=device).to(
            potentials
        )
