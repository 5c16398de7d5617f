"""A training step as one would write it down from the equations of arXiv:2405.10822, without a thought for speed."""

import torch
from torch import Tensor

from chaos_lightning.dynamics import ChaoticNetwork


def plain_run(
    network: ChaoticNetwork, potentials: list[Tensor], alpha: float, num_steps: int, image: Tensor | None = None
) -> list[Tensor]:
    """Rates of all layers after a number of Euler steps from given potentials, with the visible rates held or not.

    Args:
        network: the network; its rate function must be tanh.
        potentials: one tensor ``(chains, units)`` a layer.
        alpha: dt / tau.
        num_steps: number of time steps.
        image: visible rates to hold, ``(chains, visible units)``.
    """

    def rates_of(potentials: list[Tensor]) -> list[Tensor]:
        rates = [torch.tanh(potential) for potential in potentials]
        return rates if image is None else [image, *rates[1:]]

    x = list(potentials)
    for _ in range(num_steps):
        r = rates_of(x)
        fields = [network.biases[layer].expand_as(x[layer]) for layer in range(network.num_layers)]
        for connection in network.connections:
            i, j = connection.lower, connection.upper
            A, W = connection.learned, connection.frozen_down
            fields[i] = fields[i] + r[j] @ (W + A).T
            if i != j:
                fields[j] = fields[j] + r[i] @ (connection.frozen_up + A.T).T
        x = [(1 - alpha) * x_i + alpha * field for x_i, field in zip(x, fields, strict=True)]
    return rates_of(x)


@torch.no_grad()
def plain_training_step(
    network: ChaoticNetwork,
    images: Tensor,
    clamped_start: list[Tensor],
    free_start: list[Tensor],
    alpha: float,
    num_steps: int,
    learning_rate: float,
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
    """
    clamped = plain_run(network, clamped_start, alpha, num_steps, image=images)
    free = plain_run(network, free_start, alpha, num_steps)
    for connection in network.connections:
        i, j = connection.lower, connection.upper
        change = (clamped[i].T @ clamped[j] - free[i].T @ free[j]) / len(images)
        if i == j:
            change.fill_diagonal_(0)
        connection.learned += learning_rate * change
    for bias, r_clamped, r_free in zip(network.biases, clamped, free, strict=True):
        bias += learning_rate * (r_clamped.mean(0) - r_free.mean(0))
