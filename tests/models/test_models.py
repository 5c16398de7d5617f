"""The LightningModules: learning rule, sampling, settings."""

import itertools

import numpy as np
import pytest
import torch
from small_networks import ARCHITECTURES, SIDE, SMALL, Loader, images, network_in_numpy, quiet_trainer, step_in_numpy

from chaos_lightning import (
    ChaoticGenerator,
    FashionMNISTDataModule,
    MNISTDataModule,
    OneLayer,
    ThreeLayer,
    TwoLayer,
)
from chaos_lightning.dynamics import Connection, initial_potentials
from chaos_lightning.models.speed import bfloat16_slowdown, threads_slowdown


@pytest.mark.parametrize("num_chains", [None, 29])
@pytest.mark.parametrize(("architecture", "sizes"), ARCHITECTURES)
def test_training_is_the_learning_rule_written_in_numpy(architecture, sizes, num_chains):
    model = architecture(**SMALL, **sizes, num_chains=num_chains, optimizer=lambda p: torch.optim.SGD(p, lr=0.07))
    couplings, biases = network_in_numpy(model.network)
    data = images().double()
    trainer = quiet_trainer(max_steps=4, precision="64-true")
    trainer.fit(model, Loader(data))
    for step in range(4):
        layers, rows = model.network.layer_sizes, data.flatten(1).numpy()
        step_in_numpy((couplings, biases), layers, rows, step, 0.07, 0.3, 7, num_chains)
    for connection, (learned, _, _) in zip(model.network.connections, couplings, strict=True):
        assert abs(learned).max() > 0.01
        np.testing.assert_allclose(connection.learned.detach().numpy(), learned, rtol=1e-9, atol=1e-11)
    for bias, expected in zip(model.network.biases, biases, strict=True):
        np.testing.assert_allclose(bias.detach().numpy(), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("architecture", "sizes"), ARCHITECTURES)
def test_ten_steps_are_ten_updates(architecture, sizes):
    model = architecture(**SMALL, **sizes)
    updates = []

    def counting_sgd(parameters):
        optimizer = torch.optim.SGD(parameters, lr=0.01)
        optimizer.register_step_post_hook(lambda *_: updates.append(model.network.biases[0].detach().clone()))
        return optimizer

    model._make_optimizer = counting_sgd
    trainer = quiet_trainer(max_steps=10)
    trainer.fit(model, Loader(images()))
    assert trainer.global_step == 10
    assert len(updates) == 10
    assert not any(torch.equal(before, after) for before, after in itertools.pairwise(updates))


def test_the_schedule_steps_with_the_optimiser():
    model = TwoLayer(
        **SMALL,
        hidden_units=7,
        optimizer=lambda p: torch.optim.SGD(p, lr=1.0),
        lr_scheduler=lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=8),
    )
    trainer = quiet_trainer(max_steps=4)
    trainer.fit(model, Loader(images()))
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.5)


def test_frozen_couplings_do_not_change_and_learned_ones_stay_symmetrical():
    model = OneLayer(**SMALL, optimizer=lambda p: torch.optim.Adam(p, lr=0.01))
    frozen = model.network.connections[0].frozen_down.detach().clone()
    quiet_trainer(max_steps=20).fit(model, Loader(images()))
    learned = model.network.connections[0].learned.detach()
    assert torch.equal(model.network.connections[0].frozen_down, frozen)
    assert learned.any()
    assert torch.equal(learned, learned.T)
    assert not learned.diagonal().any()


def test_samples_are_images_and_follow_from_the_seed():
    model = TwoLayer(**SMALL, hidden_units=7)
    samples = model.sample(31, seed=5)
    assert samples.shape == (31, 1, SIDE, SIDE)
    assert samples.abs().max() <= 1
    assert torch.equal(samples, model.sample(31, seed=5))
    assert not torch.equal(samples, model.sample(31, seed=6))
    torch.testing.assert_close(model.sample(31, seed=5, chains_at_once=7), samples, rtol=0, atol=1e-5)
    torch.testing.assert_close(model.sample(11, seed=5), samples[:11], rtol=0, atol=1e-5)


