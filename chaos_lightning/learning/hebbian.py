"""Contrastive Hebbian learning (arXiv:2405.10822): averages over the data minus averages over free chains."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from chaos_lightning.dynamics import ChaoticNetwork, State, Stream
from chaos_lightning.learning.phases import Phases
from chaos_lightning.learning.rule import Difference, LearningRule, Memory, RateUnit, rate_in_units
from chaos_lightning.learning.sparsity import shrink


def hebbian_difference(
    pairs: Sequence[tuple[int, int]],
    clamped: Sequence[Tensor],
    free: Sequence[Tensor],
) -> tuple[list[Tensor], list[Tensor]]:
    """Compute the contrastive Hebbian difference of the couplings and of the biases.

    ``D_A = <phi(lower) phi(upper)>_clamped - <phi(lower) phi(upper)>_free`` and ``D_b = <phi>_clamped - <phi>_free``.
    Averages run over the chains of each phase; the phases may have different numbers of chains. The learning rule is
    ``dA = k D_A``, ``db = k D_b``.

    Args:
        pairs: layers (lower, upper) of each connection that learns. For a layer coupled to itself the result is
            symmetrical with zero diagonal, like the coupling.
        clamped: rates of each layer at the end of the clamped phase, ``(images, units)``.
        free: rates of each layer at the end of the free phase, ``(chains, units)``.

    Returns:
        One matrix ``(lower units, upper units)`` per pair, and one vector ``(units,)`` per layer.
    """
    biases = [
        torch.mean(clamped_rate, dim=0) - torch.mean(free_rate, dim=0)
        for clamped_rate, free_rate in zip(clamped, free, strict=True)
    ]
    couplings = []
    for lower, upper in pairs:
        difference = clamped[lower].T @ clamped[upper]
        difference.addmm_(free[lower].T, free[upper], beta=1 / len(clamped[lower]), alpha=-1 / len(free[lower]))
        if lower == upper:
            # The product is symmetrical up to rounding only, and an optimiser that divides by the size of its gradient
            # would turn the rounding into an asymmetric coupling.
            difference = (difference + difference.T) / 2
            difference.fill_diagonal_(0)
        couplings.append(difference)
    return couplings, biases


@dataclass(frozen=True)
class ContrastiveHebbian(LearningRule):
    """The published rule: ``dA = k (<phi phi>_clamped - <phi phi>_free)``, ``db = k (<phi>_clamped - <phi>_free)``.

    Args:
        bias_rate: learning rate of the biases as a multiple of the couplings' rate.
        reclamp: whether a second clamped phase holds the visible rates at the end of the free phase, as the first holds
            images, before hidden rates are read. In the published rule the hidden rates of the free phase are read at
            time T. There they follow the visible rates with a lag of tau; in the clamped phase there is no lag. So
            learning can end, with phi phi equal in both phases, while fast changes still vary more in samples than in
            images. With a second clamped phase both averages find hidden rates from visible rates in the same way. With
            two layers and without noise, hidden rates are then the same function f of visible rates, and learning ends
            where the means of ``phi(v)``, ``f(phi(v))`` and their products agree between samples and images. Boltzmann
            machines also learn from the expected hidden units given the visible ones (P. Smolensky, Information
            processing in dynamical systems, 1986; G. E. Hinton, Neural Comput. 14, 1771 (2002)).
        l1: strength of the L1 penalty of the learned couplings: each step is followed by
            ``A <- sign(A) max(|A| - k l1, 0)``, k being the learning rate, see :func:`shrink`. (The optimiser's
            weight_decay is an L2 penalty. Neither penalty acts on the biases.)
        rate_unit: unit of the optimiser's learning rate: 1, 1/sqrt(N) or 1/N, N being the units of the visible layer.
            The paper's summary gives k = 0.01 and leaves its unit open; in the unit 1 it makes networks collapse.

    Raises:
        ValueError: for a setting outside its range.

    Source:
        S. J. Fournier, P. Urbani, arXiv:2405.10822; ``reclamp`` and ``l1`` are ours.
    """

    bias_rate: float = 1.0
    reclamp: bool = False
    l1: float = 0.0
    rate_unit: RateUnit = "1"

    def __post_init__(self) -> None:
        if not 0 < self.bias_rate < float("inf"):
            raise ValueError(
                f"bias_rate is a multiple of the learning rate and must be positive, but is {self.bias_rate}; leave it "
                "out for a good one"
            )
        if not 0 <= self.l1 < float("inf"):
            raise ValueError(f"l1 must be 0 or more, but is {self.l1}; 0 switches it off")
        rate_in_units(self.rate_unit, 1)  # refuses an unknown unit

    @property
    def streams(self) -> tuple[int, ...]:
        """Streams of the clamped and the free phase, and with ``reclamp`` of the second clamped phase."""
        return (*super().streams, *([Stream.RECLAMPED_PHASE] if self.reclamp else []))

    def check(self, network: ChaoticNetwork) -> None:
        """Refuse ``reclamp`` for a network without hidden layers.

        Raises:
            ValueError: if the network has none, with advice.
        """
        if self.reclamp and network.num_layers == 1:
            raise ValueError("reclamp lets hidden layers relax, and this network has none: leave it out")

    def run(self, phases: Phases) -> tuple[State, State]:
        """Run the clamped and the free phase; with ``reclamp``, a second clamped phase replaces the free state."""
        clamped, free = phases.clamped_and_free()
        if self.reclamp:
            free = phases.clamped(free.rates[0], Stream.RECLAMPED_PHASE)
        return clamped, free

    def compare(self, phases: Phases, clamped: State, free: State) -> Difference:
        """Compute the Hebbian difference."""
        sent = phases.sent(clamped.rates), phases.sent(free.rates)
        return Difference(*hebbian_difference(phases.network.pairs, *sent))

    def update(
        self, network: ChaoticNetwork, memory: Memory, learning_rate: float, descend: Callable[[], None]
    ) -> None:
        """Take the optimiser's step, then shrink the couplings."""
        descend()
        if self.l1 > 0:
            shrink(network.learned, learning_rate * self.l1)
