"""Injected noise: against the theory of the Ornstein-Uhlenbeck process and a loop written from the equation."""

import pytest
import torch

from chaos_lightning.dynamics import ChaoticNetwork, Held, Noise, draw_by_chain, initial_potentials, run_chains

ALPHA, STRENGTH = 0.3, 0.7
SEED = (5, 1, 3)


def learned_network(layer_sizes, gain=1.5):
    network = ChaoticNetwork(layer_sizes, gain=gain, seed=1)
    generator = torch.Generator().manual_seed(2)
    for parameter in network.trainable():
        parameter.data.normal_(std=0.2, generator=generator)
    for connection in network.connections:
        if connection.is_recurrent:
            connection.learned.data = connection.learned.data + connection.learned.data.T
    return network


def plain_run(network, num_chains, num_steps, noisy):
    """``x_i <- (1 - alpha) x_i + alpha (sum_j K_ij phi(x_j) + b_i) + strength sqrt(2 alpha) xi_i``, in float64."""
    sizes = list(network.layer_sizes)
    x = [layer.double() for layer in initial_potentials(sizes, num_chains, seed=SEED)]
    for step in range(1, num_steps + 1):
        xi = draw_by_chain(sum(sizes), num_chains, seed=(*SEED, step)).double().split(sizes, dim=1)
        fields = [
            sum(torch.tanh(x[source]) @ coupling.double().T for source, coupling in network.afferents(layer))
            + network.biases[layer].double()
            for layer in range(network.num_layers)
        ]
        x = [
            (1 - ALPHA) * potential + ALPHA * field + STRENGTH * (2 * ALPHA) ** 0.5 * noise * (layer in noisy)
            for layer, (potential, field, noise) in enumerate(zip(x, fields, xi, strict=True))
        ]
    return x


@pytest.mark.parametrize(
    ("layer_sizes", "layers"), [([11], None), ([11, 7], None), ([11, 7, 5], None), ([11, 7], [1]), ([11, 7, 5], [0, 2])]
)
def test_a_run_is_that_of_a_plain_loop(layer_sizes, layers):
    network = learned_network(layer_sizes)
    noisy = range(len(layer_sizes)) if layers is None else layers
    early, late = run_chains(network, ALPHA, 23, [4, 9], seed=SEED, noise=STRENGTH, noise_layers=layers)
    with torch.no_grad():
        for state, num_steps in ((early, 4), (late, 9)):
            for potential, expected in zip(state.potentials, plain_run(network, 23, num_steps, noisy), strict=True):
                torch.testing.assert_close(potential.double(), expected, rtol=0, atol=1e-5)


def test_a_chain_is_the_same_whoever_runs_it_and_other_seeds_give_other_noise():
    network = ChaoticNetwork([11, 7], gain=0)
    whole = run_chains(network, ALPHA, 47, [9], seed=SEED, noise=STRENGTH)[0]
    part = run_chains(network, ALPHA, 12, [9], seed=SEED, first_chain=31, noise=STRENGTH)[0]
    torch.testing.assert_close(part.potentials[0], whole.potentials[0][31:43])
    other = run_chains(network, ALPHA, 47, [9], seed=(5, 1, 4), noise=STRENGTH)[0]
    assert (other.potentials[0] != whole.potentials[0]).all()


def test_without_couplings_potentials_have_the_stationary_variance_of_the_theory():
    network = ChaoticNetwork([31, 17], gain=0)
    state = run_chains(network, ALPHA, 2000, [60], seed=SEED, noise=STRENGTH)[0]
    for potential in state.potentials:
        expected = STRENGTH**2 / (1 - ALPHA / 2)
        # four standard errors of a variance over independent Gaussian numbers
        assert float(potential.var()) == pytest.approx(expected, rel=4 * (2 / potential.numel()) ** 0.5)
        assert abs(float(potential.mean())) < 4 * (expected / potential.numel()) ** 0.5


@pytest.mark.parametrize("num_steps", [1, 3, 50])
def test_a_layer_solved_in_closed_form_has_the_distribution_of_one_that_is_stepped(num_steps):
    """The hidden layer relaxes under held pixels: mean and variance of x(n), from the recursion for both."""
    network = learned_network([11, 40])
    image = torch.linspace(-1, 1, 11).expand(2000, 11)
    start = run_chains(network, ALPHA, 2000, [0], seed=SEED, held=Held(image))[0].potentials[1]
    state = run_chains(network, ALPHA, 2000, [num_steps], seed=SEED, held=Held(image), noise=STRENGTH)[0]
    quiet = run_chains(network, ALPHA, 2000, [num_steps], seed=SEED, held=Held(image))[0]
    variance = 0.0
    for _ in range(num_steps):
        variance = (1 - ALPHA) ** 2 * variance + 2 * ALPHA * STRENGTH**2
    added = state.potentials[1] - quiet.potentials[1]
    assert float(added.var()) == pytest.approx(variance, rel=4 * (2 / added.numel()) ** 0.5)
    assert abs(float(added.mean())) < 4 * (variance / added.numel()) ** 0.5
    assert abs(float(torch.corrcoef(torch.stack([added.flatten(), start.flatten()]))[0, 1])) < 4 / added.numel() ** 0.5
    assert torch.equal(state.rates[0], image)


def test_a_layer_solved_in_closed_form_gets_no_noise_that_is_for_others():
    network, image = learned_network([11, 7]), torch.linspace(-1, 1, 11).expand(5, 11)
    quiet, driven, noisy = (
        run_chains(network, ALPHA, 5, [9], seed=SEED, held=Held(image), noise=STRENGTH, noise_layers=layers)[0].rates[1]
        for layers in ([0], [1], None)
    )
    assert torch.equal(quiet, run_chains(network, ALPHA, 5, [9], seed=SEED, held=Held(image))[0].rates[1])
    assert torch.equal(driven, noisy)
    assert not torch.equal(quiet, noisy)


def test_a_run_without_noise_draws_nothing(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("drawn")

    monkeypatch.setattr(Noise, "draw_like", fail)
    run_chains(ChaoticNetwork([11, 7]), ALPHA, 3, [5], seed=SEED)
