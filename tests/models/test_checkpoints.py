"""Checkpoints: saved, loaded, resumed, refused."""

import functools
import warnings

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from chaos_lightning import (
    CentredHebbian,
    ChaoticGenerator,
    ContrastiveHebbian,
    MNISTDataModule,
    OneLayer,
    ThreeLayer,
    TwoLayer,
)
from chaos_lightning.baselines import Baseline
from chaos_lightning.models import TrainingDivergedError

FAST = {"tau": 10.0, "dt": 5.0, "sampling_time": 20.0}


def adam(parameters):
    return torch.optim.Adam(parameters, lr=1e-3)


def train(model, folder, max_steps, ckpt_path=None, data=None, **settings):
    checkpoint = ModelCheckpoint(folder, "{step}", every_n_train_steps=5, save_top_k=-1, save_last=True)
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        callbacks=[checkpoint],
        enable_progress_bar=False,
        enable_model_summary=False,
        max_steps=max_steps,
        limit_val_batches=0,
        **settings,
    )
    trainer.fit(model, datamodule=data or MNISTDataModule(batch_size=1000), ckpt_path=ckpt_path)
    return trainer


def weights(model):
    return {name: parameter.detach().clone() for name, parameter in model.network.named_parameters()}


@pytest.mark.parametrize(
    ("architecture", "sizes"),
    [(OneLayer, {}), (TwoLayer, {"hidden_units": 13}), (ThreeLayer, {"hidden_units": 13, "top_units": 7})],
)
def test_a_network_is_loaded_as_it_was_saved(tmp_path, architecture, sizes):
    model = architecture(**FAST, **sizes, gain=1.1, rate="hardtanh", optimizer=adam)
    train(model, tmp_path, 5)
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 5
    for loaded in (cls.load_from_checkpoint(tmp_path / "last.ckpt") for cls in (architecture, ChaoticGenerator)):
        assert type(loaded) is architecture
        assert (loaded.dt, loaded.sampling_time) == (5.0, 20.0)
        for name, weight in weights(model).items():
            assert torch.equal(loaded.network.state_dict()[name], weight)
        assert torch.equal(loaded.sample(7, seed=1), model.sample(7, seed=1))


def test_settings_that_a_checkpoint_does_not_know_are_told_when_training_goes_on(tmp_path):
    train(TwoLayer(**FAST, hidden_units=13), tmp_path, 5)
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    del checkpoint["hyper_parameters"]["held_label_share"]  # as written by a version without it
    torch.save(checkpoint, tmp_path / "older.ckpt")
    with pytest.warns(UserWarning, match="does not say held_label_share: training goes on with held_label_share=0.0"):
        train(TwoLayer(**FAST, hidden_units=13), tmp_path, 6, ckpt_path=tmp_path / "older.ckpt")


@pytest.mark.parametrize(
    ("before", "after"),
    [(ContrastiveHebbian(), CentredHebbian(bias_rate=1.0)), (CentredHebbian(bias_rate=1.0), ContrastiveHebbian())],
)
def test_centred_and_published_networks_load_one_another_but_do_not_go_on(tmp_path, before, after):
    model = TwoLayer(**FAST, hidden_units=13, rule=before)
    train(model, tmp_path, 5)
    path = tmp_path / "last.ckpt"
    loaded = TwoLayer.load_from_checkpoint(path, rule=after)
    assert torch.equal(loaded.sample(3, seed=1), model.sample(3, seed=1))
    names = [type(rule).__name__ for rule in (before, after)]
    with pytest.raises(ValueError, match=f"rule {names[0]} with bias_rate=1.0, and it cannot go on with {names[1]}"):
        train(TwoLayer(**FAST, hidden_units=13, rule=after), tmp_path, 6, ckpt_path=path)


@pytest.mark.parametrize(("before", "after"), [(1.0, 3.0), (3.0, 1.0), (3.0, 5.0)])
def test_a_run_goes_on_with_its_rate_of_the_biases(tmp_path, before, after):
    train(TwoLayer(**FAST, hidden_units=13, rule=ContrastiveHebbian(bias_rate=before)), tmp_path, 5)
    model = TwoLayer(**FAST, hidden_units=13, rule=ContrastiveHebbian(bias_rate=after))
    with pytest.raises(ValueError, match=f"bias_rate={before}, and it cannot go on with .* bias_rate={after}"):
        train(model, tmp_path, 6, ckpt_path=tmp_path / "last.ckpt")


def test_steps_and_files_are_counted_right(tmp_path):
    trainer = train(TwoLayer(**FAST, hidden_units=13), tmp_path, 20)
    assert trainer.global_step == 20
    assert {path.name for path in tmp_path.glob("step=*")} == {f"step={step}.ckpt" for step in (5, 10, 15, 20)}


