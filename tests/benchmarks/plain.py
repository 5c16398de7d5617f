"""A training step as one would write it down from the equations of arXiv:2405.10822, without a thought for speed."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from chaos_lightning.dynamics import ChaoticNetwork
from chaos_lightning.dynamics.reference import euler_run, total_couplings


@torch.no_grad()
def plain_training_step(
    network: ChaoticNetwork,
    images: Tensor,
    clamped_start: list[Tensor],
    free_start: list[Tensor],
    alpha: float,
    num_steps: int,
    learning_rate: float,
    phi: Callable[[Tensor], Tensor] = torch.tanh,
    reclamp: bool = False,
) -> None:
    """One step of contrastive Hebbian learning with as many chains as images; changes the network.

    Args:
        network: the network.
        images: pixels in [-1, 1], ``(images, visible units)``.
        clamped_start: potentials at the start of the clamped phase, one tensor ``(images, units)`` a layer.
        free_start: the same for the free phase.
        alpha: dt / tau.
        num_steps: time steps of either phase.
        learning_rate: k.
        phi: rate function.
        reclamp: whether the samples are held too, before hidden rates are read.
    """
    couplings, biases = total_couplings(network), list(network.biases)
    run = partial(euler_run, couplings=couplings, biases=biases, alpha=alpha, num_steps=num_steps, phi=phi)
    _, clamped = run(clamped_start, hold=lambda _: images)
    _, free = run(free_start)
    if reclamp:
        _, free = run(clamped_start, hold=lambda _, samples=free[0]: samples)
    for connection in network.connections:
        i, j = connection.lower, connection.upper
        change = (clamped[i].T @ clamped[j] - free[i].T @ free[j]) / len(images)
        if i == j:
            change.fill_diagonal_(0)
        connection.learned += learning_rate * change
    for bias, r_clamped, r_free in zip(network.biases, clamped, free, strict=True):
        bias += learning_rate * (r_clamped.mean(0) - r_free.mean(0))
