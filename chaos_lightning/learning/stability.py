"""The learning rate above which the published rule overshoots."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from chaos_lightning.dynamics import ChaoticNetwork, Clock, Start, Stream, start_of
from chaos_lightning.learning.hebbian import hebbian_difference
from chaos_lightning.learning.phases import Phases

PERTURBATION = 0.05
"""Norm of the change of all weights together whose effect is measured: far below the norm of learned couplings."""


class LargestRate(NamedTuple):
    """The largest stable learning rate of the published rule, and the change of weights that becomes unstable first.

    Attributes:
        rate: largest stable k of plain SGD, in the unit 1.
        mode: change of couplings and biases, in the order of ``network.trainable()``, of norm 1.
    """

    rate: float
    mode: list[Tensor]


@torch.no_grad()
def largest_stable_rate(
    network: ChaoticNetwork,
    clock: Clock,
    images: Tensor,
    *,
    num_chains: int = 500,
    num_iterations: int = 8,
    seed: int = 0,
) -> LargestRate:
    """Estimate the learning rate above which steps of the published rule overshoot and oscillate.

    A step takes the weights w to ``w + k D(w)``, D the Hebbian difference. Near a point where D vanishes a small change
    c becomes ``(1 - k R) c`` with the response ``R = -dD/dw``. So the largest eigenvalue r of R sets the largest stable
    rate, ``k = 2 / r``. It is found by power iteration, R c by central differences over the same random starts.

    Where most pixels are dark, the most responsive change rotates the mean activity towards a pattern of the data, and
    r grows at least in proportion to the number of units.

    Args:
        network: the network, at any stage of training.
        clock: its times.
        images: rates that the clamped phase holds, ``(images, visible units)``.
        num_chains: number of chains of the free phase.
        num_iterations: number of power iterations, each of two clamped and two free phases.
        seed: seed of the random starts and of the first direction.

    Raises:
        ValueError: for no iterations, or if D opposes no change of the weights, so that any rate is stable.
    """
    if num_iterations < 1:
        raise ValueError(f"num_iterations must be at least 1, but is {num_iterations}")
    weights = network.trainable()
    starts: dict[int, Start] = {
        Stream.CLAMPED_PHASE: start_of(len(images), seed=(seed, 1)),
        Stream.FREE_PHASE: start_of(num_chains, seed=(seed, 2)),
    }
    here = [weight.clone() for weight in weights]

    def difference_at(change: Sequence[Tensor], size: float) -> list[Tensor]:
        for weight, origin, direction in zip(weights, here, change, strict=True):
            torch.add(origin, direction, alpha=size, out=weight)
        clamped, free = Phases(network, clock, images, starts).clamped_and_free()
        couplings, biases = hebbian_difference(network.pairs, clamped.rates, free.rates)
        return [*couplings, *biases]

    generator = torch.Generator().manual_seed(seed)
    answer = [torch.randn(weight.shape, generator=generator).to(weight) for weight in weights]
    try:
        for _ in range(num_iterations):
            norm = torch.stack([part.square().sum() for part in answer]).sum().sqrt()
            mode = [part / norm.clamp_min(torch.finfo(norm.dtype).tiny) for part in answer]
            ahead, behind = (difference_at(mode, sign * PERTURBATION) for sign in (1, -1))
            answer = [(after - before) / (2 * PERTURBATION) for before, after in zip(ahead, behind, strict=True)]
    finally:
        for weight, origin in zip(weights, here, strict=True):
            weight.copy_(origin)
    response = float(torch.stack([(part * other).sum() for part, other in zip(mode, answer, strict=True)]).sum())
    if response <= 0:
        raise ValueError("the Hebbian difference opposes no change of the weights, so that any rate is stable")
    return LargestRate(2 / response, mode)
