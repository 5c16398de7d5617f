import numpy as np
import pytest
import torch

from chaos_lightning.learning import hebbian_difference


@pytest.mark.parametrize("layer_sizes", [[11, 7], [11, 7, 5]])
def test_difference_of_the_phases_agrees_with_numpy(layer_sizes):
    generator = torch.Generator().manual_seed(0)
    clamped = [torch.rand(13, size, generator=generator).double() * 2 - 1 for size in layer_sizes]
    free = [torch.rand(17, size, generator=generator).double() * 2 - 1 for size in layer_sizes]
    pairs = [(i, i + 1) for i in range(len(layer_sizes) - 1)]
    couplings, biases = hebbian_difference(pairs, clamped, free)
    for (low, up), coupling in zip(pairs, couplings, strict=True):
        expected = np.zeros((layer_sizes[low], layer_sizes[up]))
        for phase, sign, count in ((clamped, 1, 13), (free, -1, 17)):
            for chain in range(count):
                expected += sign * np.outer(phase[low][chain].numpy(), phase[up][chain].numpy()) / count
        np.testing.assert_allclose(coupling.numpy(), expected, atol=1e-14)
    for layer, bias in enumerate(biases):
        expected = clamped[layer].numpy().mean(axis=0) - free[layer].numpy().mean(axis=0)
        np.testing.assert_allclose(bias.numpy(), expected, atol=1e-14)


def test_within_a_layer_it_is_exactly_symmetrical_without_self_coupling():
    generator = torch.Generator().manual_seed(0)
    clamped, free = torch.randn(13, 101, generator=generator), torch.randn(17, 101, generator=generator)
    (coupling,), _ = hebbian_difference([(0, 0)], [clamped], [free])
    assert torch.equal(coupling, coupling.T)
    assert not coupling.diagonal().any()
    expected = (clamped.T @ clamped / 13 - free.T @ free / 17).fill_diagonal_(0)
    torch.testing.assert_close(coupling, expected, atol=1e-6, rtol=1e-5)


def test_phases_that_agree_teach_nothing():
    rates = [torch.rand(13, 11), torch.rand(13, 7)]
    couplings, biases = hebbian_difference([(0, 1)], rates, rates)
    assert abs(couplings[0]).max() < 1e-6
    assert not biases[0].any()
