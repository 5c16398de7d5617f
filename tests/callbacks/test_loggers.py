"""Pictures, figures and tables reach the loggers, each in its own words."""

import csv

import pytest
import torch
from lightning.pytorch.loggers import CometLogger, CSVLogger, MLFlowLogger, WandbLogger
from small_networks import quiet_trainer
from torchvision.io import read_image

from chaos_lightning import MNISTDataModule, TwoLayer
from chaos_lightning.callbacks import TrainingPictures
from chaos_lightning.callbacks.loggers import log_figure, log_picture, log_table
from chaos_lightning.callbacks.pictures import spectra_figure

PICTURE = torch.stack([torch.full((5, 7), level) for level in (0.0, 0.2, 1.0)])
COLUMNS, ROWS = ("measure", "value"), [("second_moment_error", 0.25), ("spectrum_error", 0.5)]


def log_all(logger):
    log_picture(logger, "samples", PICTURE, 11)
    log_figure(logger, "spectrum", spectra_figure(torch.linspace(2, 1, 5), torch.linspace(3, 1, 5)), 11)
    log_table(logger, "measures", COLUMNS, ROWS, 11)


class Recorder:
    """Stands in for a service: notes the calls."""

    def __init__(self):
        self.calls = {}

    def __getattr__(self, name):
        return lambda *arguments, **options: self.calls.update({name: (arguments, options)})


def test_comet_gets_them_all(monkeypatch):  # its package wants a key, so a recorder stands in
    recorder = Recorder()
    monkeypatch.setattr(CometLogger, "experiment", recorder)
    log_all(CometLogger.__new__(CometLogger))
    (levels,), options = recorder.calls["log_image"]
    assert options == {"name": "samples", "step": 11}
    assert levels.shape == (5, 7, 3)
    assert levels[0, 0].tolist() == [0, 51, 255]
    assert recorder.calls["log_figure"][0][0] == "spectrum"
    assert recorder.calls["log_table"] == (
        ("measures_step_0000011.csv",),
        {"tabular_data": ROWS, "headers": list(COLUMNS)},
    )


def test_mlflow_gets_them_in_its_words(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(MLFlowLogger, "experiment", recorder)
    monkeypatch.setattr(MLFlowLogger, "run_id", "run")
    log_all(MLFlowLogger.__new__(MLFlowLogger))
    (run, levels), options = recorder.calls["log_image"]
    assert (run, levels.shape, options) == ("run", (5, 7, 3), {"key": "samples", "step": 11})
    assert recorder.calls["log_figure"][0][2] == "spectrum/step_0000011.png"
    run, text, name = recorder.calls["log_text"][0]
    assert (name, text.splitlines()[1]) == ("measures/step_0000011.csv", "second_moment_error,0.25")


def test_weights_and_biases_get_them_in_their_words(monkeypatch):
    calls = Recorder()
    for name in ("log_image", "log_table"):
        monkeypatch.setattr(WandbLogger, name, staticmethod(getattr(calls, name)))
    log_all(WandbLogger.__new__(WandbLogger))
    (name, _, step), _ = calls.calls["log_image"]  # of the spectrum, the last one
    assert (name, step) == ("spectrum", 11)
    assert calls.calls["log_table"][1]["data"] == [list(row) for row in ROWS]


def test_loggers_without_pictures_get_none(tmp_path):
    log_all(CSVLogger(tmp_path))


def train(logger):
    """A short training whose first validation is the last one."""
    model = TwoLayer(hidden_units=13, dt=5.0, measure_times=[])
    trainer = quiet_trainer(
        max_steps=2,
        val_check_interval=2,
        limit_val_batches=1.0,
        num_sanity_val_steps=0,
        logger=logger,
        log_every_n_steps=1,
        callbacks=[TrainingPictures(num_images=4)],
    )
    trainer.fit(model, datamodule=MNISTDataModule(batch_size=100, num_eval_images=31))
    return model.evaluation


def test_a_local_mlflow_holds_them_after_training(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="MLflow is tested where it is installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)
    evaluation = train(MLFlowLogger(tracking_uri=(tmp_path / "mlruns").as_uri()))
    (picture,) = (path for path in tmp_path.glob("mlruns/**/images/*.png"))
    assert read_image(str(picture)).shape[0] == 3
    assert list(tmp_path.glob("mlruns/**/spectrum/step_0000002.png"))
    (table,) = tmp_path.glob("mlruns/**/measures/step_0000002.csv")
    with table.open() as file:
        rows = {row["measure"]: float(row["value"]) for row in csv.DictReader(file)}
    assert rows == evaluation.measures[evaluation.sampling_time]


def test_weights_and_biases_offline_hold_them_after_training(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="Weights & Biases are tested where they are installed")
    monkeypatch.chdir(tmp_path)
    train(WandbLogger(save_dir=tmp_path, offline=True))
    wandb.finish()
    media = {path.relative_to(path.parents[1]).parts[0] for path in tmp_path.glob("wandb/*/files/media/*/*")}
    assert media == {"images", "table"}
    names = [path.name for path in tmp_path.glob("wandb/*/files/media/images/*.png")]
    assert {name.partition("_")[0] for name in names} == {"samples", "spectrum"}
