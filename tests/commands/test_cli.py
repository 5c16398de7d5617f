"""The command line as a user runs it, in an empty folder."""

import csv
import json
import re
import runpy
import socket
import sys
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
import torch
from forked import TWO_PROCESSES, run_command
from lightning.pytorch import Trainer
from lightning.pytorch.profilers import SimpleProfiler
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from torchvision.io import read_image

from chaos_lightning import ChaoticGenerator, FashionMNISTDataModule, MNISTDataModule, TwoLayer, __version__
from chaos_lightning.commands import main
from chaos_lightning.commands.cli import ChaosCLI
from chaos_lightning.metrics.catalogue import ERRORS
from chaos_lightning.sampling import ChainLoader
from chaos_lightning.trainer import NoProfiler

TINY = [
    *("--model.hidden_units", "13", "--model.dt", "5", "--model.optimizer", "Adam", "--model.optimizer.lr", "1e-3"),
    *("--data.batch_size", "200", "--data.num_eval_images", "31", "--pictures.num_images", "12"),
    *("--trainer.val_check_interval", "10", "--checkpoint.every_n_train_steps", "5"),
    *("--model.measure_times", "[]"),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which a tiny network was trained, and what the command printed."""
    folder = tmp_path_factory.mktemp("trained")
    result = run_command(folder, "fit", *TINY, "--model.measure_times", "[200]", "--trainer.max_steps", "23")
    assert result.returncode == 0, result.stderr
    return folder, result


def test_float32_products_are_made_as_asked_for(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        for arguments, precision in (["--matmul_precision", "high"], "high"), ([], "highest"):
            ChaosCLI([*TINY, *arguments], run=False)
            assert torch.get_float32_matmul_precision() == precision
    finally:
        torch.set_float32_matmul_precision("highest")
    with pytest.raises(SystemExit):
        ChaosCLI([*TINY, "--matmul_precision", "low"], run=False)
    assert "matmul_precision" in capsys.readouterr().err


@pytest.mark.parametrize(("asked", "profiler"), [([], NoProfiler), (["--trainer.profiler", "simple"], SimpleProfiler)])
def test_nothing_is_profiled_unless_asked_for(tmp_path, monkeypatch, asked, profiler):
    monkeypatch.chdir(tmp_path)
    few = ["--trainer.limit_val_batches", "0", "--trainer.logger", "false", "--trainer.enable_model_summary", "false"]
    trainer = ChaosCLI(["fit", *TINY, *few, "--trainer.max_steps", "2", *asked]).trainer
    assert type(trainer.profiler) is profiler
    assert ("[Strategy]SingleDeviceStrategy.training_step" in trainer.profiler.summary()) == bool(asked)


def test_the_installed_command_is_this_one():
    (command,) = entry_points(group="console_scripts", name="chaos-lightning")
    assert command.load() is main


def test_settings_may_be_given_in_python(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = {"class_path": "chaos_lightning.TwoLayer", "init_args": {"hidden_units": 5, "dt": 5.0}}
    trainer = {"logger": False, "limit_val_batches": 0}
    cli = ChaosCLI({"subcommand": "validate", "validate": {"model": model, "trainer": trainer}})
    assert cli.model.network.layer_sizes == (784, 5)


def test_python_runs_the_package_as_the_same_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["chaos_lightning", "--version"])
    with pytest.raises(SystemExit) as exit_:
        runpy.run_module("chaos_lightning", run_name="__main__")
    assert exit_.value.code == 0
    assert __version__ in capsys.readouterr().out


def test_fit_leaves_log_checkpoint_picture_and_measures(trained):
    folder, _ = trained
    run_folder = folder / "logs" / "runs" / "version_0"
    assert read_image(str(run_folder / "samples.png")).shape[0] == 3
    assert {path.name for path in (run_folder / "samples").iterdir()} == {
        f"step_{step:07d}.png" for step in (10, 20, 23)
    }
    with (run_folder / "measures.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {int(row["step"]) for row in rows} == {10, 20, 23}
    assert {float(row["sampling_time"]) for row in rows} == {100.0, 200.0}
    assert len(rows) == 3 * 2 * 7
    assert {row["num_samples"] for row in rows} == {"31"}
    model = ChaoticGenerator.load_from_checkpoint(run_folder / "checkpoints" / "last.ckpt")
    assert model.network.layer_sizes == (784, 13)


def test_fit_ends_with_what_was_reached_and_where(trained):
    folder, result = trained
    last_lines = result.stdout.rstrip().splitlines()[-6:]
    text = " ".join(last_lines)
    assert "Trained TwoLayer on MNIST for 23 steps" in text
    for name in ("samples", "measures", "checkpoint"):
        path = next(line.split()[-1] for line in last_lines if line.startswith(name))
        assert (folder / path).exists(), path


def test_tensorboard_holds_scalars_pictures_and_hyperparameters(trained):
    folder, _ = trained
    events = EventAccumulator(str(folder / "logs" / "runs" / "version_0"), size_guidance={"images": 0})
    events.Reload()
    tags = events.Tags()
    for measure in (
        "second_moment_error",
        "spectrum_error",
        "relative_entropy_error",
        "adversarial_accuracy_indicator",
    ):
        assert f"val/{measure}" in tags["scalars"]
        assert f"val_at_t/{measure}/t=200" in tags["scalars"]
    assert {"samples", "spectrum"} <= set(tags["images"])
    assert [image.step for image in events.Images("samples")] == [10, 20, 23]
    assert any("learned" in tag for tag in tags["histograms"])
    assert "_hparams_/session_start_info" in events.summary_metadata
    assert any(tag.startswith("reached/") for tag in tags["scalars"])


def test_hyperparameters_in_tensorboard_are_settings_of_network_and_data_and_the_measures(trained):
    folder, _ = trained
    (file,) = (folder / "logs" / "runs" / "version_0").glob("events*")
    summaries = [value for event in LegacyEventFileLoader(str(file)).Load() for value in event.summary.value]
    found = {
        value.tag: HParamsPluginData.FromString(value.metadata.plugin_data.content)
        for value in summaries
        if value.tag.startswith("_hparams_/")
    }
    settings = dict(found["_hparams_/session_start_info"].session_start_info.hparams)
    assert settings["gain"].number_value == 1.5
    assert settings["data/batch_size"].number_value == 200
    assert not [name for name in settings if name.startswith("_")]
    reached = [info.name.tag for info in found["_hparams_/experiment"].experiment.metric_infos]
    assert reached[:4] == [f"reached/{name}" for name in ERRORS]


def test_predict_writes_samples_of_the_checkpoint(trained):
    folder, _ = trained
    checkpoint = "logs/runs/version_0/checkpoints/last.ckpt"
    arguments = ["predict", "--ckpt_path", checkpoint, "--num_samples", "107", "--seed", "3", "--chains_at_once", "50"]
    result = run_command(folder, *arguments, "--output", "out/some.npz")
    assert result.returncode == 0, result.stderr
    assert "Wrote 107 images to out/some.npz" in result.stderr + result.stdout
    written = np.load(folder / "out" / "some.npz", allow_pickle=False)
    assert written["images"].shape == (107, 28, 28)
    assert written["images"].dtype == np.uint8
    assert written["seed"] == 3
    assert json.loads(str(written["settings"]))["hidden_units"] == 13
    samples = ChaoticGenerator.load_from_checkpoint(folder / checkpoint).sample(107, seed=3)
    levels = ((samples.squeeze(1) + 1) * 127.5).round()
    # another split into batches may round other digits, by a level at most
    assert abs(levels.numpy() - written["images"].astype(float)).max() <= 1
    assert read_image(str(folder / "out" / "some.png")).shape[0] == 3
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["some.npz", "some.png"]


def test_predict_takes_the_settings_of_a_network_that_was_trained_in_python(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = TwoLayer(hidden_units=13, dt=5.0, sampling_time=20.0, rate="hardtanh")
    quiet = {"accelerator": "cpu", "enable_progress_bar": False, "enable_checkpointing": False, "logger": False}
    trainer = Trainer(max_steps=1, limit_val_batches=0, **quiet)
    trainer.fit(model, datamodule=MNISTDataModule())
    trainer.save_checkpoint("trained.ckpt")
    main(["predict", "--ckpt_path", "trained.ckpt", "--num_samples", "7", "--seed", "3"])
    levels = ((model.sample(7, seed=3).squeeze(1) + 1) * 127.5).round()
    assert abs(levels.numpy() - np.load("samples.npz")["images"].astype(float)).max() <= 1
    assert {path.name for path in tmp_path.iterdir()} == {"trained.ckpt", "samples.npz", "samples.png"}  # nothing else


SAME_DATA = ("--data", "FashionMNISTDataModule", "--data.num_validation", "200")
DECAY = ("--model.lr_scheduler", "CosineAnnealingLR")


@pytest.fixture(scope="module")
def fashion(tmp_path_factory):
    """A folder in which a network was trained on Fashion-MNIST, with seed 3 and validation images of its own."""
    folder = tmp_path_factory.mktemp("fashion")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run = ("--seed_everything", "3", "--trainer.logger.name", "fashion", "--trainer.max_steps", "6")
        main(["fit", *TINY, *SAME_DATA, *DECAY, *run, "--trainer.enable_progress_bar", "false"])
    return folder


LAST = ("--ckpt_path", "logs/fashion/version_0/checkpoints/last.ckpt")


@pytest.fixture
def in_fashion(fashion, monkeypatch):
    monkeypatch.chdir(fashion)


def evaluated(stage, *arguments):
    cli = ChaosCLI([stage, *LAST, "--trainer.logger", "false", *arguments])
    return cli.model, cli.datamodule


@pytest.mark.parametrize("stage", ["validate", "test"])
def test_the_path_of_a_checkpoint_says_data_and_seed_too(in_fashion, stage):
    model, data = evaluated(stage)
    assert isinstance(data, FashionMNISTDataModule)
    assert (model.seed, data.hparams["seed"], data.hparams["num_validation"]) == (3, 3, 200)
    assert model.evaluation.num_samples == 31


def test_without_a_logger_a_config_of_the_users_own_stays_as_it_is(fashion, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("# mine\ntrainer:\n  logger: false\n")
    for command in (["validate", "--ckpt_path", str(fashion / LAST[1])], ["fit", *TINY, "--trainer.max_steps", "1"]):
        main([command[0], "--config", "config.yaml", *command[1:]])
    assert (tmp_path / "config.yaml").read_text().startswith("# mine")
    assert {path.name for path in tmp_path.iterdir()} == {"config.yaml", "checkpoints"}


def test_settings_that_the_user_gives_count_more_than_those_of_the_checkpoint(in_fashion):
    times = ("--model.sampling_time", "50", "--model.measure_times", "[20]")
    model, data = evaluated("test", *times, "--data.num_eval_images", "17", "--seed_everything", "4")
    assert sorted(model.evaluation.measures) == [20.0, 50.0]
    assert model.evaluation.num_samples == 17
    assert data.hparams["seed"] == 4
    main(["predict", *LAST, "--model.sampling_time", "50", "--num_samples", "3", "--output", "early.npz"])
    trained = ChaoticGenerator.load_from_checkpoint(LAST[1])
    levels = ((trained.sample(3, times=[50.0], seed=0)[50.0].squeeze(1) + 1) * 127.5).round()
    assert abs(levels.numpy() - np.load("early.npz")["images"].astype(float)).max() <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["validate", *LAST, "--seed_everything", "4"], "some of these validation images were trained on"),
        (["validate", *LAST, "--data.num_validation", "90"], "drew its own with num_validation=200"),
        (["test", *LAST, "--model.gain", "3"], "frozen couplings of gain 1.5, but gain=3.0 was asked for"),
        (["fit", *TINY, *LAST, "--seed_everything", "4"], "is of a run with seed 3, and it cannot go on with seed 4"),
        (
            ["fit", *TINY, *LAST, *SAME_DATA, *DECAY, "--seed_everything", "3", "--trainer.max_steps", "9"],
            "decays until step 6, after which it would rise again, but max_steps=9",
        ),
        (["fit", "--model", "TwoLayers"], "there is no model TwoLayers: did you mean TwoLayer? Known are"),
        (["fit", "--data=MNIST"], "there is no data MNIST: did you mean MNISTDataModule? Known are"),
    ],
)
def test_what_does_not_fit_the_checkpoint_is_refused(in_fashion, capsys, arguments, message):
    with pytest.raises(SystemExit) as exit_:
        main([*arguments, "--trainer.logger.name", "refused"])
    assert exit_.value.code == 1
    assert message in " ".join(capsys.readouterr().err.split())


def test_the_settings_of_a_resumed_run_make_a_run_of_their_own(in_fashion, fashion):
    again = ["--trainer.logger.name", "resumed", "--trainer.enable_progress_bar", "false", "--ckpt_path", "last"]
    for steps in ("2", "4"):
        main(["fit", *TINY, *SAME_DATA, *again, "--trainer.max_steps", steps])
    runs = fashion / "logs" / "resumed"
    assert [run.name for run in runs.iterdir()] == ["version_0"]
    config = runs / "version_0" / "config.yaml"
    assert config.read_text().startswith(f"# chaos_lightning=={__version__}\n")
    main(["fit", "--config", str(config)])
    first, second = (
        torch.load(runs / f"version_{version}" / "checkpoints" / "last.ckpt", weights_only=True) for version in (0, 1)
    )
    for name, weight in first["state_dict"].items():
        assert torch.equal(weight, second["state_dict"][name]), name
    assert first["chaos_lightning"]["version"] == __version__


@pytest.mark.parametrize("stage", ["validate", "test"])
def test_measuring_the_newest_run_leaves_the_files_of_the_run_as_they_were(in_fashion, fashion, stage):
    name = ["--trainer.logger.name", f"kept_{stage}"]
    main(["fit", *TINY, *SAME_DATA, *DECAY, *name, "--trainer.max_steps", "4"])
    run_folder = fashion / "logs" / f"kept_{stage}" / "version_0"
    before = {path: path.read_bytes() for path in run_folder.rglob("*") if path.is_file()}
    main([stage, *name, "--ckpt_path", "last"])
    assert {path: path.read_bytes() for path in run_folder.rglob("*") if path.is_file()} == before
    assert (run_folder.parent / "version_1" / "measures.csv").exists()


OWN_CLASSES = """
import torch
from chaos_lightning import MNISTDataModule, TwoLayer
from chaos_lightning.metrics import InvertedShare

class OwnData(MNISTDataModule):
    def __init__(self, batch_size: int = 20, num_eval_images: int = 31, **settings):
        super().__init__(batch_size=batch_size, num_eval_images=num_eval_images, **settings)

class OwnNetwork(TwoLayer):
    def __init__(self, gain: float = 3.0, hidden_units: int = 17, dt: float = 5.0, **settings):
        super().__init__(gain=gain, hidden_units=hidden_units, dt=dt, **settings)

    def make_measures(self):
        measures = super().make_measures()
        measures.add_metrics({"negatives": InvertedShare(self.num_pixels)})
        return measures
"""


@pytest.fixture
def own_classes(tmp_path, monkeypatch):
    """Checkpoint of a network and data whose classes lie in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "own_classes.py").write_text(OWN_CLASSES)
    main(["fit", "--model", "own_classes.OwnNetwork", "--data", "own_classes.OwnData", "--trainer.max_steps", "2"])
    return tmp_path / "logs" / "runs" / "version_0" / "checkpoints" / "last.ckpt"


