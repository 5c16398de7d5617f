"""What is timed against our step must be the same step."""

import pytest
import torch

from chaos_lightning.dynamics import ChaoticNetwork, Held, initial_potentials, run_chains
from chaos_lightning.learning import hebbian_difference
from tests.benchmarks.plain import plain_training_step


@pytest.mark.parametrize("layer_sizes", [[16], [16, 7], [16, 7, 5]])
def test_plain_training_step_makes_the_same_change(layer_sizes):
    num_images, alpha, num_steps, learning_rate = 6, 0.3, 9, 0.1
    images = torch.rand(num_images, 16, dtype=torch.float64) * 2 - 1
    plain, ours = (ChaoticNetwork(layer_sizes, seed=1).double() for _ in range(2))
    free_start = initial_potentials(layer_sizes, num_images, seed=[2], dtype=torch.float64)
    hidden_start = initial_potentials(layer_sizes[1:], num_images, seed=[1], dtype=torch.float64)
    plain_training_step(plain, images, [images, *hidden_start], list(free_start), alpha, num_steps, learning_rate)

    (clamped,) = run_chains(ours, alpha, num_images, [num_steps], seed=[1], held=Held(images))
    (free,) = run_chains(ours, alpha, num_images, [num_steps], seed=[2])
    couplings, biases = hebbian_difference(ours.pairs, clamped.rates, free.rates)
    for changed, difference in zip(plain.trainable(), couplings + biases, strict=True):
        assert difference.abs().max() > 1e-3
        torch.testing.assert_close(changed.data, learning_rate * difference, rtol=1e-10, atol=1e-12)
