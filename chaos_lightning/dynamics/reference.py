"""The dynamics written straight from the equations: slow and short, a reference for the fast integrator."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from chaos_lightning.dynamics.network import ChaoticNetwork


def total_couplings(network: ChaoticNetwork) -> dict[tuple[int, int], Tensor]:
    """Sum frozen and learned couplings; map ``(receiving layer, sending layer)`` to K_ij, tensors without gradient."""
    couplings = {}
    for each in network.connections:
        learned = torch.zeros_like(each.frozen_down) if each.learned is None else each.learned.detach()
        couplings[each.lower, each.upper] = each.frozen_down.detach() + learned
        if not each.is_recurrent:
            couplings[each.upper, each.lower] = each.frozen_up.detach() + learned.T
    return couplings


def euler_step(
    potentials: Sequence[Any],
    rates: Sequence[Any],
    couplings: Mapping[tuple[int, int], Any],
    biases: Sequence[Any],
    alpha: float,
) -> list[Any]:
    """Take one Euler step: ``x_i <- (1 - alpha) x_i + alpha (sum_j K_ij phi(x_j) + b_i)``.

    All arrays are NumPy arrays, or all are torch tensors.

    Args:
        potentials: x, one array ``(chains, units)`` per layer.
        rates: phi(x), or held rates, one array ``(chains, units)`` per layer.
        couplings: K, ``(units of receiver, units of sender)``, by ``(receiving layer, sending layer)``.
        biases: b, one array ``(units,)`` per layer.
        alpha: dt / tau.

    Returns:
        The new potentials.
    """
    fields = [bias + sum(rates[j] @ K.T for (k, j), K in couplings.items() if k == i) for i, bias in enumerate(biases)]
    return [(1 - alpha) * x + alpha * field for x, field in zip(potentials, fields, strict=True)]


def euler_run(
    potentials: Sequence[Any],
    couplings: Mapping[tuple[int, int], Any],
    biases: Sequence[Any],
    alpha: float,
    num_steps: int,
    phi: Callable[[Any], Any],
    hold: Callable[[Any], Any] = lambda rates: rates,
) -> tuple[list[Any], list[Any]]:
    """Run from given potentials for a number of time steps; return the last potentials and rates.

    Args:
        potentials: x at the start, as in :func:`euler_step`.
        couplings: K, as in :func:`euler_step`.
        biases: b, as in :func:`euler_step`.
        alpha: dt / tau.
        num_steps: number of time steps.
        phi: rate function.
        hold: function that takes visible rates and returns them with the held ones replaced.
    """
    x = list(potentials)
    for step in range(num_steps + 1):
        rates = [phi(x_i) for x_i in x]
        rates[0] = hold(rates[0])
        if step < num_steps:
            x = euler_step(x, rates, couplings, biases, alpha)
    return x, rates