def test_classes_in_the_current_folder_keep_their_own_defaults(own_classes):
    checkpoint = torch.load(own_classes, weights_only=True)
    network, data = checkpoint["hyper_parameters"], checkpoint["datamodule_hyper_parameters"]
    assert (network["gain"], network["hidden_units"], network["dt"]) == (3.0, 17, 5.0)
    assert (data["batch_size"], data["num_eval_images"]) == (20, 31)


def test_a_measure_that_a_class_adds_stands_beside_the_others(own_classes, capsys):
    main(["test", "--ckpt_path", str(own_classes)])
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "negatives" in line]
    with (own_classes.parents[2] / "version_1" / "measures.csv").open() as file:
        values = {line["sampling_time"]: line for line in csv.DictReader(file) if line["measure"] == "negatives"}
    assert set(values) == {"50.0", "100.0", "150.0", "200.0"}
    assert f"{float(values['100.0']['value']):.3g}" in row
    assert float(values["100.0"]["floor"]) < 0.5


def test_commands_without_a_trainer_find_classes_in_the_current_folder(own_classes):
    result = run_command(own_classes.parents[4], "complete", "--ckpt_path", str(own_classes), "--num_images", "2")
    assert result.returncode == 0, result.stderr
    own_classes.parents[4].joinpath("own_classes.py").unlink()
    result = run_command(own_classes.parents[4], "complete", "--ckpt_path", str(own_classes), "--num_images", "2")
    assert result.returncode == 1
    assert "Import the module that defines OwnNetwork first" in result.stderr