def test_without_a_seed_the_global_one_decides():
    model = TwoLayer(**SMALL, hidden_units=7)
    torch.manual_seed(3)
    first, second = model.sample(2), model.sample(2)
    torch.manual_seed(3)
    assert torch.equal(model.sample(2), first)
    assert not torch.equal(first, second)


def test_sampling_times_are_of_one_run():
    model = TwoLayer(**SMALL, hidden_units=7)
    at = model.sample(5, times=[42.0, 0.0, 21.0], seed=1)
    assert list(at) == [42.0, 0.0, 21.0]
    assert torch.equal(at[21.0], model.sample(5, seed=1))
    start = initial_potentials([25, 7], 5, seed=[1, 3])[0]
    torch.testing.assert_close(at[0.0].flatten(1), torch.tanh(start), rtol=0, atol=3e-7)


def test_states_are_those_that_samples_are_read_out_of():
    model = ThreeLayer(**SMALL, hidden_units=7, top_units=3, num_classes=4, seed=3)
    model.requires_grad_(False)
    model.network.connections[0].learned.normal_(generator=torch.Generator().manual_seed(0))
    states = model.states(6, [21.0, 0.0, 30.0], seed=2, labels=[1, 3])
    assert list(states) == [0.0, 21.0, 30.0]
    images = model.sample(6, [21.0, 30.0], seed=2, labels=[1, 3], chains_at_once=4)
    for time in (21.0, 30.0):
        torch.testing.assert_close(states[time].rates[0][:, : SIDE * SIDE], images[time].flatten(1))
    potentials, rates = states[30.0]
    assert [tuple(layer.shape) for layer in rates] == [(6, SIDE * SIDE + 20), (6, 7), (6, 3)]
    for layer in (1, 2):
        torch.testing.assert_close(rates[layer], potentials[layer].tanh())
    for refused in ({"num_chains": 0}, {"times": [1.0]}, {"labels": 4}):
        with pytest.raises(ValueError, match=r"at least 1|whole number|classes"):
            model.states(**{"num_chains": 2, "times": [21.0], "seed": 0, **refused})


def test_networks_are_measured_at_multiples_of_the_sampling_time():
    assert TwoLayer(hidden_units=3, dt=5.0).measure_times == [50.0, 100.0, 150.0, 200.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"visible_units": 24}, "visible_units must be the number of pixels of a square image, .* But it is 24"),
        ({"visible_units": 0}, "square image"),
        ({"visible_units": -4}, "square image"),
        ({"visible_units": [5, 7]}, r"or a shape: \[channels, height, width\] of other images"),
        ({"visible_units": [1, 5, 0]}, r"\[units\] of vectors that are no images"),
        ({"hidden_units": 0}, "at least one unit"),
        ({"sampling_time": 2.0}, "at least one time step"),
        ({"sampling_time": 22.0}, "whole number of time steps"),
        ({"sampling_time": float("nan")}, "at least one time step"),
        ({"sampling_time": float("inf")}, "finite"),
        ({"tau": float("inf")}, "finite"),
        ({"measure_times": [float("nan")]}, "finite"),
        ({"tau": 3.0}, "shorter than tau"),
        ({"dt": 0.0}, "dt must be positive"),
        ({"dt": float("nan")}, "dt must be positive"),
        ({"gain": -1.0}, "gain"),
        ({"num_chains": 0}, "num_chains must be at least 1"),
        ({"measure_times": [4.0]}, "measure_times must be a whole number"),
        ({"rate": "relu"}, "rate must be one of"),
        ({"seed": -1}, "seed must be 0 or more"),
    ],
)
def test_bad_settings_are_refused_with_a_reason(settings, message):
    with pytest.raises(ValueError, match=message):
        TwoLayer(**{**SMALL, "hidden_units": 7, **settings})


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"num_samples": 0}, "num_samples"),
        ({"times": [1.0]}, "times must be a whole number"),
        ({"times": [float("inf")]}, "times must be a finite number"),
        ({"seed": -1}, "seed must be 0 or more"),
    ],
)
def test_bad_requests_for_samples_are_refused(request_, message):
    with pytest.raises(ValueError, match=message):
        TwoLayer(**SMALL, hidden_units=7).sample(**{"num_samples": 3, **request_})


