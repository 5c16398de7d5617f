"""Gains of variance and the transition against the couplings of drawn networks and their eigenvalues."""

import numpy as np
import pytest
import torch

from chaos_lightning.dynamics import ChaoticNetwork, RateFunction
from chaos_lightning.dynamics.reference import total_couplings
from chaos_lightning.theory import critical_gain, effective_gain, variance_gains

UNLIKE = [
    {"lower": 0, "upper": 1, "gain_down": 0.5, "gain_up": 3.0},
    {"lower": 1, "upper": 1, "gain_down": 1.2},
    {"lower": 1, "upper": 2, "gain_down": 0.7},
    {"lower": 0, "upper": 2, "gain_down": 0.0, "gain_up": 0.4},
]


def whole_coupling(network):
    sizes = network.layer_sizes
    couplings = total_couplings(network)
    rows = [
        [couplings.get((i, j), torch.zeros(sizes[i], sizes[j])) for j in range(len(sizes))] for i in range(len(sizes))
    ]
    return torch.cat([torch.cat(row, dim=1) for row in rows]).double().numpy()


@pytest.mark.parametrize("wiring", [None, UNLIKE])
def test_gains_of_variance_are_the_squared_couplings_of_a_unit(wiring):
    """Summed over the sending layer, averaged over the receiving one; measured here to 0.8 % or better."""
    sizes = [523, 401, 307]
    network = ChaoticNetwork(sizes, gain=1.7, wiring=wiring, seed=1)
    expected = np.zeros((3, 3))
    for (i, j), coupling in total_couplings(network).items():
        expected[i, j] = coupling.double().square().sum() / sizes[i]
    np.testing.assert_allclose(variance_gains(sizes, gain=1.7, wiring=wiring), expected, rtol=0.02)


@pytest.mark.parametrize(("sizes", "wiring"), [([701], None), ([400, 300], UNLIKE[:1]), ([300, 250, 200], UNLIKE)])
def test_effective_gain_is_the_spectral_radius_of_the_couplings(sizes, wiring):
    """Of a finite matrix it is a little larger: measured here 1.5, 2.3 and 3.0 % for 700 to 750 units."""
    network = ChaoticNetwork(sizes, gain=1.7, wiring=wiring, seed=1)
    radius = np.abs(np.linalg.eigvals(whole_coupling(network))).max()
    assert effective_gain(sizes, gain=1.7, wiring=wiring) == pytest.approx(radius, rel=0.04)


@pytest.mark.parametrize(("down", "up"), [(0.5, 2.0), (0.1, 10.0), (3.0, 1 / 3)])
def test_two_layers_are_critical_where_the_product_of_their_gains_is_one(down, up):
    wiring = [{"lower": 0, "upper": 1, "gain_down": down, "gain_up": up}]
    assert effective_gain([13, 7], wiring=wiring) == pytest.approx(1)
    wiring = [{"lower": 0, "upper": 1, "gain_down": down}]
    assert critical_gain([13, 7], wiring=wiring) == pytest.approx(1 / down)


def test_critical_gain_of_neighbours_is_one_and_of_fixed_gains_none():
    assert critical_gain([13, 11, 7, 5]) == pytest.approx(1)
    wiring = [{"lower": 0, "upper": 0, "gain_down": 1.1}, {"lower": 0, "upper": 1}]
    assert critical_gain([13, 11], wiring=wiring) > 0
    wiring = [{"lower": 0, "upper": 1, "gain_up": 0.0}]
    assert critical_gain([13, 11], wiring=wiring) == float("inf")
    wiring = [{"lower": 0, "upper": 1, "gain_down": 2.0, "gain_up": 2.0}]
    assert critical_gain([13, 11], wiring=wiring) == 0


class Shifted(RateFunction):
    def __call__(self, potential):
        return torch.tanh(potential + 0.1)

    def derivative(self, rate):
        return 1 - rate.square()


class Steep(RateFunction):
    def __call__(self, potential):
        return torch.tanh(3 * potential)

    def derivative(self, rate):
        return 3 * (1 - rate.square())


def test_the_slope_of_the_rate_function_counts():
    assert effective_gain([13, 7], gain=0.5, rate=Steep()) == pytest.approx(1.5)
    assert critical_gain([13, 7], rate=Steep()) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layer_sizes": []}, "at least one unit"),
        ({"layer_sizes": [5, 0]}, "at least one unit"),
        ({"gain": -1.0}, "gain must be 0 or more"),
        ({"gain": float("nan")}, "gain must be 0 or more"),
        ({"rate": "relu"}, "rate must be one of"),
        ({"rate": Shifted()}, "odd"),
        ({"wiring": [{"lower": 0, "upper": 2}]}, "layers 0 to 1"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        effective_gain(**{"layer_sizes": [5, 3], **settings})
