"""Every setting of Lightning's trainer works with a generator, or is refused before training: none is ignored."""

import inspect

import pytest
import torch
from half_bright import FewPixels
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.plugins import HalfPrecision, MixedPrecision
from lightning.pytorch.strategies import FSDPStrategy, ModelParallelStrategy

from chaos_lightning import OneLayer
from chaos_lightning.models.refusals import check_trainer
from chaos_lightning.trainer import Trainer as ChoosingTrainer

QUIET = {
    **{"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False},
    **{"enable_model_summary": False, "num_sanity_val_steps": 0, "max_steps": 14, "log_every_n_steps": 5},
    **{"val_check_interval": 7, "check_val_every_n_epoch": None},
}
NO_EFFECT = {  # on what is learned, as in Lightning
    "barebones": [True],
    "benchmark": [True],
    "deterministic": [True, "warn"],
    "detect_anomaly": [True],
    "enable_autolog_hparams": [False],
    "gradient_clip_val": [None],
    "inference_mode": [False],
    "limit_predict_batches": [2],
    "limit_test_batches": [2],
    "limit_val_batches": [0, 1],
    "log_every_n_steps": [0, 1],
    "max_time": ["00:00:10:00"],
    "min_epochs": [2],
    "min_steps": [3],
    "num_sanity_val_steps": [2, -1],
    "profiler": ["simple", "advanced"],
    "reload_dataloaders_every_n_epochs": [1],
    "strategy": ["auto", "ddp"],
    "sync_batchnorm": [True],
    "use_distributed_sampler": [False],
    "val_check_interval": [3, "00:00:00:01"],
}
OTHER_STEPS = {"fast_dev_run": (True, 1), "limit_train_batches": (3, 14), "max_epochs": (1, 10)}
REFUSED = {
    "accumulate_grad_batches": (2, "gradient accumulation is not supported for manual optimization"),
    "gradient_clip_val": (0.5, "gradient clipping is not supported for manual optimization"),
    "gradient_clip_algorithm": ("norm", "gradients are not clipped here: leave it out"),
    "limit_train_batches": (0, "leaves nothing to train on"),
    "overfit_batches": (2, "train on a file of few images instead"),
    "plugins": (HalfPrecision("bf16-true"), "would lose the small updates of the weights"),
    "strategy": ("fsdp", "requires a GPU accelerator"),
}
OF_OTHER_TESTS = {
    *("accelerator", "devices", "num_nodes", "logger", "callbacks", "default_root_dir", "model_registry", "precision"),
    *("enable_checkpointing", "enable_progress_bar", "enable_model_summary", "check_val_every_n_epoch", "max_steps"),
}


def train(**settings):
    model = OneLayer(visible_units=25, dt=5.0, sampling_time=10.0, measure_times=[])
    settings = {**QUIET, **settings}
    if settings.get("barebones"):
        settings = {name: settings[name] for name in ("accelerator", "barebones", "max_steps")}
    trainer = Trainer(**settings)
    trainer.fit(model, FewPixels(batch_size=20, num_eval_images=20, num_validation=40))
    return trainer, model.network.connections[0].learned.detach()


@pytest.fixture(scope="module")
def plain():
    return train()[1]


def test_each_stands_in_one_of_the_tables():
    named = {*NO_EFFECT, *OTHER_STEPS, *REFUSED, *OF_OTHER_TESTS}
    assert set(inspect.signature(Trainer).parameters) <= named


CASES = [
    (name, value)
    for name, values in NO_EFFECT.items()
    for value in values
    if name in inspect.signature(Trainer).parameters
]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_a_setting_that_is_not_about_learning_leaves_it_as_it_is(tmp_path, monkeypatch, plain, name, value):
    monkeypatch.chdir(tmp_path)
    try:
        trainer, learned = train(**{name: value})
    finally:
        torch.use_deterministic_algorithms(False)
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    assert trainer.global_step == 14
    assert torch.equal(learned, plain)


@pytest.mark.parametrize("name", OTHER_STEPS)
def test_a_setting_of_the_length_changes_the_steps_alone(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    value, steps = OTHER_STEPS[name]
    trainer, learned = train(**{name: value})
    assert trainer.global_step == steps
    assert torch.equal(learned, train(max_steps=steps)[1])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", REFUSED)
def test_a_setting_that_would_be_ignored_is_refused(name):
    value, reason = REFUSED[name]
    with pytest.raises((ValueError, MisconfigurationException), match=reason):
        train(**{name: value})


@pytest.mark.parametrize("strategy", [FSDPStrategy, ModelParallelStrategy])
def test_a_strategy_that_cuts_the_weights_is_refused(strategy):
    """They ask for a GPU before they start, so that the refusal alone can be tried on any machine."""
    trainer = Trainer(**QUIET)
    trainer._accelerator_connector.strategy = strategy()
    with pytest.raises(ValueError, match=rf"{strategy.__name__} cuts the weights .* take the strategy ddp"):
        check_trainer(trainer, OneLayer(visible_units=25))


@pytest.mark.parametrize("precision", ["32", "32-true", "bf16-mixed", "64", "64-true", MixedPrecision])
def test_a_precision_that_keeps_what_is_learned_trains(precision):
    is_plugin = not isinstance(precision, str)
    trainer, learned = train(**({"plugins": precision("bf16-mixed", "cpu")} if is_plugin else {"precision": precision}))
    assert trainer.global_step == 14
    assert learned.dtype == (torch.float64 if precision in ("64", "64-true") else torch.float32)


@pytest.mark.parametrize(("slowdown", "chosen", "name"), [(2.5, "32-true", "float32"), (0.4, "bf16-mixed", "bfloat16")])
def test_an_automatic_precision_is_the_faster_one_and_is_said(slowdown, chosen, name, monkeypatch, caplog):
    monkeypatch.setattr("chaos_lightning.models.speed.bfloat16_slowdown", lambda: slowdown)
    with caplog.at_level("INFO", logger="lightning.pytorch.utilities.rank_zero"):
        trainer = ChoosingTrainer(precision="auto", accelerator="cpu", logger=False, enable_checkpointing=False)
    assert trainer.precision == chosen
    assert f"Products are in {name} (precision {chosen})" in caplog.text


@pytest.mark.parametrize("precision", ["16-true", "bf16-true"])
def test_a_precision_that_loses_what_is_learned_is_refused(precision):
    with pytest.raises(ValueError, match="would lose the small updates"):
        train(precision=precision)