@pytest.mark.parametrize(
    ("optimizer", "schedule", "message"),
    [
        (torch.optim.LBFGS, None, "LBFGS evaluates a loss"),
        (torch.optim.SGD, torch.optim.lr_scheduler.ReduceLROnPlateau, "ReduceLROnPlateau waits for a measure"),
        (torch.optim.SGD, lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, -1), "decay over -1 steps: set max"),
        (torch.optim.SGD, lambda o: torch.optim.lr_scheduler.LinearLR(o, total_iters=0), "decay over 0 steps: set max"),
    ],
)
def test_optimisers_and_schedules_that_cannot_be_stepped_are_refused(optimizer, schedule, message):
    model = TwoLayer(**SMALL, hidden_units=7, optimizer=optimizer, lr_scheduler=schedule)
    with pytest.raises(ValueError, match=message):
        quiet_trainer(max_steps=1).fit(model, Loader(images()))


@pytest.mark.parametrize(("decay_steps", "is_told"), [(30, True), (20, False)])
def test_a_decay_that_training_does_not_reach_is_said_aloud(decay_steps, is_told, recwarn):
    schedule = lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, decay_steps)  # noqa: E731
    model = TwoLayer(**SMALL, hidden_units=7, lr_scheduler=schedule)
    quiet_trainer(max_epochs=2).fit(model, Loader(images(), length=10))
    said = [str(warning.message) for warning in recwarn if "decays until" in str(warning.message)]
    assert bool(said) == is_told
    assert all("after 20 steps" in message and "--trainer.max_steps 20" in message for message in said)


@pytest.mark.parametrize("precision", ["16-true", "bf16-true"])
def test_weights_in_half_precision_are_refused(precision):
    with pytest.raises(ValueError, match=f"precision {precision} would lose .*: use 32-true, bf16-mixed or 64-true"):
        quiet_trainer(max_steps=1, precision=precision).fit(TwoLayer(**SMALL, hidden_units=7), Loader(images()))


@pytest.mark.parametrize(
    ("slowdown", "precision", "is_slow"),
    [(4.2, "bf16-mixed", True), (4.2, "32-true", False), (0.5, "bf16-mixed", False)],
)
def test_slow_bfloat16_products_are_said_aloud(slowdown, precision, is_slow, monkeypatch, recwarn):
    monkeypatch.setattr("chaos_lightning.models.generator.bfloat16_slowdown", lambda: slowdown)
    quiet_trainer(max_steps=1, precision=precision).fit(TwoLayer(**SMALL, hidden_units=7), Loader(images()))
    said = [str(warning.message) for warning in recwarn if "bfloat16" in str(warning.message)]
    assert bool(said) == is_slow
    assert all("4.2 times as long" in message and "--trainer.precision 32-true" in message for message in said)


@pytest.mark.parametrize(("slowdown", "threads", "is_told"), [(3.0, 2, True), (1.1, 2, False), (3.0, 1, False)])
def test_threads_that_wait_for_one_another_are_told(slowdown, threads, is_told, monkeypatch, caplog):
    monkeypatch.setattr("chaos_lightning.models.generator.threads_slowdown", lambda: slowdown)
    monkeypatch.setattr("chaos_lightning.models.generator.torch.get_num_threads", lambda: threads)
    quiet_trainer(max_steps=1).fit(TwoLayer(**SMALL, hidden_units=7), Loader(images()))
    assert ("Products on 2 threads take 3.0 times as long as on one" in caplog.text) == is_told
    assert ("OMP_NUM_THREADS=1" in caplog.text) == is_told


