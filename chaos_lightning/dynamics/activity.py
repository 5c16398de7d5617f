"""How fast chains move."""

from collections.abc import Sequence

import torch
from torch import Tensor

from chaos_lightning.dynamics.integrator import EulerIntegrator
from chaos_lightning.dynamics.network import ChaoticNetwork


def chain_speeds(network: ChaoticNetwork, potentials: Sequence[Tensor]) -> Tensor:
    """Speed of the fastest unit of each free chain, ``max_i tau |dx_i/dt| = max_i |-x_i + sum_j K_ij phi(x_j) + b_i|``.

    It is measured on all layers, in units of potential per tau, so it depends on neither dt nor tau.

    Args:
        network: the network.
        potentials: one tensor ``(chains, units)`` a layer.

    Returns:
        Tensor ``(chains,)`` in the network's data type.
    """
    # An Euler step of length tau lands on the field itself: x + tau dx/dt.
    integrator = EulerIntegrator(network, alpha=1.0, product_dtype=network.biases[0].dtype)
    moved = integrator.advance(integrator.start(potentials), 1).potentials
    fastest = [(after - before).abs().amax(dim=1) for before, after in zip(potentials, moved, strict=True)]
    return torch.stack(fastest).amax(dim=0)
