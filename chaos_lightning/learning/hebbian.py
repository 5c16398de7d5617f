"""Contrastive Hebbian learning (arXiv:2405.10822): what the data does minus what the network does by itself."""

from collections.abc import Sequence

import torch
from torch import Tensor


def hebbian_difference(
    pairs: Sequence[tuple[int, int]],
    clamped: Sequence[Tensor],
    free: Sequence[Tensor],
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
    biases = [
        torch.mean(clamped_rate, dim=0) - torch.mean(free_rate, dim=0)
        for clamped_rate, free_rate in zip(clamped, free, strict=True)
    ]
    couplings = []
    for lower, upper in pairs:
        difference = clamped[lower].T @ clamped[upper]
        difference.addmm_(free[lower].T, free[upper], beta=1 / len(clamped[lower]), alpha=-1 / len(free[lower]))
        if lower == upper:
            # The product is symmetrical up to rounding; an optimiser that divides by the size of its gradient
            # would turn that rounding into an asymmetric coupling.
            difference = (difference + difference.T) / 2
            difference.fill_diagonal_(0)
        couplings.append(difference)
    return couplings, biases


@torch.no_grad()
def centre(
    pairs: Sequence[tuple[int, int]], couplings: Sequence[Tensor], biases: Sequence[Tensor], means: Sequence[Tensor]
) -> None:
    """Make of the Hebbian difference that of the deviations from mean rates m.

    ``D_A = <(phi - m)(phi - m)>_clamped - <(phi - m)(phi - m)>_free``, which is ``D_A - m D_b - D_b m`` of the plain
    ones, for m m drops out. With m in the middle between the phases it is the difference of their covariances (the
    covariance rule of T. J. Sejnowski, J. Math. Biol. 4, 303 (1977)), see :func:`compensate`.

    It is linear: of gradients, minus the differences, it makes gradients.

    Args:
        pairs: the connected layers (lower, upper).
        couplings: D_A, one matrix ``(lower units, upper units)`` a pair, changed in place.
        biases: D_b, one vector ``(units,)`` a layer.
        means: m, one vector ``(units,)`` a layer.
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
    changes: Sequence[Tensor],
    biases: Sequence[Tensor],
    means: Sequence[Tensor],
) -> None:
    """Take the mean input that changes of the couplings bring out of the biases: ``b_i <- b_i - sum_j dA_ij m_j``.

    So couplings act on deviations from the mean rates m, as they learn from them, and mean inputs are left to the
    biases: ``sum_j A_ij (phi_j - m_j) + b'_i`` with ``b'_i = b_i + sum_j A_ij m_j``. Without it each coupling also
    learns mean activity, which is most of the difference where most pixels are dark, and what images have beyond it
    is learnt slowly. It is the centring of Boltzmann machines, with the m of both phases their enhanced gradient:
    K. Cho, T. Raiko, A. Ilin, Neural Comput. 25, 805 (2013); J. Melchior, A. Fischer, L. Wiskott, JMLR 17 (99), 1
    (2016).

    Args:
        pairs: the connected layers (lower, upper).
        changes: dA, one matrix ``(lower units, upper units)`` a pair.
        biases: one vector ``(units,)`` a layer, changed in place.
        means: m, one vector ``(units,)`` a layer.
    """
    for (lower, upper), change in zip(pairs, changes, strict=True):
        biases[lower].sub_(change @ means[upper])
        if lower != upper:
            biases[upper].sub_(means[lower] @ change)
