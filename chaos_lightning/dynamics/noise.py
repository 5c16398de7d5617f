"""Injected noise: Langevin dynamics in place of the network's own chaos."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from chaos_lightning.dynamics.random_numbers import draw_by_chain


class Noise(NamedTuple):
    """White noise on the potentials, ``tau dx = (-x + field) dt + strength sqrt(2 tau) dW``.

    A potential that nothing else drives is then an Ornstein-Uhlenbeck process with variance ``strength^2``. By
    Euler-Maruyama (P. E. Kloeden, E. Platen, Numerical Solution of Stochastic Differential Equations, section 10.2)
    a time step is

    ``x <- (1 - alpha) x + alpha field + strength sqrt(2 alpha) xi``,  ``xi ~ N(0, 1)``,  ``alpha = dt / tau``,

    whose stationary variance is ``strength^2 / (1 - alpha / 2)``.

    What is drawn depends on the seed, the chain's index and the time step only, as initial potentials do.

    Attributes:
        strength: standard deviation of such a potential for dt -> 0, in the units of the potentials.
        seed: what the run is for, see :func:`initial_potentials`.
        first_chain: index of the first chain.
    """

    strength: float
    seed: Sequence[int]
    first_chain: int = 0

    def step_deviation(self, alpha: float) -> float:
        """Standard deviation of what one time step adds."""
        return self.strength * math.sqrt(2 * alpha)

    def deviation_after(self, num_steps: int, alpha: float) -> float:
        """Standard deviation, after a number of time steps, of a potential that relaxes under a constant field.

        It is Gaussian with ``2 alpha strength^2 sum_{k < num_steps} (1 - alpha)^(2 k)`` as its variance.
        """
        decay = (1 - alpha) ** 2
        return self.step_deviation(alpha) * math.sqrt((1 - decay**num_steps) / (1 - decay))

    def draw_like(self, potentials: Tensor, step: int, *, layer: int = 0) -> Tensor:
        """The xi of a time step, of the shape ``(chains, units)``, device and data type of potentials.

        Args:
            potentials: of all layers that are stepped side by side, or of the layer given.
            step: time step, from 1.
            layer: tells layers that are drawn by themselves from one another and from those that are stepped.
        """
        num_chains, num_units = potentials.shape
        seed = (*self.seed, step + (layer << 20))  # not 0: a seed with a 0 appended is the same seed
        device = potentials.device
        return draw_by_chain(num_units, num_chains, seed=seed, first_chain=self.first_chain, device=device).to(
            potentials
        )