@pytest.mark.parametrize("option", ["--model", "--data"])
def test_a_fault_in_a_module_of_the_users_own_is_shown_as_that(tmp_path, monkeypatch, capsys, option):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "faulty.py").write_text("import torch\n1 / 0\n")
    with pytest.raises(SystemExit) as exit_:
        main(["fit", option, "faulty.Own", "--trainer.max_steps", "1"])
    assert exit_.value.code == 1
    errors = capsys.readouterr().err
    assert "ZeroDivisionError" in errors
    assert errors.splitlines()[-1] == "error: faulty cannot be imported, see above"


@pytest.fixture
def python_trained(tmp_path, monkeypatch):
    """Makes a checkpoint by a training in Python, with a data module."""
    monkeypatch.chdir(tmp_path)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "limit_val_batches": 0}

    def train(data):
        trainer = Trainer(max_steps=1, accelerator="cpu", enable_checkpointing=False, **quiet)
        trainer.fit(TwoLayer(hidden_units=13, dt=5.0, measure_times=[]), datamodule=data)
        trainer.save_checkpoint(tmp_path / "some.ckpt")

    return train


def test_a_network_trained_in_python_is_tested_on_its_data(python_trained, tmp_path):
    python_trained(FashionMNISTDataModule(batch_size=20, num_eval_images=31, seed=5))
    main(["test", "--ckpt_path", "some.ckpt"])
    settings = (tmp_path / "logs" / "runs" / "version_0" / "config.yaml").read_text()
    assert "FashionMNISTDataModule" in settings
    assert "num_eval_images: 31" in settings


