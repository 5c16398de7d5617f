"""Overlaps between chains: how alike the states of different chains are."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Overlaps(NamedTuple):
    """Overlaps of chains with one another, layer by layer, float64.

    Attributes:
        matrices: q, ``(layers, chains, chains)``, symmetric; the diagonal is each chain's overlap with itself.
        mean: over all pairs of different chains, ``(layers,)``.
        standard_error: of that mean, ``(layers,)``, by the jackknife over chains, for pairs that share a chain are not
            independent. NaN for two chains.
        spread: standard deviation over those pairs, ``(layers,)``.
    """

    matrices: Tensor
    mean: Tensor
    standard_error: Tensor
    spread: Tensor


@torch.no_grad()
def chain_overlaps(layers: Sequence[Tensor], *, centred: bool = False, normalised: bool = False) -> Overlaps:
    r"""Compute the overlaps between all pairs of chains.

    .. math::
        q_{ab} = \frac{1}{N} \sum_{i=1}^{N} r_i^a r_i^b

    for each layer of N units. In an untrained chaotic network chains from independent starts have a mean overlap of
    zero, with a spread of order 1/sqrt(N); chains that come to rest at few fixed points have few values of q.

    Args:
        layers: r, rates or potentials of a state, one tensor ``(chains, units)`` a layer.
        centred: whether the mean over the chains is subtracted from each unit.
        normalised: whether q is divided by :math:`\sqrt{q_{aa} q_{bb}}`; NaN where a chain is zero throughout.

    Raises:
        ValueError: if there is no layer, fewer than two chains, or the shapes do not fit.

    Source:
        G. Parisi, Phys. Rev. Lett. 50, 1946 (1983), where spin glasses are told apart by it.

    Example:
        >>> overlaps = chain_overlaps([torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])])
        >>> overlaps.matrices[0].tolist()
        [[1.0, 0.0, -1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]
    """
    if not layers or any(layer.ndim != 2 or len(layer) != len(layers[0]) for layer in layers) or len(layers[0]) < 2:
        raise ValueError(
            "overlaps need one tensor (chains, units) a layer with two chains or more, but the shapes are "
            f"{[tuple(layer.shape) for layer in layers]}"
        )
    matrices = torch.stack([_overlap_matrix(layer.double(), centred, normalised) for layer in layers])
    num_chains = matrices.shape[1]
    pairs = ~torch.eye(num_chains, dtype=torch.bool, device=matrices.device)
    different = matrices[:, pairs]
    mean = different.mean(dim=1)
    spread = (different - mean.unsqueeze(1)).square().mean(dim=1).sqrt()
    sums = (matrices * pairs).sum(dim=2)  # of each chain with the others
    total = sums.sum(dim=1, keepdim=True)
    without = (total - 2 * sums) / ((num_chains - 1) * (num_chains - 2) or torch.nan)
    error = ((without - mean.unsqueeze(1)).square().sum(dim=1) * (num_chains - 1) / num_chains).sqrt()
    return Overlaps(matrices, mean, error, spread)


def _overlap_matrix(layer: Tensor, centred: bool, normalised: bool) -> Tensor:
    if centred:
        layer = layer - layer.mean(dim=0)
    if normalised:
        layer = layer / layer.square().mean(dim=1, keepdim=True).sqrt()
    return layer @ layer.T / layer.shape[1]
