"""Rate functions phi, from potential to rate."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

RateName = Literal["tanh", "hardtanh"]


def _hardtanh(potential: Tensor, *, out: Tensor | None = None) -> Tensor:
    return torch.clamp(potential, -1.0, 1.0, out=out)


RATE_FUNCTIONS: dict[RateName, Callable[..., Tensor]] = {"tanh": torch.tanh, "hardtanh": _hardtanh}
"""Name to function. Each takes a tensor of potentials and an optional ``out=``, and returns rates in [-1, 1].

``tanh`` is the paper's. ``hardtanh`` is the potential cut at -1 and 1: it reaches the extreme rates exactly,
so that flat areas of an image can come out flat.
"""


def _tanh_derivative(rate: Tensor) -> Tensor:
    return 1 - rate.square()


def _hardtanh_derivative(rate: Tensor) -> Tensor:
    return (rate.abs() < 1).to(rate.dtype)  # at the corners themselves the flat side counts


RATE_DERIVATIVES: dict[Callable[..., Tensor], Callable[[Tensor], Tensor]] = {
    torch.tanh: _tanh_derivative,
    _hardtanh: _hardtanh_derivative,
}
"""Rate function to its derivative phi'(x), written as a function of the rate phi(x), which is at hand anyway."""
