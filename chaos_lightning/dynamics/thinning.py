"""Dropout of learned couplings and of hidden units: a thinned network for one training step."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from chaos_lightning.dynamics.initial import origin_of

if TYPE_CHECKING:
    from chaos_lightning.dynamics.network import ChaoticNetwork


class Thinning(NamedTuple):
    """What drops a part of a network: factors that are 0 for what is dropped and 1 / (1 - rate) for what is left.

    With factors m of the couplings and n of the units, a layer i gets the field
    ``sum_j (K_ij + m_ij A_ij) n_j phi(x_j)``, K being the frozen couplings: a dropped coupling carries nothing, and a
    dropped unit sends nothing, through learned and frozen couplings alike. What is left is scaled up, so that the mean
    field over all draws is that of the whole network, which is the one that samples. (The frozen field is stronger
    where hidden units are dropped: its standard deviation is ``gain / sqrt(1 - rate)``.)

    Attributes:
        couplings: m, one matrix ``(lower units, upper units)`` a connection; None for 1 everywhere.
        units: n, one vector ``(units,)`` a layer; None for 1 everywhere.
    """

    couplings: tuple[Tensor, ...] | None = None
    units: tuple[Tensor, ...] | None = None

    def carried(self, matrices: Sequence[Tensor]) -> list[Tensor]:
        """Learned couplings, or changes of them, times m: one matrix ``(lower units, upper units)`` a connection."""
        if self.couplings is None:
            return list(matrices)
        return [matrix * factors for matrix, factors in zip(matrices, self.couplings, strict=True)]

    def sent(self, layer: int, values: Tensor) -> Tensor:
        """What belongs to the units of a layer, ``(anything, units)``, times n."""
        return values if self.units is None else values * self.units[layer]


WHOLE = Thinning()
"""Drops nothing."""


def draw_thinning(
    network: "ChaoticNetwork", *, coupling_rate: float, hidden_rate: float, seed: Sequence[int]
) -> Thinning:
    """Drop each learned coupling and each hidden unit with given probabilities.

    What is dropped is a function of the seed alone, so all processes drop the same. (Different kinds of device draw
    different numbers.) A coupling within a layer is dropped both ways or not at all.

    Args:
        network: the network.
        coupling_rate: probability that a learned coupling is dropped, below 1.
        hidden_rate: probability that a unit of a hidden layer is dropped, below 1.
        seed: non-negative integers that say what the draw is for, for example (seed, stream, training step).
    """
    if coupling_rate == hidden_rate == 0:
        return WHOLE
    bias = network.biases[0]
    generator = torch.Generator(bias.device).manual_seed(int(origin_of(seed)[0]))

    def factors(shape: Sequence[int], rate: float) -> Tensor:
        # float32 whatever the precision, so that precision does not change what is dropped
        drawn = torch.rand(list(shape), dtype=torch.float32, generator=generator, device=bias.device)
        return (drawn >= rate).to(bias.dtype) / (1 - rate)

    couplings = units = None
    if coupling_rate > 0:
        drawn = [factors(connection.learned.shape, coupling_rate) for connection in network.connections]
        couplings = tuple(
            matrix.triu() + matrix.triu(1).T if connection.is_recurrent else matrix
            for connection, matrix in zip(network.connections, drawn, strict=True)
        )
    if hidden_rate > 0:
        visible, *hidden = network.layer_sizes
        units = (bias.new_ones(visible), *(factors([size], hidden_rate) for size in hidden))
    return Thinning(couplings, units)
