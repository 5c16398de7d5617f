"""Real training on real images must make the samples better."""

import csv
import time

import pytest
import torch

from chaos_lightning import MNISTDataModule, TwoLayer
from chaos_lightning.commands import main
from chaos_lightning.commands.cli import ChaosCLI
from chaos_lightning.functional import adversarial_accuracy_indicator, second_moment_error


def test_short_training_lowers_the_measures(tmp_path, monkeypatch, request):
    """E(2) falls to a fifth or less and E(AAI) to two thirds or less, against the untrained network."""
    config = request.config.rootpath / "configs" / "quickstart.yaml"
    monkeypatch.chdir(tmp_path)
    real = MNISTDataModule().validation.images[:500]
    small = ("--model.hidden_units", "300", "--model.measure_times", "[]", "--data.num_eval_images", "100")
    cli = ChaosCLI(["fit", "--config", str(config), *small, "--trainer.max_steps", "300"])
    trained = cli.model.sample(500, seed=1)
    untrained = TwoLayer(dt=5.0, hidden_units=300, rate="hardtanh").sample(500, seed=1)
    assert second_moment_error(real, trained) < second_moment_error(real, untrained) / 5
    assert adversarial_accuracy_indicator(real, trained) < adversarial_accuracy_indicator(real, untrained) * 2 / 3


def test_training_takes_the_full_data_from_its_folder(tmp_path, monkeypatch, full_data):
    monkeypatch.chdir(tmp_path)
    cli = ChaosCLI(
        [
            *("fit", "--data", "FashionMNISTDataModule", "--data.data_dir", full_data, "--data.batch_size", "50"),
            *("--model", "ThreeLayer", "--model.dt", "5", "--data.num_eval_images", "50", "--trainer.max_steps", "2"),
        ]
    )
    assert len(cli.datamodule.train) == 50_000
    assert cli.trainer.global_step == 2


@pytest.mark.slow
def test_quickstart_reaches_its_bar_on_the_full_data_in_four_minutes(tmp_path, monkeypatch, full_data, request):
    """On two cores: E(2) <= 2e-4, E(s) <= 0.001 and E(AAI) <= 0.04 with 2,000 samples."""
    torch.set_num_threads(2)
    request.addfinalizer(lambda: torch.set_num_threads(1))
    config = request.config.rootpath / "configs" / "quickstart.yaml"
    monkeypatch.chdir(tmp_path)
    start = time.monotonic()
    main(["fit", "--config", str(config), "--data.data_dir", full_data, "--data.num_eval_images", "2000"])
    assert time.monotonic() - start < 240
    with (tmp_path / "logs" / "quickstart" / "version_0" / "measures.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["step"] == "2000" and row["sampling_time"] == "150.0"]
    reached = {row["measure"]: float(row["value"]) for row in rows}
    assert reached["second_moment_error"] <= 2e-4
    assert reached["spectrum_error"] <= 0.001
    assert reached["adversarial_accuracy_indicator"] <= 0.04
