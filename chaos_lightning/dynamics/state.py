"""The activity of chains, and rates that are held."""

from typing import NamedTuple

import torch
from torch import Tensor


class State(NamedTuple):
    """The activity of a batch of chains: per layer, potentials x and rates phi(x), ``(chains, units)`` each."""

    potentials: tuple[Tensor, ...]
    rates: tuple[Tensor, ...]


class Held(NamedTuple):
    """Visible rates that are held at given values through the whole run.

    Attributes:
        values: rates ``(chains, visible units)``.
        mask: True where a rate is held, ``(visible units,)`` or ``(chains, visible units)``; None holds them all.
    """

    values: Tensor
    mask: Tensor | None = None

    def onto(self, rates: Tensor, *, out: Tensor | None = None) -> Tensor:
        """Return visible rates ``(chains, visible units)`` with the held ones replaced."""
        return self.values if self.mask is None else torch.where(self.mask, self.values, rates, out=out)
