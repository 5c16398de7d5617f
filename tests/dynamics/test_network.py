import numpy as np
import pytest
import torch

from chaos_lightning.dynamics import ChaoticNetwork


def test_frozen_couplings_have_the_variance_of_the_gain_and_are_independent():
    network = ChaoticNetwork([400, 900], gain=1.7)
    connection = network.connections[0]
    down, up = connection.frozen_down.detach().numpy(), connection.frozen_up.detach().numpy()
    # the relative error of a variance estimated from n numbers is sqrt(2 / n)
    assert down.var() == pytest.approx(1.7**2 / 900, rel=5 * (2 / down.size) ** 0.5)
    assert up.var() == pytest.approx(1.7**2 / 400, rel=5 * (2 / up.size) ** 0.5)
    assert abs(np.corrcoef(down.ravel(), up.T.ravel())[0, 1]) < 5 / down.size**0.5


def frozen_couplings(network):
    """All frozen couplings as one square matrix over the units of all layers."""
    ends = np.cumsum(network.layer_sizes)
    layers = [slice(end - size, end) for end, size in zip(ends, network.layer_sizes, strict=True)]
    matrix = np.zeros((ends[-1], ends[-1]))
    for connection in network.connections:
        matrix[layers[connection.lower], layers[connection.upper]] = connection.frozen_down.detach().numpy()
        if connection.lower != connection.upper:
            matrix[layers[connection.upper], layers[connection.lower]] = connection.frozen_up.detach().numpy()
    return matrix, layers


@pytest.mark.parametrize("layer_sizes", [[700], [500, 300], [500, 300, 100], [200, 200, 200, 200]])
def test_gain_is_the_spectral_radius_and_the_size_of_the_input_at_full_rates_at_every_depth(layer_sizes):
    matrix, layers = frozen_couplings(ChaoticNetwork(layer_sizes, gain=1.3))
    # every layer has the same input, so the matrix of variances has row sums g^2, and g^2 is its largest eigenvalue
    assert np.abs(np.linalg.eigvals(matrix)).max() == pytest.approx(1.3, rel=0.1)
    rates = np.random.default_rng(0).choice([-1.0, 1.0], size=(sum(layer_sizes), 300))
    for layer in layers:
        assert (matrix[layer] @ rates).std() == pytest.approx(1.3, rel=0.05)


def test_untrained_couplings_and_biases_are_zero_and_frozen_ones_do_not_learn():
    network = ChaoticNetwork([11, 7, 5])
    assert all((parameter == 0).all() for parameter in network.trainable())
    assert [tuple(parameter.shape) for parameter in network.trainable()] == [(11, 7), (7, 5), (11,), (7,), (5,)]
    frozen = [parameter for name, parameter in network.named_parameters() if "frozen" in name]
    assert len(frozen) == 4
    assert not any(parameter.requires_grad for parameter in frozen)


@pytest.mark.parametrize(("layer_sizes", "layer"), [([300], 0), ([40, 60], 0), ([40, 60], 1), ([40, 60, 50], 1)])
def test_cancelled_share_is_the_slope_of_minus_learned_over_frozen_couplings_into_a_layer(layer_sizes, layer):
    network = ChaoticNetwork(layer_sizes, gain=1.7, seed=3).double().requires_grad_(False)
    assert network.cancelled_share(layer) == 0
    for learned in network.learned:
        learned.data = torch.randn(learned.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    frozen, total = (
        np.concatenate([coupling.numpy().ravel() for _, coupling in each.afferents(layer)])
        for each in (network.untrained(), network)
    )
    slope = np.linalg.lstsq(frozen[:, None], frozen - total, rcond=None)[0][0]
    assert float(network.cancelled_share(layer)) == pytest.approx(slope, rel=1e-9)
    with torch.autocast("cpu", torch.bfloat16):  # as in training with mixed precision
        assert float(network.float().cancelled_share(layer)) == pytest.approx(slope, abs=1e-5)


def test_all_that_can_be_cancelled_is_a_share_of_one_between_layers_and_of_half_within_one():
    for layer_sizes, expected in (([30, 20], 1.0), ([400], 0.5)):
        network = ChaoticNetwork(layer_sizes, gain=1.7)
        down = network.connections[0].frozen_down
        network.connections[0].learned.data = -(down + down.T) / 2 if len(layer_sizes) == 1 else -down
        # a correlation of n (n - 1) / 2 pairs of independent numbers has an error of sqrt(2) / n
        assert float(network.cancelled_share()) == pytest.approx(expected, abs=1e-6 if expected == 1 else 0.02)
    assert ChaoticNetwork([30, 20], gain=0).cancelled_share() == 0


def test_couplings_are_set_by_the_seed_alone():
    torch.manual_seed(1)
    first = ChaoticNetwork([11, 7], seed=3).state_dict()
    torch.manual_seed(2)
    second, other = ChaoticNetwork([11, 7], seed=3).state_dict(), ChaoticNetwork([11, 7], seed=4).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["couplings.0.frozen_down"], other["couplings.0.frozen_down"])


def test_without_gain_there_are_no_frozen_couplings():
    assert not ChaoticNetwork([5], gain=0).connections[0].frozen_down.any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layer_sizes": [11, 0]}, "at least one unit"),
        ({"layer_sizes": []}, "at least one unit"),
        ({"layer_sizes": [11], "gain": -0.1}, "gain"),
        ({"layer_sizes": [11], "gain": float("nan")}, "gain"),
        ({"layer_sizes": [11], "rate": "relu"}, "rate must be one of tanh, hardtanh"),
    ],
)
def test_settings_that_make_no_network_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ChaoticNetwork(**settings)
