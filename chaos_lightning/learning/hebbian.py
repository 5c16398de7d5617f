"""Contrastive Hebbian learning (arXiv:2405.10822): what the data does minus what the network does by itself."""

from collections.abc import Sequence

import torch
from torch import Tensor


def hebbian_difference(
    pairs: Sequence[tuple[int, int]], clamped: Sequence[Tensor], free: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """The contrastive Hebbian difference of the couplings and of the biases.

    ``D_A = <phi(lower) phi(upper)>_clamped - <phi(lower) phi(upper)>_free`` and ``D_b = <phi>_clamped - <phi>_free``,
    with averages over the chains of each phase, which need not be equally many. The learning rule is
    ``dA = k D_A``, ``db = k D_b``.

    Args:
        pairs: the connected layers (lower, upper). For a layer coupled to itself the result is symmetrical with
            zero diagonal, as its coupling is.
        clamped: rates of each layer at the end of the clamped phase, ``(images, units)``.
        free: rates of each layer at the end of the free phase, ``(chains, units)``.

    Returns:
        One matrix ``(lower units, upper units)`` a pair, and one vector ``(units,)`` a layer.
    """
    couplings = []
    for lower, upper in pairs:
        difference = clamped[lower].T @ clamped[upper] / len(clamped[lower])
        difference.addmm_(free[lower].T, free[upper], alpha=-1 / len(free[lower]))
        if lower == upper:
            # The product is symmetrical up to rounding; an optimiser that divides by the size of its gradient
            # would turn that rounding into an asymmetric coupling.
            difference = (difference + difference.T) / 2
            difference.fill_diagonal_(0)
        couplings.append(difference)
    biases = [
        torch.mean(clamped_rate, dim=0) - torch.mean(free_rate, dim=0)
        for clamped_rate, free_rate in zip(clamped, free, strict=True)
    ]
    return couplings, biases