def test_slowdowns_are_those_of_a_product(monkeypatch):
    """By a clock that moves by what a product would take."""
    now, threads = [0.0], [4]

    def product(left, right):
        now[0] += (3.0 if left.dtype == torch.bfloat16 else 2.0) * (5 if threads[0] == 4 else 1)

    speed = "chaos_lightning.models.speed"
    monkeypatch.setattr(f"{speed}.torch.mm", product)
    monkeypatch.setattr(f"{speed}.torch.get_num_threads", lambda: threads[0])
    monkeypatch.setattr(f"{speed}.torch.set_num_threads", lambda number: threads.__setitem__(0, number))
    monkeypatch.setattr(f"{speed}.perf_counter", lambda: now[0])
    assert bfloat16_slowdown() == 1.5
    assert threads_slowdown() == 5
    assert threads == [4]
    monkeypatch.undo()
    assert 0.01 < bfloat16_slowdown() < 100
    assert 0.01 < threads_slowdown() < 100


def test_floors_belong_to_the_data_that_are_measured():
    sizes = {"num_eval_images": 100, "eval_batch_size": 100}
    both = [MNISTDataModule(**sizes), FashionMNISTDataModule(**sizes)]
    model, floors = TwoLayer(hidden_units=7, dt=5.0, measure_times=[]), []
    for data in (*both, *both):
        quiet_trainer(limit_val_batches=1).validate(model, datamodule=data, verbose=False)
        floors.append(model.evaluation.floors)
    assert floors[0] == floors[2] != floors[1] == floors[3]


def test_bfloat16_products_train_float32_weights():
    model = TwoLayer(**SMALL, hidden_units=7)
    quiet_trainer(max_steps=3, precision="bf16-mixed").fit(model, Loader(images()))
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    assert model.network.biases[0].any()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1.5])
def test_bad_pixels_stop_training_and_say_so(bad):
    data = images()
    data[3, 0, 2, 1] = bad
    with pytest.raises(ValueError, match="training stopped at step 0: pixels must be finite"):
        quiet_trainer(max_steps=5).fit(TwoLayer(**SMALL, hidden_units=7), Loader(data))


def test_every_architecture_is_exported_and_a_generator():
    assert all(issubclass(architecture, ChaoticGenerator) for architecture, _ in ARCHITECTURES)


def test_lightning_still_notes_the_running_hook_where_it_is_set_fast():
    class Watched(TwoLayer):
        def on_train_batch_start(self, batch, batch_idx):
            assert vars(self)["_current_fx_name"] == "on_train_batch_start"
            hooks.append(batch_idx)

    hooks = []
    trainer = quiet_trainer(max_steps=2)
    trainer.fit(Watched(**SMALL, hidden_units=7), Loader(torch.zeros(4, 1, SIDE, SIDE)))
    assert hooks == [0, 1]


@pytest.mark.parametrize(
    ("architecture", "sizes", "wiring"),
    [
        (OneLayer, {}, [Connection(0, 0, gain_down=0.5)]),
        (TwoLayer, {"hidden_units": 7}, [Connection(0, 1, gain_down=0.5)]),
        (ThreeLayer, {"hidden_units": 7, "top_units": 5}, [Connection(0, 1, gain_down=0.5), Connection(1, 2)]),
    ],
)
def test_the_gain_into_the_visible_layer_is_that_of_its_connections_alone(architecture, sizes, wiring):
    short = architecture(**SMALL, **sizes, gain=2.0, visible_gain=0.5)
    whole = architecture(**SMALL, **sizes, gain=2.0, wiring=wiring)
    for ours, theirs in zip(short.network.parameters(), whole.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert short.hparams["wiring"] == whole.hparams["wiring"]


def test_a_gain_that_a_wiring_gives_into_the_visible_layer_stays():
    wiring = [Connection(0, 1, gain_down=0.25), Connection(1, 1, learned=False)]
    network = TwoLayer(**SMALL, hidden_units=7, gain=2.0, visible_gain=0.5, wiring=wiring).network
    assert [(each.gain_down, each.gain_up) for each in network.connections] == [(0.25, 2.0), (2.0, 2.0)]
    with pytest.raises(ValueError, match="gain_down must be 0 or more, but is -1"):
        TwoLayer(**SMALL, hidden_units=7, visible_gain=-1.0)
