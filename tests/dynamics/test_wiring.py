"""Wirings: which couplings there are, how strong they are, and what is refused."""

import numpy as np
import pytest
import torch

from chaos_lightning.dynamics import ChaoticNetwork, Clock, Connection, EulerIntegrator, Held, initial_potentials
from chaos_lightning.dynamics.reference import euler_run, total_couplings

SIZES = [11, 7, 5]
WIRINGS = {
    "as published": None,
    "a small gain into the visible layer": [Connection(0, 1, gain_down=0.3), Connection(1, 2)],
    "chaos within a hidden layer": [
        Connection(0, 1, gain_down=0, gain_up=0),
        Connection(1, 1, gain_down=2.0, learned=False),
        Connection(1, 2, gain_down=0, gain_up=0),
    ],
    "frozen one way only": [Connection(0, 1), Connection(1, 2, gain_up=0, learned=False), Connection(2, 2)],
    "up only": [Connection(0, 1), Connection(1, 2, gain_down=0, learned=False)],
    "a chain of layers up": [Connection(0, 0), Connection(0, 1, 0, 1.5, False), Connection(1, 2, 0, 1.5, False)],
    "everything": [Connection(lower, upper) for lower in range(3) for upper in range(lower, 3)],
}


def trained_like(wiring):
    network = ChaoticNetwork(SIZES, gain=1.5, wiring=wiring, seed=1).double().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for parameter in network.trainable():
        parameter.normal_(std=0.3, generator=generator)
    for connection in network.connections:
        if connection.is_recurrent and connection.learned is not None:
            connection.learned.copy_((connection.learned + connection.learned.T) / 2).fill_diagonal_(0)
    return network