def test_data_that_is_not_at_hand_must_be_named(python_trained, capsys):
    class Local(MNISTDataModule):
        pass

    python_trained(Local(batch_size=20, num_eval_images=31))
    with pytest.raises(SystemExit) as exit_:
        main(["test", "--ckpt_path", "some.ckpt"])
    assert exit_.value.code == 1
    assert "Local, which is not at hand: name --data" in capsys.readouterr().err
    main(["test", "--ckpt_path", "some.ckpt", "--data", "MNISTDataModule", "--data.num_eval_images", "31"])


@pytest.mark.parametrize("nothing", [("--trainer.limit_val_batches", "0"), ("--data.num_validation", "0")])
def test_training_needs_no_validation(tmp_path, monkeypatch, capsys, nothing):
    monkeypatch.chdir(tmp_path)
    main(["fit", *TINY, *nothing, "--trainer.max_steps", "3"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "for 3 steps in" in printed
    assert "It was not measured, for that takes validation images." in printed
    assert (tmp_path / "logs" / "runs" / "version_0" / "checkpoints" / "last.ckpt").exists()


def test_a_wrong_option_is_said_in_a_few_lines(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        main(["fit", "--model.gian", "3"])
    assert exit_.value.code == 2
    errors = capsys.readouterr().err
    assert "gian" in errors
    assert "fit --help" in errors
    assert len(errors.splitlines()) < 12


def test_a_misspelt_command_is_said_with_the_one_that_is_meant(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["sweeep", "--config", "some.yaml"])
    assert exit_.value.code == 2
    said = "there is no command sweeep: did you mean sweep? Known are chaos, classifier, compare, complete, configs, "
    assert said in capsys.readouterr().err


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out.split()[-1] == __version__


def test_fewer_samples_than_processes_are_refused():
    with pytest.raises(ValueError, match="1 samples cannot be shared out over 2 processes"):
        ChainLoader(1, 500, 0, rank=0, world_size=2)


def test_two_processes_predict_the_samples_of_one_once_each(trained):
    folder, _ = trained
    arguments = ["predict", "--ckpt_path", "logs/runs/version_0/checkpoints/last.ckpt", "--num_samples", "101"]
    for output, options in (("one", []), ("two", [*TWO_PROCESSES, "--chains_at_once", "30"])):
        result = run_command(folder, *arguments, "--output", output, *options)
        assert result.returncode == 0, result.stderr
    images = [np.load(folder / f"{name}.npz")["images"].astype(int) for name in ("one", "two")]
    assert images[0].shape == (101, 28, 28)
    assert abs(images[0] - images[1]).max() <= 1
    assert len(np.unique(images[1].reshape(101, -1), axis=0)) == 101
    pictures = [read_image(str(folder / f"{name}.png")) for name in ("one", "two")]
    assert pictures[0].shape == pictures[1].shape


@pytest.mark.parametrize("stage", ["validate", "test"])
def test_validate_and_test_print_one_table(trained, stage):
    folder, _ = trained
    checkpoint = "logs/runs/version_0/checkpoints/last.ckpt"
    arguments = ["--ckpt_path", checkpoint, "--data.num_eval_images", "31", "--trainer.logger.name", stage]
    result = run_command(folder, stage, *arguments)
    assert result.returncode == 0, result.stderr
    split = {"validate": "validation", "test": "test"}[stage]
    assert f"31 samples at T = 100 against as many {split} images, after 23 training steps" in " ".join(
        result.stdout.split()
    )
    for text in ("value", "floor", "ratio", "E(2)", "E(s)", "E(R)", "E(AAI)"):
        assert result.stdout.count(text) == 1
    if stage == "validate":  # the checkpoint holds the weights that were measured
        with (folder / "logs" / "runs" / "version_0" / "measures.csv").open() as file:
            in_fit = [row for row in csv.DictReader(file) if row["step"] == "23"]
        with (folder / "logs" / stage / "version_0" / "measures.csv").open() as file:
            alone = list(csv.DictReader(file))
        assert [row["value"] for row in alone] == [row["value"] for row in in_fit]


def test_fit_goes_on_from_the_last_checkpoint(trained, tmp_path):
    arguments = [*TINY, "--trainer.logger.version", "0"]
    assert run_command(tmp_path, "fit", *arguments, "--trainer.max_steps", "10").returncode == 0
    result = run_command(tmp_path, "fit", *arguments, "--trainer.max_steps", "23", "--ckpt_path", "last")
    assert result.returncode == 0, result.stderr
    weights = [
        torch.load(folder / "logs/runs/version_0/checkpoints/last.ckpt", weights_only=True)["state_dict"]
        for folder in (trained[0], tmp_path)
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "--model.hidden_units", "0"], "at least one unit"),
        (["fit", "--model", "OneLayer", "--model.visible_units", "25"], "set visible_units=784"),
        (["fit", "--model.sampling_time", "0.5"], "at least one time step"),
        (["fit", "--model.dt", "10"], "shorter than tau"),
        (["fit", "--model.gain=-1"], "gain"),
        (["fit", "--model.num_chains", "0"], "num_chains must be at least 1"),
        (["fit", "--data.batch_size", "0"], "batch_size"),
        (["fit", "--data.batch_size", "4001"], "4001"),
        (["fit", "--data.batch_size", "null"], "data.batch_size is null, but needs a value"),
        (["fit", "--model.optimizer", "null"], "model.optimizer is null, but needs a value"),
        (["fit", "--config", "checkpoint: null"], "checkpoint is null, but takes settings of its own"),
        (["fit", "--config", "alarms: []"], "alarms is [], but takes settings of its own"),
        (["predict", "--ckpt_path", "nowhere.ckpt"], "there is no checkpoint at nowhere.ckpt"),
        (["predict", "--num_samples", "0"], "num_samples"),
    ],
)
def test_bad_input_ends_with_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    if "--config" in arguments:
        *arguments, content = arguments
        Path("settings.yaml").write_text(content)
        arguments.append("settings.yaml")
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert message in errors[0]
    assert not list(tmp_path.rglob("*.npz*"))
    assert not list(tmp_path.rglob("*.ckpt"))


