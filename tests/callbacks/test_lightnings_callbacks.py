"""Every callback that Lightning ships works with a generator, or is refused before training with the reason."""

from datetime import timedelta

import pytest
import torch
from half_bright import FewPixels
from lightning.pytorch import Callback, Trainer, callbacks
from lightning.pytorch.loggers import CSVLogger
from small_networks import Loader, images, quiet_trainer

from chaos_lightning import OneLayer
from chaos_lightning.baselines import (
    FlowMatching,
    GenerativeAdversarialNetwork,
    RestrictedBoltzmannMachine,
    VariationalAutoencoder,
)
from chaos_lightning.callbacks import TrainingAlarms, TrainingCheckpoint
from chaos_lightning.models.refusals import check_monitor

WORK = {
    "EarlyStopping": lambda: callbacks.EarlyStopping("val/second_moment_error", patience=1),
    "LambdaCallback": lambda: callbacks.LambdaCallback(on_train_start=lambda *_: None),
    "LearningRateMonitor": lambda: callbacks.LearningRateMonitor(),
    "ModelCheckpoint": lambda: callbacks.ModelCheckpoint(every_n_train_steps=2),
    "ModelSummary": lambda: callbacks.ModelSummary(),
    "OnExceptionCheckpoint": lambda: callbacks.OnExceptionCheckpoint("."),
    "RichModelSummary": lambda: callbacks.RichModelSummary(),
    "RichProgressBar": lambda: callbacks.RichProgressBar(),
    "TQDMProgressBar": lambda: callbacks.TQDMProgressBar(),
    "ThroughputMonitor": lambda: callbacks.ThroughputMonitor(lambda batch: len(batch.images)),
    "Timer": lambda: callbacks.Timer(timedelta(minutes=1)),
    "WeightAveraging": lambda: callbacks.WeightAveraging(),
    "EMAWeightAveraging": lambda: callbacks.EMAWeightAveraging(),
}
REFUSED = {
    "BackboneFinetuning": (lambda: callbacks.BackboneFinetuning(), "the optimiser has all parameters that learn"),
    "BatchSizeFinder": (lambda: callbacks.BatchSizeFinder(), "has cut its minibatches already. Set its batch_size"),
    "GradientAccumulationScheduler": (lambda: callbacks.GradientAccumulationScheduler({0: 2}), "Raise the batch_size"),
    "LearningRateFinder": (lambda: callbacks.LearningRateFinder(), "there is no loss by which to judge a rate"),
    "ModelPruning": (lambda: callbacks.ModelPruning("l1_unstructured"), "it masks layers of torch"),
    "SpikeDetection": (lambda: callbacks.SpikeDetection(), "training steps return no loss"),
    "StochasticWeightAveraging": (lambda: callbacks.StochasticWeightAveraging(0.1), "stepped by hand"),
    "ModelCheckpoint by the clock": (
        lambda: callbacks.ModelCheckpoint(train_time_interval=timedelta(0)),
        "train_time_interval has no effect .* set every_n_train_steps",
    ),
    "EarlyStopping by another name": (
        lambda: callbacks.EarlyStopping("val_loss", strict=False),
        r"EarlyStopping monitors val_loss, which is not logged: There are val/adversarial_accuracy_indicator, .*train/",
    ),
    "EarlyStopping by a misspelt name": (
        lambda: callbacks.EarlyStopping("val/second_moment_eror"),
        "did you mean val/second_moment_error",
    ),
    "EarlyStopping by a misspelt name of training": (
        lambda: callbacks.EarlyStopping("train/learning_rat"),
        "did you mean train/learning_rate",
    ),
    "EarlyStopping by a sign that nobody looks for": (
        lambda: callbacks.EarlyStopping("signs/class_share"),
        "EarlyStopping monitors signs/class_share, which is not logged",
    ),
    "ModelCheckpoint by another name": (
        lambda: callbacks.ModelCheckpoint(monitor="val_loss"),
        "ModelCheckpoint monitors val_loss, which is not logged",
    ),
    "TrainingCheckpoint by another name": (lambda: TrainingCheckpoint(monitor="val/loss"), "val/loss, which is not"),
}
NOT_TO_BE_ADDED = {"BaseFinetuning", "BasePredictionWriter", "Callback", "Checkpoint", "ProgressBar"}  # bases
LEARNING = [FlowMatching, GenerativeAdversarialNetwork, RestrictedBoltzmannMachine, VariationalAutoencoder]
POTENTIAL = "signs/largest_potential"  # of generators that are chaotic
WITH_OTHER_PACKAGES = {"DeviceStatsMonitor"}  # psutil, which it asks for by itself


