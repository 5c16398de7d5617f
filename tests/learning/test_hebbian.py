import numpy as np
import pytest
import torch

from chaos_lightning.learning import centre, compensate, hebbian_difference


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


def random_rates(layer_sizes, num_chains, seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(num_chains, size, generator=generator, dtype=torch.float64) * 2 - 1 for size in layer_sizes]


@pytest.mark.parametrize(("layer_sizes", "pairs"), [([11, 7, 5], [(0, 1), (1, 2)]), ([11], [(0, 0)])])
def test_given_means_deviations_from_them_are_compared(layer_sizes, pairs):
    clamped, free = random_rates(layer_sizes, 13, seed=0), random_rates(layer_sizes, 17, seed=1)
    means = [rates[0] for rates in random_rates(layer_sizes, 1, seed=2)]
    couplings, biases = hebbian_difference(pairs, clamped, free)
    centre(pairs, couplings, biases, means)
    shifted = ([rates - mean for rates, mean in zip(phase, means, strict=True)] for phase in (clamped, free))
    expected_couplings, expected_biases = hebbian_difference(pairs, *shifted)
    for value, expected in zip(couplings + biases, expected_couplings + expected_biases, strict=True):
        torch.testing.assert_close(value, expected, rtol=0, atol=1e-14)


def test_with_the_means_of_both_phases_covariances_are_compared():
    """Then mean activity teaches the couplings nothing (the enhanced gradient of Cho, Raiko and Ilin, 2011)."""
    clamped, free = random_rates([11, 7], 13, seed=0), random_rates([11, 7], 17, seed=1)
    means = [(one.mean(0) + other.mean(0)) / 2 for one, other in zip(clamped, free, strict=True)]
    (coupling,), biases = hebbian_difference([(0, 1)], clamped, free)
    centre([(0, 1)], [coupling], biases, means)
    covariances = [np.cov(np.hstack(phase), rowvar=False, bias=True)[:11, 11:] for phase in (clamped, free)]
    np.testing.assert_allclose(coupling.numpy(), covariances[0] - covariances[1], rtol=0, atol=1e-14)


@pytest.mark.parametrize(("layer_sizes", "pairs"), [([11, 7, 5], [(0, 1), (1, 2)]), ([11], [(0, 0)])])
def test_compensated_changes_leave_the_input_at_mean_rates_as_it_is(layer_sizes, pairs):
    means, biases = ([rates[0] for rates in random_rates(layer_sizes, 1, seed)] for seed in (0, 1))
    changes = [torch.outer(*(random_rates([layer_sizes[side]], 1, 3)[0][0] for side in pair)) for pair in pairs]

    def inputs(couplings):
        fields = [bias.clone() for bias in biases]
        for (lower, upper), coupling in zip(pairs, couplings, strict=True):
            fields[lower] += coupling @ means[upper]
            if lower != upper:
                fields[upper] += coupling.T @ means[lower]
        return torch.cat(fields)

    couplings = [torch.zeros_like(change) for change in changes]
    before = inputs(couplings)
    assert abs(inputs(changes) - before).min() > 1e-3

    def change():
        for coupling, added in zip(couplings, changes, strict=True):
            coupling += added

    compensate(pairs, couplings, biases, means, change)
    torch.testing.assert_close(couplings, changes, rtol=0, atol=0)
    torch.testing.assert_close(inputs(couplings), before, rtol=0, atol=1e-14)