def test_asking_for_another_architecture_names_the_one_there(trained):
    folder, _ = trained
    checkpoint = "logs/runs/version_0/checkpoints/last.ckpt"
    result = run_command(folder, "predict", "--model", "OneLayer", "--ckpt_path", checkpoint)
    assert result.returncode == 1
    assert "holds a TwoLayer network, but OneLayer was asked for" in result.stderr


def test_data_that_is_not_there_says_where_it_was_looked_for(tmp_path):
    (tmp_path / "MNIST").mkdir()
    with socket.socket() as closed:  # takes a port on which nobody listens: whatever goes there is refused
        closed.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{closed.getsockname()[1]}"
        no_network = {"http_proxy": proxy, "https_proxy": proxy, "no_proxy": ""}
        result = run_command(tmp_path, "test", "--data.data_dir", str(tmp_path / "MNIST"), **no_network)
    assert result.returncode == 1
    assert f"error: There is no MNIST in {tmp_path / 'MNIST' / 'MNIST' / 'raw'}" in result.stderr
    assert "Connection refused" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("subcommand", ["fit", "validate", "test", "predict"])
def test_help_names_the_main_arguments(capsys, subcommand):
    with pytest.raises(SystemExit) as exit_:
        main([subcommand, "--help"])
    assert exit_.value.code == 0
    text = capsys.readouterr().out
    assert "--model" in text
    assert "--ckpt_path" in text
    assert not re.search(r":(class|meth|func|attr|mod):", text)
    if subcommand == "predict":
        assert "number of images" in text


def test_switched_off_parts_stay_off(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main([*("fit", *TINY, "--trainer.max_steps", "2"), "--trainer.enable_checkpointing", "false"])
    assert not list(tmp_path.rglob("*.ckpt"))
    main(["fit", *TINY, "--trainer.fast_dev_run", "1"])
