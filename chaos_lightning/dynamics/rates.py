"""Rate functions phi, from potential to rate."""

from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor

RateName = Literal["tanh", "hardtanh"]

_MINUS_ONE = torch.tensor(-1.0)


class RateFunction:
    """A rate function phi with values in [-1, 1], never decreasing.

    A function of your own needs :meth:`__call__` and :meth:`derivative`. If it has settings, make it a frozen
    dataclass, so that checkpoints can hold them.

    A time step writes the function as ``phi(x) = shape(slope x)``, so that it can scale and add in one pass.
    ``slope`` and :meth:`shape_` are there for speed alone.

    Attributes:
        slope: factor of the potential within the shape.
    """

    slope: float = 1.0

    def __call__(self, potential: Tensor) -> Tensor:
        """Return the rates of potentials, of the same shape, in new memory."""
        raise NotImplementedError(f"{type(self).__name__} needs a method __call__ that gives rates of potentials")

    def derivative(self, rate: Tensor) -> Tensor:
        """Return phi'(x) as a function of the rate phi(x), in new memory; measures of chaos need it."""
        raise NotImplementedError(f"{type(self).__name__} needs a method derivative that gives phi' at rates")

    def shape_(self, scaled: Tensor) -> Tensor:
        """Overwrite ``slope x`` with the rate and return it."""
        return scaled.copy_(self(scaled / self.slope))


@dataclass(frozen=True)
class Tanh(RateFunction):
    """The hyperbolic tangent, the paper's rate function."""

    slope = 2.0

    def __call__(self, potential: Tensor) -> Tensor:
        """Return the rates of potentials."""
        return self.shape_(potential * self.slope)

    def derivative(self, rate: Tensor) -> Tensor:
        """Return ``1 - phi^2``."""
        return 1 - rate.square()

    def shape_(self, scaled: Tensor) -> Tensor:
        """Overwrite ``2 x`` with the rate."""
        # tanh(x) = 2 sigma(2 x) - 1, because on a CPU torch's sigmoid is six times as fast as its tanh. The absolute
        # error is within two units of the last digit of 1. Relative errors of small rates do not count, because rates
        # are summed with rates of size 1.
        return torch.add(_MINUS_ONE, scaled.sigmoid_(), alpha=2, out=scaled)


@dataclass(frozen=True)
class HardTanh(RateFunction):
    """The potential cut at -1 and 1: it reaches the extreme rates exactly, so that flat areas can come out flat."""

    def __call__(self, potential: Tensor) -> Tensor:
        """Return the rates of potentials."""
        return self.shape_(potential * self.slope)

    def derivative(self, rate: Tensor) -> Tensor:
        """Return 1 where the rate lies between -1 and 1, and 0 where it is -1 or 1."""
        return (rate.abs() < 1).to(rate.dtype)

    def shape_(self, scaled: Tensor) -> Tensor:
        """Overwrite x with the rate."""
        return scaled.clamp_(-1.0, 1.0)


RATE_FUNCTIONS: dict[RateName, RateFunction] = {"tanh": Tanh(), "hardtanh": HardTanh()}
"""Rate functions by name; the kernels for GPUs know only these."""


def rate_function(rate: RateName | RateFunction) -> RateFunction:
    """Return the rate function of a name, or a given rate function itself.

    Raises:
        ValueError: if it is neither a known name nor a rate function.
    """
    if isinstance(rate, RateFunction):
        return rate
    if rate not in RATE_FUNCTIONS:
        raise ValueError(
            f"rate must be one of {', '.join(RATE_FUNCTIONS)} or a RateFunction of your own, but is {rate!r}"
        )
    return RATE_FUNCTIONS[cast(RateName, rate)]