def test_a_run_in_double_precision_goes_on_in_double_precision(tmp_path):
    whole, first, second = (TwoLayer(**FAST, hidden_units=13, optimizer=adam) for _ in range(3))
    train(whole, tmp_path / "whole", 10, precision="64-true")
    train(first, tmp_path / "parts", 5, precision="64-true")
    train(second, tmp_path / "parts", 10, ckpt_path=tmp_path / "parts" / "last.ckpt", precision="64-true")
    for name, weight in weights(whole).items():
        assert weight.dtype == torch.float64
        assert torch.equal(weights(second)[name], weight), name


@pytest.mark.parametrize("stop", [3, 4, 5, 10])
def test_a_resumed_run_ends_as_one_never_interrupted(tmp_path, stop):
    """An epoch is 4 steps: in the middle of one, at its end, and later. All that a step draws depends on its number."""

    def model():
        return TwoLayer(
            **FAST,
            hidden_units=13,
            noise=0.1,
            num_classes=10,
            held_label_share=0.23,
            held_pixel_share=0.31,
            num_chains=307,
            rule=CentredHebbian(reclamp=True, centering=0.1, bias_rate=3.0, l1=0.01),
            coupling_dropout=0.1,
            hidden_dropout=0.1,
            optimizer=adam,
            lr_scheduler=lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=11),
        )

    def data():
        return MNISTDataModule(batch_size=1000)

    whole, first, second = model(), model(), model()
    train(whole, tmp_path / "whole", 11, data=data())
    trainer = train(first, tmp_path / "first", stop, data=data())
    trainer.save_checkpoint(tmp_path / "stopped.ckpt")
    resumed = train(second, tmp_path / "second", 11, ckpt_path=tmp_path / "stopped.ckpt", data=data())
    assert resumed.global_step == 11
    for name, weight in weights(whole).items():
        assert torch.equal(weights(second)[name], weight), name


def test_another_architecture_is_refused_by_name(tmp_path):
    train(TwoLayer(**FAST, hidden_units=13), tmp_path, 1)
    Trainer(logger=False)
    path = tmp_path / "last.ckpt"
    with pytest.raises(ValueError, match="holds a TwoLayer network, but OneLayer was asked for"):
        OneLayer.load_from_checkpoint(path)
    with pytest.raises(ValueError, match=r"holds a TwoLayer network, but .* was asked for$"):
        Baseline.load_from_checkpoint(path)
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["chaos_lightning"]["architecture"] = "Unheard"
    torch.save(checkpoint, tmp_path / "unheard.ckpt")
    with pytest.raises(ValueError, match="Import the module that defines Unheard first"):
        ChaoticGenerator.load_from_checkpoint(tmp_path / "unheard.ckpt")
    with pytest.raises(ValueError, match="holds a TwoLayer network, but ThreeLayer"):
        train(ThreeLayer(**FAST, hidden_units=13), tmp_path, 2, ckpt_path=path)


def test_other_sizes_are_refused_with_both(tmp_path):
    train(TwoLayer(**FAST, hidden_units=13), tmp_path, 1)
    with pytest.raises(ValueError, match=r"layers of \[784, 13\] units, but this one has \[784, 17\]"):
        train(TwoLayer(**FAST, hidden_units=17), tmp_path, 2, ckpt_path=tmp_path / "last.ckpt")


def test_another_gain_is_refused_for_the_couplings_come_from_the_file(tmp_path):
    train(TwoLayer(**FAST, hidden_units=13), tmp_path, 5)
    with pytest.raises(ValueError, match=r"frozen couplings of gain 1.5, but gain=0.5 was asked for: set gain=1.5"):
        TwoLayer.load_from_checkpoint(tmp_path / "last.ckpt", gain=0.5)


def test_other_settings_are_said_where_a_run_goes_on_and_the_users_where_a_file_is_loaded(tmp_path, recwarn):
    train(TwoLayer(**FAST, hidden_units=13), tmp_path, 5)
    assert TwoLayer.load_from_checkpoint(tmp_path / "last.ckpt", rate="hardtanh").network.rate is not None
    assert not [warning for warning in recwarn if "rate" in str(warning.message)]
    other = TwoLayer(**{**FAST, "dt": 2.0}, hidden_units=13, rate="hardtanh")
    before, now = "dt=5.0, rate=tanh", "dt=2.0, rate=hardtanh"
    with pytest.warns(UserWarning, match=f"from a network with {before}, and goes on with {now}"):
        train(other, tmp_path, 6, ckpt_path=tmp_path / "last.ckpt")


def test_a_network_of_any_depth_is_loaded(tmp_path):
    train(ChaoticGenerator([784, 11, 7, 5, 3], dt=5.0, sampling_time=20.0), tmp_path, 5)
    assert ChaoticGenerator.load_from_checkpoint(tmp_path / "last.ckpt").layer_sizes == [784, 11, 7, 5, 3]


