"""Dropout of learned couplings and of hidden units, the same for all chains and phases of a training step."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from chaos_lightning.dynamics.random_numbers import origin_of


class Dropout(NamedTuple):
    """Factors of a thinned network: 0 for each dropped part and 1 / (1 - rate) for each part that is kept.

    With factors m for couplings and n for units, layer i gets the field ``sum_j (K_ij + m_ij A_ij) n_j phi(x_j)``,
    where K are the frozen couplings. A dropped coupling carries nothing. A dropped unit sends nothing, through learned
    or frozen couplings. Parts that are kept are scaled up, so that the field averaged over all draws is the field of
    the whole network, which is used for sampling. (Where hidden units are dropped, the frozen field is stronger: its
    standard deviation is ``gain / sqrt(1 - rate)``.)

    Attributes:
        couplings: m, one matrix ``(lower units, upper units)`` per connection that learns; None for 1 everywhere.
        units: n, one vector ``(units,)`` per layer; None for 1 everywhere.
    """

    couplings: tuple[Tensor, ...] | None = None
    units: tuple[Tensor, ...] | None = None

    def carried(self, matrices: Sequence[Tensor]) -> list[Tensor]:
        """Multiply learned couplings, or changes of them, by m: one matrix ``(lower units, upper units)`` each."""
        if self.couplings is None:
            return list(matrices)
        return [matrix * factors for matrix, factors in zip(matrices, self.couplings, strict=True)]

    def sent(self, layer: int, values: Tensor) -> Tensor:
        """Multiply values of the units of a layer, ``(anything, units)``, by n."""
        return values if self.units is None else values * self.units[layer]


NO_DROPOUT = Dropout()
"""A dropout that drops nothing."""


def draw_dropout(
    layer_sizes: Sequence[int],
    pairs: Sequence[tuple[int, int]],
    *,
    coupling_rate: float,
    hidden_rate: float,
    seed: Sequence[int],
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Dropout:
    """Drop each learned coupling and each hidden unit with given probabilities.

    The draw is a function of the seed alone, so all processes drop the same parts. (Different kinds of device draw
    different numbers.) A coupling within a layer is dropped both ways or not at all.

    Args:
        layer_sizes: units of each layer, visible first.
        pairs: the layers (lower, upper) of each connection that learns.
        coupling_rate: probability that a learned coupling is dropped, below 1.
        hidden_rate: probability that a unit of a hidden layer is dropped, below 1.
        seed: non-negative integers that name the use of the draw, for example (seed, stream, training step).
        device: device on which to draw.
        dtype: data type of the factors. Numbers are always drawn in float32, so it does not change which parts are
            dropped.
    """
    if coupling_rate == hidden_rate == 0:
        return NO_DROPOUT
    generator = torch.Generator(device).manual_seed(int(origin_of(seed)[0]))

    def factors(shape: Sequence[int], rate: float) -> Tensor:
        drawn = torch.rand(list(shape), dtype=torch.float32, generator=generator, device=device)
        return (drawn >= rate).to(dtype) / (1 - rate)

    couplings = units = None
    if coupling_rate > 0:
        drawn = [factors((layer_sizes[lower], layer_sizes[upper]), coupling_rate) for lower, upper in pairs]
        couplings = tuple(
            matrix.triu() + matrix.triu(1).T if lower == upper else matrix
            for (lower, upper), matrix in zip(pairs, drawn, strict=True)
        )
    if hidden_rate > 0:
        visible, *hidden = layer_sizes
        units = (torch.ones(visible, dtype=dtype, device=device), *(factors([size], hidden_rate) for size in hidden))
    return Dropout(couplings, units)
