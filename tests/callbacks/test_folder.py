"""Files of a run go to its own folder with any logger, and never to a folder with files of others."""

import csv

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.loggers.logger import Logger

from chaos_lightning import MNISTDataModule, TwoLayer
from chaos_lightning.callbacks import MeasuresFile, TrainingPictures


class Service(Logger):
    """A logger like those of online services: it numbers runs itself, and has one folder for all runs."""

    def __init__(self, folder, run):
        super().__init__()
        self._folder, self._run = str(folder), run

    @property
    def save_dir(self):
        return self._folder

    @property
    def name(self):
        return "project"

    @property
    def version(self):
        return self._run

    def log_metrics(self, metrics, step=None):
        pass

    def log_hyperparams(self, params, *args):
        pass


def train(root, logger, max_steps, **settings):
    trainer = Trainer(
        accelerator="cpu", logger=logger, default_root_dir=root, enable_progress_bar=False, enable_model_summary=False,
        max_steps=max_steps, callbacks=[MeasuresFile(), TrainingPictures(num_images=4)], **settings,
    )  # fmt: skip
    trainer.fit(TwoLayer(hidden_units=13, dt=5.0, measure_times=[]), MNISTDataModule(num_eval_images=31))
    trainer.validate(trainer.lightning_module, datamodule=trainer.datamodule)


def steps(path):
    with path.open() as file:
        return {int(row["step"]) for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    "make",
    [
        lambda root, run: Service(root, run),
        lambda root, run: CSVLogger(root, "project", run),
        lambda root, run: TensorBoardLogger(root, "project", run),
    ],
    ids=["service", "csv", "tensorboard"],
)
def test_two_runs_of_one_name_leave_each_other_alone(tmp_path, make):
    for run, max_steps in (("first", 2), ("second", 1)):
        train(tmp_path, make(tmp_path, run), max_steps)
    for run, max_steps in (("first", 2), ("second", 1)):
        folder = tmp_path / "project" / run
        assert steps(folder / "measures.csv") == {max_steps}
        assert (folder / "samples.png").exists()
        assert (folder / "checkpoints").is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {"project"}


@pytest.mark.parametrize(("trial", "written"), [(False, {"checkpoints"}), (True, set())], ids=["run", "fast_dev_run"])
def test_without_a_logger_only_checkpoints_are_written(tmp_path, capsys, trial, written):
    (tmp_path / "measures.csv").write_text("# mine\n")
    train(tmp_path, trial, 1, fast_dev_run=trial)  # which takes the logger away
    assert (tmp_path / "measures.csv").read_text() == "# mine\n"
    assert {path.name for path in tmp_path.iterdir()} == {"measures.csv"} | written
    assert "E(AAI)" in capsys.readouterr().out