def network():
    return OneLayer(visible_units=25, dt=5.0, sampling_time=10.0, measure_times=[])


def train(folder, callback, model=None, num_images=20, **settings):
    trainer = Trainer(
        accelerator="cpu", max_steps=4, default_root_dir=folder, logger=CSVLogger(folder), num_sanity_val_steps=0,
        val_check_interval=2, check_val_every_n_epoch=None, log_every_n_steps=2, callbacks=[callback],
        **{"enable_progress_bar": isinstance(callback, callbacks.ProgressBar), **settings},
    )  # fmt: skip
    data = FewPixels(batch_size=20, num_eval_images=num_images, num_validation=max(40, num_images))
    trainer.fit(model or network(), data)
    return trainer


def test_each_stands_in_one_of_the_tables():
    named = {name.partition(" ")[0] for name in (*WORK, *REFUSED)} - {"TrainingCheckpoint"}
    assert named | NOT_TO_BE_ADDED | WITH_OTHER_PACKAGES == set(callbacks.__all__)


@pytest.mark.parametrize("name", WORK)
def test_a_callback_that_works_leaves_training_as_it_is(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    trainer = train(tmp_path, WORK[name]())
    assert trainer.global_step == 4
    if "Averaging" not in name:
        alone = train(tmp_path, Callback())
        weights = [each.lightning_module.network.connections[0].learned for each in (trainer, alone)]
        assert torch.equal(*weights)


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("model", [network, lambda: VariationalAutoencoder(visible_units=25)], ids=["chaos", "vae"])
def test_a_callback_that_does_not_work_is_refused_before_the_first_step(tmp_path, monkeypatch, name, model):
    monkeypatch.chdir(tmp_path)
    make, reason = REFUSED[name]
    with pytest.raises(ValueError, match=reason):
        train(tmp_path, make(), model())
    assert not list(tmp_path.rglob("*.ckpt"))


@pytest.mark.parametrize("kind", [OneLayer, *LEARNING])
def test_all_that_is_logged_can_be_monitored(tmp_path, kind):
    settings = {"dt": 5.0, "sampling_time": 10.0, "measure_times": [5.0]} if kind is OneLayer else {}
    model, alarms = kind(visible_units=25, **settings), TrainingAlarms()
    logged = set(train(tmp_path, alarms, model, num_images=100).callback_metrics)
    assert {name for name in logged if name.startswith("train/")} == set(model.training_names)
    assert {name for name in logged if name.startswith("signs/")} >= set(alarms.logged_names) - {POTENTIAL}
    assert (POTENTIAL in logged) == (kind is OneLayer)
    assert len(logged) > 10
    for name in logged:
        check_monitor(callbacks.EarlyStopping(name), Trainer(callbacks=[alarms], logger=False), model)


def test_weights_are_averaged_over_the_steps():
    steps = []

    class Noting(Callback):
        def on_train_batch_end(self, trainer, pl_module, *args):
            steps.append(pl_module.network.connections[0].learned.detach().clone())

    model = network()
    quiet_trainer(max_steps=5, callbacks=[Noting(), callbacks.WeightAveraging()]).fit(model, Loader(images()))
    assert torch.allclose(model.network.connections[0].learned, torch.stack(steps).mean(0), atol=1e-6)


def test_early_stopping_needs_a_validation(tmp_path):
    with pytest.raises(ValueError, match="monitors val/second_moment_error, but there is no validation"):
        train(tmp_path, callbacks.EarlyStopping("val/second_moment_error"), limit_val_batches=0)


def test_a_class_of_ones_own_may_log_what_it_likes(tmp_path):
    class Own(OneLayer):
        def on_validation_epoch_end(self):
            super().on_validation_epoch_end()
            self.log("my_loss", 1.0)

    model = Own(visible_units=25, dt=5.0, sampling_time=10.0, measure_times=[])
    assert train(tmp_path, callbacks.EarlyStopping("my_loss"), model).global_step == 4


def test_a_failed_training_is_saved(tmp_path):
    def fail(*arguments):
        raise RuntimeError("something broke")

    class Failing(callbacks.OnExceptionCheckpoint):
        on_validation_start = fail

    with pytest.raises(RuntimeError, match="something broke"):
        train(tmp_path, Failing(tmp_path))
    assert torch.load(tmp_path / "on_exception.ckpt", weights_only=True)["global_step"] == 2
