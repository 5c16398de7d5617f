"""The speed of chains."""

from collections.abc import Sequence

import torch
from torch import Tensor

from chaos_lightning.dynamics.integrator import EulerIntegrator
from chaos_lightning.dynamics.network import ChaoticNetwork


def chain_speeds(network: ChaoticNetwork, potentials: Sequence[Tensor]) -> Tensor:
    """Compute the speed of the fastest unit in each free chain.

    The speed is ``max_i tau |dx_i/dt| = max_i |-x_i + sum_j K_ij phi(x_j) + b_i|`` over the units of all layers, in
    units of potential per tau. So it depends on neither dt nor tau.

    Args:
        network: the network.
        potentials: one tensor ``(chains, units)`` per layer.

    Returns:
        Tensor ``(chains,)`` in the network's data type.
    """
    # With alpha = 1 an Euler step adds tau dx/dt, so the change in one step is the speed.
    integrator = EulerIntegrator(network, alpha=1.0, product_dtype=network.biases[0].dtype)
    moved = integrator.advance(integrator.start(potentials), 1).potentials
    fastest = [(after - before).abs().amax(dim=1) for before, after in zip(potentials, moved, strict=True)]
    return torch.stack(fastest).amax(dim=0)
