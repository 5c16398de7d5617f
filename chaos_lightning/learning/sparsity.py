"""L1 regularisation of the learned couplings."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import softshrink


@torch.no_grad()
def shrink(couplings: Sequence[Tensor], amount: float) -> None:
    """Move every coupling towards 0 by an amount, or to exactly 0 if it is no larger (soft threshold), in place.

    ``A <- sign(A) max(|A| - amount, 0)``. After a step of learning rate k, with ``amount = k l1``, this is the
    proximal step of the penalty ``l1 sum |A|`` (ISTA: I. Daubechies, M. Defrise, C. De Mol, Comm. Pure Appl. Math.
    57, 1413 (2004)). A subgradient in the update would never make a coupling exactly 0, and an optimiser that divides
    by the size of its gradient would rescale it.

    Args:
        couplings: the learned couplings, changed in place.
        amount: 0 or more.
    """
    for coupling in couplings:
        coupling.copy_(softshrink(coupling, amount))