@pytest.mark.parametrize("held", [None, "some", "all"])
@pytest.mark.parametrize("name", WIRINGS)
def test_every_wiring_runs_as_the_reference(name, held):
    network = trained_like(WIRINGS[name])
    couplings = {key: coupling.numpy() for key, coupling in total_couplings(network).items()}
    start = initial_potentials(SIZES, 3, seed=[1], dtype=torch.float64)
    values = torch.rand(3, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * 2 - 1
    mask = torch.arange(11) % 3 == 0 if held == "some" else torch.ones(11, dtype=torch.bool)
    given = {None: None, "some": Held(values, mask), "all": Held(values)}[held]
    integrator = EulerIntegrator(network, 0.3, held=given)
    state = integrator.advance(integrator.start(start), 17)

    def hold(rates):
        return rates if held is None else np.where(mask, values, rates)

    x, rates = euler_run(
        [layer.numpy() for layer in start], couplings, [bias.numpy() for bias in network.biases], 0.3, 17, np.tanh, hold
    )
    for layer in range(held == "all", 3):
        np.testing.assert_allclose(state.potentials[layer].numpy(), x[layer], rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(state.rates[layer].numpy(), rates[layer], rtol=1e-11, atol=1e-12)


def test_entries_have_the_variance_of_their_own_gain_over_the_units_that_drive_a_layer():
    wiring = [Connection(0, 1, gain_down=0.5, gain_up=2.0), Connection(1, 1, gain_down=3.0, learned=False)]
    first, second = ChaoticNetwork([400, 600], wiring=wiring, seed=3).connections
    for matrix, gain, fan_in in (
        (first.frozen_down, 0.5, 600),
        (first.frozen_up, 2.0, 400 + 600),  # the visible units and those of the layer itself
        (second.frozen_down, 3.0, 400 + 600),
    ):
        # the relative error of a variance estimated from n numbers is sqrt(2 / n)
        assert matrix.var().item() == pytest.approx(gain**2 / fan_in, rel=5 * (2 / matrix.numel()) ** 0.5)


def test_one_gain_changes_the_other_couplings_by_their_scale_at_most():
    def network(gain_down):
        return ChaoticNetwork([40, 30, 20], wiring=[Connection(0, 1, gain_down=gain_down), Connection(1, 2)])

    for one, other in zip(network(0.0).connections, network(2.0).connections, strict=True):
        assert torch.equal(one.frozen_up, other.frozen_up)
    assert torch.equal(network(0.0).connections[1].frozen_down, network(2.0).connections[1].frozen_down)
    assert not network(0.0).connections[0].frozen_down.any()
    half, whole = (network(gain).connections[0].frozen_down for gain in (1.0, 2.0))
    torch.testing.assert_close(2 * half, whole)


def test_a_gain_of_zero_does_not_count_among_the_units_that_drive_a_layer():
    wiring = [Connection(0, 1, gain_down=0, gain_up=0), Connection(1, 1, gain_down=2.0, learned=False)]
    frozen = ChaoticNetwork([700, 500], wiring=wiring).connections[1].frozen_down.detach().numpy()
    assert np.abs(np.linalg.eigvals(frozen)).max() == pytest.approx(2.0, rel=0.1)  # Girko's circle of radius g


def test_one_gain_for_all_is_the_network_without_a_wiring():
    gains = {"gain_down": 1.7, "gain_up": 1.7}
    pairs = [{"lower": 0, "upper": 1, **gains}, {"lower": 1, "upper": 2, **gains}]
    explicit = ChaoticNetwork(SIZES, gain=1.7, wiring=[Connection(0, 1), Connection(1, 2)], seed=4)
    spelt = ChaoticNetwork(SIZES, gain=0.1, wiring=pairs, seed=4)
    for network in (explicit, spelt):
        for parameter, expected in zip(
            network.parameters(), ChaoticNetwork(SIZES, gain=1.7, seed=4).parameters(), strict=True
        ):
            assert torch.equal(parameter, expected)


def test_what_does_not_learn_has_no_learned_couplings():
    network = ChaoticNetwork([11, 7], wiring=[Connection(0, 1), Connection(1, 1, learned=False)])
    assert network.pairs == [(0, 1)]
    assert [tuple(parameter.shape) for parameter in network.trainable()] == [(11, 7), (11,), (7,)]
    assert network.connections[1].learned is None


@pytest.mark.parametrize(
    ("wiring", "message"),
    [
        ([Connection(0, 1), Connection(0, 1)], "connects layers 0 and 1 twice"),
        ([Connection(0, 1)], "nothing in the wiring runs into layer 2"),
        ([Connection(1, 0), Connection(1, 2)], "the lower one first, but the wiring has lower=1 and upper=0"),
        ([Connection(0, 3)], "a connection joins layers 0 to 2"),
        ([Connection(0, 1, gain_down=-1), Connection(1, 2)], "gain_down must be 0 or more, but is -1"),
        ([Connection(0, 1, gain_up=float("nan")), Connection(1, 2)], "gain_up must be 0 or more"),
        ([Connection(0, 1), Connection(1, 2), Connection(1, 1, gain_up=2)], "give its gain as gain_down alone"),
        ([Connection(0, 1), Connection(1, 2, 0, 0, learned=False)], "neither frozen nor learned couplings"),
        ([Connection(0, 1, learned=False), Connection(1, 2, learned=False)], "nothing in the wiring learns"),
        ([{"lower": 0, "uper": 1}], "a wiring is a list of connections .*unexpected keyword argument 'uper'"),
        (3, "a wiring is a list of connections"),
    ],
)
def test_wirings_that_make_no_network_are_refused_with_a_reason(wiring, message):
    with pytest.raises(ValueError, match=message):
        ChaoticNetwork(SIZES, wiring=wiring)


def test_times_of_a_clock_are_whole_steps_and_its_own_is_exact():
    clock = Clock(tau=10.0, dt=0.7, sampling_time=9.1)
    assert clock.alpha == pytest.approx(0.07)
    assert clock.num_steps == 13
    assert clock.time_after(13) == 9.1
    assert clock.times_at([0.0, 0.5, 2.0]) == pytest.approx([0.7, 4.2, 18.2])
