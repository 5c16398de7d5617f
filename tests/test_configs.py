"""Every shipped config makes a generator and takes one training step, as its user would run it."""

from pathlib import Path

import pytest
import torch
import yaml

from chaos_lightning import FashionMNISTDataModule
from chaos_lightning.commands.cli import ChaosCLI

ALL = sorted((Path(__file__).parents[1] / "configs").rglob("*.yaml"))
SWEEPS = [path for path in ALL if path.parent.name in ("sweep", "experiments")]
COMPARISONS = [path for path in ALL if path.parent.name in ("compare", "scaling")]
CONFIGS = [path for path in ALL if path not in (*SWEEPS, *COMPARISONS)]


def is_for_clothes(path):
    return path.stem.startswith("fashion")


# Most of those for clothes ask for nothing that those for digits do not ask for too.
STEPPED = [
    pytest.param(path, marks=pytest.mark.slow)
    if is_for_clothes(path) and path.with_stem(path.stem.removeprefix("fashion_")).exists()
    else path
    for path in CONFIGS
]


def small_data(path):
    """Settings of the bundled sample in place of the full data, or of a small simulation."""
    if path.stem == "ising":
        return ["--data.num_training", "100", "--data.num_testing", "20"]
    return ["--data.data_dir", "null"]


def named(path):
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", CONFIGS, ids=named)
def test_config_makes_a_generator(path):
    cli = ChaosCLI(["--config", str(path), *small_data(path)], run=False)
    assert is_for_clothes(path) == isinstance(cli.datamodule, FashionMNISTDataModule)


@pytest.mark.parametrize("path", STEPPED, ids=named)
def test_config_runs_for_one_step(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # the bundled sample in place of the full data, and little work: settings as such stay those of the file
    arguments = [
        *("fit", "--config", str(path), *small_data(path), "--trainer.max_steps", "1"),
        *("--data.batch_size", "50", "--data.num_validation", "20", "--data.num_eval_images", "20"),
        *("--pictures.num_images", "4"),
        *([] if path.parent.name == "baselines" else ["--model.measure_times", "[]"]),
        *("--trainer.enable_progress_bar", "false"),
    ]
    cli = ChaosCLI(arguments)
    assert cli.trainer.global_step == 1
    last = cli.model.trainable()[-1]  # a bias, which starts at 0 in the chaotic networks
    assert last.any()
    assert all(torch.isfinite(parameter).all() for parameter in cli.model.parameters())
    assert cli.model.evaluation.num_samples == 20


@pytest.mark.parametrize("path", ALL, ids=named)
def test_config_is_headed_by_its_command(path):
    lines = path.read_text().splitlines()
    command = "sweep" if path in SWEEPS else "compare" if path in COMPARISONS else "fit"
    place = path.relative_to(Path(__file__).parents[1]).as_posix()
    assert lines[0].removesuffix(" --data.data_dir DIR") == f"# chaos-lightning {command} --config {place}"
    assert len(lines[2]) > 20


@pytest.mark.parametrize("path", [path for path in CONFIGS if path.parent.name == "paper"], ids=lambda path: path.stem)
def test_paper_configs_hold_the_published_hyperparameters(path):
    config = yaml.safe_load(path.read_text())
    settings = config["model"]["init_args"]
    assert (settings["gain"], settings["dt"], settings["tau"], settings["sampling_time"]) == (1.5, 1, 10, 100)
    assert settings["optimizer"] == {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.01}}
    assert (config["data"]["init_args"]["batch_size"], config["trainer"]["max_steps"]) == (500, 300_000)
