"""Jacobians of the equation of motion as matrices."""

from collections.abc import Sequence

import torch
from torch import Tensor

from chaos_lightning.dynamics.network import ChaoticNetwork


def whole_coupling(network: ChaoticNetwork) -> Tensor:
    """Return the total couplings between all units of all layers side by side, ``(units, units)``, float64."""
    starts = [sum(network.layer_sizes[:layer]) for layer in range(network.num_layers)]
    num_units = sum(network.layer_sizes)
    coupling = torch.zeros(num_units, num_units, dtype=torch.float64, device=network.biases[0].device)
    for layer, (start, size) in enumerate(zip(starts, network.layer_sizes, strict=True)):
        for source, total in network.afferents(layer):
            end = starts[source] + network.layer_sizes[source]
            coupling[start : start + size, starts[source] : end] = total.detach()
    return coupling


@torch.no_grad()
def field_jacobians(network: ChaoticNetwork, potentials: Sequence[Tensor]) -> Tensor:
    """Return the Jacobians of the equation of motion, ``tau d(dx/dt)/dx = -1 + K phi'(x)``, all layers side by side.

    Those of the Euler map are ``1 + alpha`` times these, ``alpha = dt / tau``.

    Args:
        network: the network.
        potentials: x, one tensor ``(chains, units)`` a layer.

    Returns:
        ``(chains, units, units)``, float64, in units of 1/tau: row of the unit that moves, column of that nudged.

    Raises:
        ValueError: if the potentials are not those of the layers.
    """
    sizes = tuple(potential.shape[-1] for potential in potentials)
    if sizes != network.layer_sizes or any(potential.ndim != 2 for potential in potentials):
        raise ValueError(
            f"potentials must be one tensor (chains, units) for each layer of {list(network.layer_sizes)} units, but "
            f"have the shapes {[tuple(potential.shape) for potential in potentials]}"
        )
    slopes = network.rate.derivative(network.rate(torch.cat([potential.double() for potential in potentials], dim=1)))
    jacobians = whole_coupling(network) * slopes.unsqueeze(1)
    jacobians.diagonal(dim1=1, dim2=2).sub_(1)
    return jacobians