def test_going_on_with_another_optimiser_is_refused(tmp_path):
    train(TwoLayer(**FAST, hidden_units=13), tmp_path, 1)
    with pytest.raises(ValueError, match="trained with SGD, but this run uses Adam"):
        train(TwoLayer(**FAST, hidden_units=13, optimizer=adam), tmp_path, 2, ckpt_path=tmp_path / "last.ckpt")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": 2e-3}, "has lr=0.001, but lr=0.002 was asked for"),
        (
            {"lr": 1e-3, "betas": (0.5, 0.9), "weight_decay": 0.1},
            r"has betas=.*, weight_decay=0, but betas=\(0.5, 0.9\)",
        ),
    ],
)
def test_optimiser_settings_that_would_have_no_effect_are_refused(tmp_path, settings, message):
    def decaying(optimizer):
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)

    def model(**settings):
        optimizer = functools.partial(torch.optim.Adam, **settings)
        return TwoLayer(**FAST, hidden_units=13, optimizer=optimizer, lr_scheduler=decaying)

    train(model(lr=1e-3), tmp_path, 2)
    train(model(lr=1e-3), tmp_path, 3, ckpt_path=tmp_path / "last.ckpt")  # the rate itself has decayed
    with pytest.raises(ValueError, match=message):
        train(model(**settings), tmp_path, 4, ckpt_path=tmp_path / "last.ckpt")


def test_a_foreign_checkpoint_and_an_unknown_format_are_refused(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "foreign.ckpt")
    with pytest.raises(ValueError, match="not written by chaos_lightning"):
        TwoLayer.load_from_checkpoint(tmp_path / "foreign.ckpt")
    train(TwoLayer(**FAST, hidden_units=13), tmp_path, 1)
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    checkpoint["chaos_lightning"]["format"] = 99
    torch.save(checkpoint, tmp_path / "future.ckpt")
    with pytest.raises(ValueError, match="format 99"):
        TwoLayer.load_from_checkpoint(tmp_path / "future.ckpt")


def test_divergence_stops_training_and_keeps_the_last_good_checkpoint(tmp_path):
    model = TwoLayer(**FAST, hidden_units=13, optimizer=lambda p: torch.optim.SGD(p, lr=0.001))
    train(model, tmp_path, 5)
    model._make_lr_scheduler = lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=1e8)
    with pytest.raises(TrainingDivergedError, match=r"diverged at step \d+.*lower learning rate than 100000"):
        train(model, tmp_path / "wild", 50)
    assert ChaoticGenerator.load_from_checkpoint(tmp_path / "last.ckpt").sample(2, seed=0).isfinite().all()
    saved = {path.name: torch.load(path, weights_only=True) for path in (tmp_path / "wild").glob("*.ckpt")}
    assert saved.keys() == {"last.ckpt", "step=5.ckpt"}
    for checkpoint in saved.values():
        assert checkpoint["global_step"] == 5
        assert all(tensor.isfinite().all() for tensor in checkpoint["state_dict"].values())


def test_settings_from_numpy_are_kept_as_plain_numbers(tmp_path):
    settings = {"gain": np.linspace(0.5, 3, 6)[2], "hidden_units": np.int64(13), "measure_times": np.array([10.0, 40])}
    data = MNISTDataModule(batch_size=np.int64(1000), seed=np.int32(4))
    model = TwoLayer(**{**FAST, **settings}, seed=np.int64(3))
    train(model, tmp_path, 1, data=data)
    loaded = TwoLayer.load_from_checkpoint(tmp_path / "last.ckpt")
    assert loaded.hparams["gain"] == 1.5
    assert type(loaded.hparams["gain"]) is float
    assert loaded.measure_times == [10.0, 20.0, 40.0]
    assert torch.equal(loaded.sample(2, seed=0), model.sample(2, seed=0))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "the checkpoint comes from")  # for the settings are the same
        train(TwoLayer(**{**FAST, **settings}, seed=3), tmp_path, 2, ckpt_path=tmp_path / "last.ckpt", data=data)


def test_weights_that_could_drive_potentials_out_of_bounds_are_never_saved(tmp_path):
    model = TwoLayer(**FAST, hidden_units=13)
    trainer = train(model, tmp_path, 1)
    learned = model.network.connections[0].learned.data
    learned[7].fill_(2e4 / 13)  # the sum of what 13 hidden units send: 20,000
    with pytest.raises(TrainingDivergedError, match=r"potentials reach (1999|2000)\d"):
        trainer.save_checkpoint(tmp_path / "bad.ckpt")
    learned[7].fill_(0.9e4 / 13)
    trainer.save_checkpoint(tmp_path / "large.ckpt")
    assert not (tmp_path / "bad.ckpt").exists()


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    model = TwoLayer(**FAST, hidden_units=13)
    trainer = train(model, tmp_path, 1)
    model.network.biases[0].data[3] = float("nan")
    with pytest.raises(TrainingDivergedError, match=r"biases.0 is not finite"):
        trainer.save_checkpoint(tmp_path / "bad.ckpt")
    assert not (tmp_path / "bad.ckpt").exists()
