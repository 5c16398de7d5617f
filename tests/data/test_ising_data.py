"""Ising configurations against exact sums and a simulation of another kind, and a network that learns them."""

import numpy as np
import pytest
import torch
from small_networks import quiet_trainer

from chaos_lightning import CentredHebbian, ImageFilesDataModule, IsingDataModule, TwoLayer
from chaos_lightning.data.ising import CRITICAL_TEMPERATURE
from chaos_lightning.functional import energy_per_spin, magnetisation


def metropolis(num_chains, side, temperature, num_sweeps, seed):
    """Independent chains from random starts, by single flips on the two sublattices in turn."""
    random = np.random.default_rng(seed)
    spins = random.integers(0, 2, (num_chains, side, side)) * 2 - 1
    even = np.indices((side, side)).sum(0) % 2 == 0
    for _ in range(num_sweeps):
        for sublattice in (even, ~even):
            field = sum(np.roll(spins, shift, axis) for shift in (1, -1) for axis in (1, 2))
            flips = random.random(spins.shape) < np.exp(-2 * spins * field / temperature)
            spins = np.where(flips & sublattice, -spins, spins)
    return torch.from_numpy(spins).float()


def standard_errors_apart(one, other, variance=0.0):
    """Difference of the means in units of its standard error; other may be an exact mean."""
    variance = one.var() / len(one) + (other.var() / len(other) if isinstance(other, torch.Tensor) else 0)
    other = other.mean() if isinstance(other, torch.Tensor) else other
    return float((one.mean() - other).abs() / variance.sqrt())


@pytest.mark.parametrize("temperature", [1.8, CRITICAL_TEMPERATURE, 4.0])
def test_a_small_lattice_has_the_exact_energy_and_magnetisation(temperature):
    """All 2^16 configurations of 4 x 4 spins, weighed by Boltzmann's factor."""
    states = torch.from_numpy(1.0 - 2 * ((np.arange(2**16)[:, np.newaxis] >> np.arange(16)) & 1)).view(-1, 4, 4)
    energies, moments = energy_per_spin(states), magnetisation(states)
    weights = torch.softmax(-16 * energies / temperature, dim=0)
    simulated = IsingDataModule(side=4, temperature=temperature, num_training=4_000, num_testing=1).read_image_sets()[0]
    assert standard_errors_apart(energy_per_spin(simulated.images), float(weights @ energies)) < 4
    assert standard_errors_apart(magnetisation(simulated.images).abs(), float(weights @ moments.abs())) < 4
    assert standard_errors_apart(magnetisation(simulated.images), 0.0) < 4


def test_clusters_and_single_flips_agree_near_the_critical_temperature():
    clusters = IsingDataModule(num_training=1_000, num_testing=1).read_image_sets()[0].images
    flips = metropolis(500, 8, CRITICAL_TEMPERATURE, 400, seed=1)
    for measure in (energy_per_spin, lambda spins: energy_per_spin(spins).square(), lambda s: magnetisation(s).abs()):
        assert standard_errors_apart(measure(clusters), measure(flips)) < 4


def test_configurations_follow_from_the_seed_and_parts_are_independent():
    settings = {"side": 5, "num_training": 30, "num_testing": 30, "num_validation": 10}
    data, again, other = (IsingDataModule(**settings, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(data.train.pixels, again.train.pixels)
    assert not torch.equal(data.test.pixels, other.test.pixels)
    parts = data.read_image_sets()
    assert not torch.equal(parts[0].pixels, parts[1].pixels)
    assert data.image_shape == (1, 5, 5)
    assert data.num_classes == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"side": 2}, "side must be at least 3"),
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"num_updates": 0}, "num_updates must be at least 1"),
        ({"num_testing": 0}, "num_testing must be at least 1"),
    ],
)
def test_what_cannot_be_simulated_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        IsingDataModule(**settings)


def test_a_network_learns_spins_given_as_vectors(tmp_path):
    """Its samples have the energy and the magnetisation of the simulation, which an untrained network lacks."""
    spins = metropolis(1_300, 8, 2.6, 60, seed=0).flatten(1)
    for name, part in (("train", spins[:1_100]), ("test", spins[1_100:])):
        np.savez(tmp_path / f"{name}.npz", vectors=part.numpy().astype(np.int8))
    data = ImageFilesDataModule(*(str(tmp_path / f"{name}.npz") for name in ("train", "test")), batch_size=50)
    assert data.image_shape == (64,)
    assert data.train.pixels.dtype == torch.float32

    def adam(parameters):
        return torch.optim.Adam(parameters, lr=2e-3, betas=(0.5, 0.9), eps=2e-3)

    rule = CentredHebbian(reclamp=True)
    network = TwoLayer([64], 100, rate="hardtanh", dt=5.0, rule=rule, optimizer=adam, measure_times=[])
    trainer = quiet_trainer(max_steps=350, limit_val_batches=1)
    trainer.fit(network, datamodule=data)
    assert network.evaluation.measures[100.0].keys() >= {"second_moment_error", "adversarial_accuracy_indicator"}
    samples = network.sample(500, seed=0)
    assert samples.shape == (500, 64)
    samples, spins = samples.view(-1, 1, 8, 8), spins.view(-1, 1, 8, 8)
    assert abs(energy_per_spin(samples).mean() - energy_per_spin(spins).mean()) < 0.1  # of -1.12; 0 without learning
    assert abs(magnetisation(samples).abs().mean() - magnetisation(spins).abs().mean()) < 0.1  # of 0.53; 0.1 without
    assert 0.7 < energy_per_spin(samples).std() / energy_per_spin(spins).std() < 1.3
    untrained = network.network.untrained()
    network.network.load_state_dict(untrained.state_dict())
    before = network.sample(500, seed=0).view(-1, 1, 8, 8)
    assert energy_per_spin(before).mean() > -0.1
