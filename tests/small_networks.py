"""Small networks and their learning rule in NumPy, for tests of several parts."""

import numpy as np
import torch
from lightning.pytorch import Trainer

from chaos_lightning import OneLayer, ThreeLayer, TwoLayer
from chaos_lightning.data import Minibatch
from chaos_lightning.dynamics import Stream, initial_potentials
from chaos_lightning.dynamics.reference import euler_run

SIDE = 5
SMALL = {"visible_units": SIDE * SIDE, "tau": 10.0, "dt": 3.0, "sampling_time": 21.0}
ARCHITECTURES = [
    (OneLayer, {}),
    (TwoLayer, {"hidden_units": 7}),
    (ThreeLayer, {"hidden_units": 7, "top_units": 3}),
]


class Loader:
    """The same minibatch again and again."""

    def __init__(self, images, length=100):
        self.batch = Minibatch(images, torch.zeros(len(images), dtype=torch.int64), 0)
        self.length = length

    def __len__(self):
        return self.length

    def __iter__(self):
        return iter([self.batch] * self.length)


def quiet_trainer(**settings):
    defaults = {
        "accelerator": "cpu",
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "limit_val_batches": 0,
    }
    return Trainer(**{**defaults, **settings})


def images(count=13, seed=0):
    return torch.rand(count, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def step_in_numpy(weights, layers, data, step, k, alpha, num_steps, num_chains=None, held=None):
    """One contrastive Hebbian step from the equations. weights: per pair (A, W, Wt); biases; both in place.

    held: visible rates of the free phase, NaN where they are free.
    """
    couplings, biases = weights
    num_chains = num_chains or len(data)
    total = {}
    for i, (A, W, Wt) in enumerate(couplings):
        j = i if len(layers) == 1 else i + 1
        total[j, i] = Wt + A.T
        total[i, j] = W + A

    def hold(rates):
        return rates if held is None else np.where(np.isnan(held), rates, held)

    def run(start, hold):
        return euler_run(start, total, biases, alpha, num_steps, np.tanh, hold)[1]

    free_start, hidden_start = (
        [x.numpy().astype(np.float64) for x in initial_potentials(sizes, count, seed=[0, phase, step])]
        for phase, sizes, count in (
            (Stream.FREE_PHASE, layers, num_chains),
            (Stream.CLAMPED_PHASE, layers[1:], len(data)),
        )
    )
    clamped, free = run([data, *hidden_start], lambda rates: data), run(free_start, hold)
    for i, (A, _, _) in enumerate(couplings):
        j = i if len(layers) == 1 else i + 1
        dA = clamped[i].T @ clamped[j] / len(data) - free[i].T @ free[j] / num_chains
        if i == j:
            np.fill_diagonal(dA, 0)
        A += k * dA
    for b, r_clamped, r_free in zip(biases, clamped, free, strict=True):
        b += k * (r_clamped.mean(axis=0) - r_free.mean(axis=0))


def network_in_numpy(network):
    """Per connection A, W and Wt (J for both within a layer), and the biases, in copies for :func:`step_in_numpy`."""
    couplings = []
    for connection in network.connections:
        frozen_up = getattr(connection, "frozen_up", connection.frozen_down)
        matrices = (connection.learned, connection.frozen_down, frozen_up)
        couplings.append(tuple(matrix.detach().double().numpy().copy() for matrix in matrices))
    return couplings, [bias.detach().double().numpy().copy() for bias in network.biases]
