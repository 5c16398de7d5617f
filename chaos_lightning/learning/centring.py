"""Centred learning: couplings learn covariances of rates, biases learn mean rates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from chaos_lightning.dynamics import ChaoticNetwork, State
from chaos_lightning.learning.hebbian import ContrastiveHebbian
from chaos_lightning.learning.phases import Phases
from chaos_lightning.learning.rule import Difference, Memory


@torch.no_grad()
def centre(
    pairs: Sequence[tuple[int, int]], couplings: Sequence[Tensor], biases: Sequence[Tensor], means: Sequence[Tensor]
) -> None:
    """Convert the Hebbian difference from products of phi to products of phi - m, in place.

    The result is ``<(phi - m)(phi - m)>_clamped - <(phi - m)(phi - m)>_free = D_A - m D_b - D_b m``: the product m m
    is the same in both phases and drops out. If m lies in the middle between the mean rates of both phases, this is the
    difference of their covariances (the covariance rule of T. J. Sejnowski, J. Math. Biol. 4, 303 (1977)). See also
    :func:`compensate`.

    Args:
        pairs: layers (lower, upper) of each connection that learns.
        couplings: D_A, one matrix ``(lower units, upper units)`` per pair, changed in place.
        biases: D_b, one vector ``(units,)`` per layer.
        means: m, one vector ``(units,)`` per layer.
    """
    for (lower, upper), difference in zip(pairs, couplings, strict=True):
        if lower == upper:
            product = torch.outer(means[lower], biases[lower])
            difference.sub_(product + product.T).fill_diagonal_(0)  # symmetrical to the last digit
        else:
            difference.addr_(means[lower], biases[upper], alpha=-1).addr_(biases[lower], means[upper], alpha=-1)


@torch.no_grad()
def compensate(
    pairs: Sequence[tuple[int, int]],
    couplings: Sequence[Tensor],
    biases: Sequence[Tensor],
    means: Sequence[Tensor],
    change: Callable[[], None],
) -> None:
    """Change the couplings, and take from the biases the mean input that this adds: ``b_i <- b_i - sum_j dA_ij m_j``.

    So couplings act on deviations from the mean rates m, from which they also learn, and biases set the mean inputs:
    the input is ``sum_j A_ij (phi_j - m_j) + b'_i`` with ``b'_i = b_i + sum_j A_ij m_j``. Without this each coupling
    also learns mean activity. Where most pixels are dark, mean activity is most of the difference, and everything
    beyond the mean is learnt slowly. This is the centring of Boltzmann machines; with m averaged over both phases it is
    their enhanced gradient: K. Cho, T. Raiko, A. Ilin, Neural Comput. 25, 805 (2013); J. Melchior, A. Fischer,
    L. Wiskott, JMLR 17 (99), 1 (2016).

    Args:
        pairs: layers (lower, upper) of each connection that learns.
        couplings: A, one matrix ``(lower units, upper units)`` per pair.
        biases: one vector ``(units,)`` per layer, changed in place.
        means: m, one vector ``(units,)`` per layer.
        change: function that changes the couplings in place.
    """

    def mean_inputs() -> list[Tensor]:
        inputs = [torch.zeros_like(bias) for bias in biases]
        for (lower, upper), coupling in zip(pairs, couplings, strict=True):
            inputs[lower].addmv_(coupling, means[upper])
            if lower != upper:
                inputs[upper].addmv_(coupling.T, means[lower])
        return inputs

    before = mean_inputs()
    change()
    for bias, old, new in zip(biases, before, mean_inputs(), strict=True):
        bias.add_(old).sub_(new)


@dataclass(frozen=True)
class CentredHebbian(ContrastiveHebbian):
    """Contrastive Hebbian learning of deviations from mean rates m: ``dA = k (<(phi - m)(phi - m)>_clamped - ...)``.

    Couplings learn covariances and biases learn mean activity, see :func:`centre` and :func:`compensate`. m is a
    running mean, over training steps, of the rates in both phases; the first steps all have the same weight.

    Args:
        bias_rate: learning rate of the biases as a multiple of the couplings' rate. It is large because only biases
            learn mean activity here: 200 does as well as 50, but 10 does worse.
        reclamp: whether a second clamped phase holds the visible rates at the end of the free phase before hidden rates
            are read, see :class:`ContrastiveHebbian`.
        l1: strength of the L1 penalty of the learned couplings, see :class:`ContrastiveHebbian`.
        rate_unit: unit of the optimiser's learning rate: 1, 1/sqrt(N) or 1/N, N being the units of the visible layer.
        centering: weight of a step in the running mean rates, above 0, at most 1.

    Raises:
        ValueError: for a setting outside its range.

    Source:
        K. Cho, T. Raiko, A. Ilin, Neural Comput. 25, 805 (2013), for Boltzmann machines.
    """

    bias_rate: float = 50.0
    centering: float = 0.02

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.centering <= 1:
            raise ValueError(
                "centering is the weight of a step in the running mean rates, above 0 and at most 1, but is "
                f"{self.centering}; 0.02 is a good start, and ContrastiveHebbian does without"
            )

    def init(self, network: ChaoticNetwork) -> dict[str, Tensor]:
        """Return the mean rates before training: 0, for all layers side by side, ``(units,)``."""
        return {"mean_rates": torch.zeros(sum(network.layer_sizes))}

    def compare(self, phases: Phases, clamped: State, free: State) -> Difference:
        """Compute the Hebbian difference, and note the mean rates over both phases."""
        pairs = zip(clamped.rates, free.rates, strict=True)
        means = torch.cat([(torch.mean(one, dim=0) + torch.mean(other, dim=0)) / 2 for one, other in pairs])
        return super().compare(phases, clamped, free)._replace(noted={"mean_rates": means})

    def follow(self, memory: Memory, noted: Memory, step: int) -> Memory:
        """Return the running mean rates, updated by the mean rates of a step."""
        weight = max(self.centering, 1 / (step + 1))
        return {"mean_rates": torch.lerp(memory["mean_rates"], noted["mean_rates"], weight)}

    def direction(self, phases: Phases, difference: Difference, memory: Memory) -> Difference:
        """Convert the difference from products of phi to products of phi - m."""
        means = phases.sent(self._means(phases.network, memory))
        centre(phases.network.pairs, difference.couplings, difference.biases, means)
        return difference

    def update(
        self, network: ChaoticNetwork, memory: Memory, learning_rate: float, descend: Callable[[], None]
    ) -> None:
        """Take the optimiser's step, shrink the couplings, and compensate the biases for the change of mean inputs."""
        change = partial(super().update, network, memory, learning_rate, descend)
        compensate(network.pairs, network.learned, list(network.biases), self._means(network, memory), change)

    def _means(self, network: ChaoticNetwork, memory: Memory) -> list[Tensor]:
        return list(memory["mean_rates"].split(list(network.layer_sizes)))
