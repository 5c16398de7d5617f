"""The command, with generators of 25 pixels. Runs take place in this process but in the slow test."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
import yaml
from half_bright import FewPixels, half_bright
from lightning.pytorch import Trainer
from torchvision.io import read_image

from chaos_lightning.baselines import VariationalAutoencoder
from chaos_lightning.commands import main
from chaos_lightning.commands.compare import command
from chaos_lightning.commands.compare import run as compared
from chaos_lightning.data import ImageDataModule, ImageSet
from chaos_lightning.functional import second_moment_error

SIZES = {"visible_units": 25, "hidden_units": 7}
COMPARE = ["compare", "--config", "configs/comparison.yaml"]


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder with a comparison of generators of 25 pixels, one of them loaded from a checkpoint."""
    monkeypatch.chdir(tmp_path)
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = Trainer(accelerator="cpu", max_steps=3, limit_val_batches=0, **quiet)
    trainer.fit(VariationalAutoencoder(**SIZES), datamodule=FewPixels(batch_size=20, num_validation=40))
    trainer.save_checkpoint(tmp_path / "trained.ckpt")

    chaotic = {
        "model": {
            "class_path": "chaos_lightning.TwoLayer",
            "init_args": {
                **SIZES,
                "dt": 5.0,
                "sampling_time": 20.0,
                "rule": {"class_path": "own_physics.Averaged"},
                "measure_times": [],
                "optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.05}},
            },
        },
        "trainer": {"accelerator": "cpu"},
    }
    vae = "chaos_lightning.baselines.VariationalAutoencoder"
    comparison = {
        "contestants": {
            "chaotic": {"base": "chaotic.yaml"},
            "vae": {"settings": {"model": vae, **{f"model.init_args.{name}": size for name, size in SIZES.items()}}},
            "loaded": {"checkpoint": "trained.ckpt"},
            "real": {
                "settings": {"model": "chaos_lightning.baselines.HeldOutImages", "model.init_args.visible_units": 25}
            },
        },
        "settings": {
            "data": "half_bright.FewPixels",
            "data.init_args.batch_size": 20,
            "data.init_args.num_validation": 40,
            "trainer.accelerator": "cpu",
            "pictures.num_images": 4,
        },
        "seeds": [0, 1],
        "budget": 0.3,
        "num_samples": 30,
        "folder": "compared",
    }
    (tmp_path / "configs").mkdir()
    (tmp_path / "trained.ckpt").rename(tmp_path / "configs" / "trained.ckpt")
    (tmp_path / "configs" / "chaotic.yaml").write_text(yaml.safe_dump(chaotic))
    (tmp_path / "configs" / "comparison.yaml").write_text(yaml.safe_dump(comparison, sort_keys=False))
    torch.set_num_threads(1)
    return tmp_path


@pytest.fixture
def here(monkeypatch):
    """The runs that are done, which take place in this process."""
    done = []

    def do_run(plan, run):
        done.append((run.settings["contestant"], run.seed))
        return compared.train_and_measure(plan, run)

    monkeypatch.setattr(command, "do_run", do_run)
    return done


def rows(folder):
    with (folder / "compared" / "compare.csv").open() as file:
        return {row["contestant"]: row for row in csv.DictReader(file)}


def test_everybody_is_trained_or_loaded_measured_and_told_of_and_never_twice(small, here, capsys):
    before = set(small.iterdir())
    main(COMPARE)
    assert set(small.iterdir()) - before == {small / "compared"}
    names = ["chaotic", "vae", "loaded", "real"]
    assert here == [(name, seed) for seed in (0, 1) for name in names]
    table = rows(small)
    assert list(table) == names
    assert {row["runs"] for row in table.values()} == {"2"}
    assert [row["model"] for row in table.values()][:3] == ["TwoLayer", *["VariationalAutoencoder"] * 2]

    # the budget: as many steps as the pilot says fit into it, and about the time that was asked for
    for name in ("chaotic", "vae"):
        (note, _) = sorted((small / "compared" / "runs").glob(f"contestant={name}*/budget.json"))
        budget = json.loads(note.read_text())
        assert budget["max_steps"] == round(0.3 / budget["seconds_per_step"]) > 1
        assert 0.02 < float(table[name]["training_seconds"]) < 5
    assert float(table["real"]["training_steps"]) == 1
    assert (float(table["loaded"]["training_steps"]), table["loaded"]["training_seconds"]) == (3.0, "")
    # 25 x 7 couplings both ways, one a pair, and biases
    assert float(table["chaotic"]["parameters"]) == 25 * 7 + 25 + 7
    assert float(table["chaotic"]["frozen_parameters"]) == 2 * 25 * 7
    assert float(table["vae"]["parameters"]) == 25 * 7 + 7 + 7 * 40 + 40 + 20 * 7 + 7 + 7 * 25 + 25
    assert float(table["real"]["parameters"]) == 0

    # measured as an independent look at the same images does: validation against test images
    data = [FewPixels(num_validation=40, seed=seed) for seed in (0, 1)]
    assert float(table["real"]["peak_memory_mib"]) > 100
    assert table["loaded"]["peak_memory_mib"] == ""  # it was not trained here
    for row in table.values():
        for quantity in ("second_moment_error", "manifold_recall", "class_coverage", "seconds_per_1000_samples"):
            assert np.isfinite(float(row[quantity]))
    both = [second_moment_error(part.validation.images, part.test.images).item() for part in data]
    assert 0.2 * min(both) < float(table["real"]["second_moment_error"]) < 5 * max(both)

    text = (small / "compared" / "compare.md").read_text()
    assert "| real (floor) | HeldOutImages | 2 |" in text
    assert "E(AAI): " in text
    assert text.count("\n- ") == len([line for line in text.splitlines() if "chaotic is" in line])
    assert read_image(str(small / "compared" / "compare.png")).shape[1] > 200

    # again: nothing is run
    (small / "compared" / "compare.md").unlink()
    main(COMPARE)
    main([*COMPARE, "--workers", "0", "--reference", "vae"])
    assert len(here) == 8
    assert "vae is" in (small / "compared" / "compare.md").read_text()

    # a contestant that has been changed is run anew, the others are not
    path = small / "configs" / "chaotic.yaml"
    path.write_text(path.read_text().replace("lr: 0.05", "lr: 0.04"))
    main([*COMPARE, "--seeds", "[0]"])
    assert here[8:] == [("chaotic", 0)]
    assert {row["runs"] for row in rows(small).values()} == {"1"}
    capsys.readouterr()


def test_a_run_that_was_broken_off_goes_on_with_its_budget(small, here, monkeypatch, capsys):
    """The second half of a run takes neither another pilot nor its first steps again."""
    steps, batches = [], []
    training_step = VariationalAutoencoder.training_step

    def counted(model, batch, batch_idx):
        batches.append(batch_idx)
        return training_step(model, batch, batch_idx)

    def broken(arguments):
        steps.append(next(int(word.partition("=")[2]) for word in arguments if word.startswith("--trainer.max_steps")))
        if len(steps) == 1:
            monkeypatch.setattr(VariationalAutoencoder, "training_step", counted)
            whole([*arguments, f"--trainer.max_steps={steps[0] // 2}"])
            raise KeyboardInterrupt
        return whole(arguments)

    whole = compared.fit
    monkeypatch.setattr(compared, "fit", broken)
    arguments = [*COMPARE, "--seeds", "[0]", "--checkpoint.every_n_train_steps", "1"]
    contestants = yaml.safe_load((small / "configs" / "comparison.yaml").read_text())["contestants"]
    only = json.dumps({"vae": contestants["vae"]})
    with pytest.raises(SystemExit) as exit_:
        main([*arguments, "--contestants", only])
    assert exit_.value.code == 130
    assert "the same command goes on" in capsys.readouterr().err
    main([*arguments, "--contestants", only])
    assert steps[0] == steps[1] > 1
    assert len(batches) == steps[0]
    row = rows(small)["vae"]
    assert float(row["training_steps"]) == steps[0]
    assert float(row["training_seconds"]) > 0.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "[]"], "at least one seed"),
        (["--budget", "0"], "budget must be a positive number"),
        (["--reference", "nobody"], "no contestant 'nobody'"),
        (["--num_samples", "41"], "num_samples must be from 4 to 40"),
        (["--workers", "0"], "there is no comparison at compared"),
        (["--contestants", '{"a": {"base": null}}'], "a needs a base, settings or a checkpoint"),
        (["--model.gain=-1"], "gain is the strength"),
        (
            ["--contestants", '{"a": {"checkpoint": "configs/trained.ckpt", "settings": {"model": "x"}}}'],
            "neither base nor settings",
        ),
        (
            ["--contestants", '{"a": {"settings": {"data.init_args.num_validation": 30}}, "b": {"base": "v.yaml"}}'],
            "must have the same data",
        ),
    ],
)
def test_bad_input_ends_with_one_sentence_before_work_starts(small, here, capsys, arguments, message):
    if "v.yaml" in arguments[-1]:
        (small / "v.yaml").write_text("model: {class_path: chaos_lightning.TwoLayer, init_args: {visible_units: 25}}")
        comparison = yaml.safe_load((small / "configs" / "comparison.yaml").read_text())
        comparison["settings"] = {"data": "half_bright.FewPixels", "model.init_args.visible_units": 25}
        (small / "configs" / "comparison.yaml").write_text(yaml.safe_dump(comparison, sort_keys=False))
    if "gain" in message:
        contestants = yaml.safe_load((small / "configs" / "comparison.yaml").read_text())["contestants"]
        base = str(small / "configs" / "chaotic.yaml")
        arguments = [*arguments, "--contestants", json.dumps({"chaotic": {**contestants["chaotic"], "base": base}})]
    with pytest.raises(SystemExit) as exit_:
        main([*COMPARE, *arguments])
    assert exit_.value.code == 1
    assert message in capsys.readouterr().err
    assert not here
    assert not (small / "compared").exists()


def test_classes_are_left_out_where_images_have_no_labels():
    class Unlabelled(ImageDataModule):
        def read_image_sets(self):
            return tuple(ImageSet.from_arrays(half_bright(count, 5, count).pixels) for count in (90, 20))

    data = Unlabelled()
    values = compared._measure(data.validation.images, data)
    assert "near_copy_share" in values
    assert not [name for name in values if name.startswith("class_")]


def test_a_checkpoint_that_has_learned_from_other_data_is_refused(small, here, capsys):
    path = small / "configs" / "trained.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["datamodule_hyper_parameters"]["_class_path"] = "chaos_lightning.FashionMNISTDataModule"
    torch.save(checkpoint, path)
    with pytest.raises(SystemExit):
        main(COMPARE)
    assert "loaded has learned from FashionMNISTDataModule, not from FewPixels" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signum", "whom", "workers"),
    [(signal.SIGTERM, "command", "1"), (signal.SIGINT, "group", "1"), (signal.SIGINT, "group", "2")],
)
def test_a_signal_stops_runs_when_their_state_is_saved(small, signum, whom, workers):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "chaos_lightning", *COMPARE, "--budget", "300", "--workers", workers]
    arguments = ["--threads", "1", "--checkpoint.every_n_train_steps", "1000000"]
    process = subprocess.Popen(
        [*command, *arguments], env=environment, start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    logs = small / "compared" / "runs"
    deadline = time.monotonic() + 200
    while sum("fit" in log.read_text() for log in logs.glob("*/output.log")) < int(workers):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    time.sleep(40)  # pilots take 15 s each to warm up and to time
    (os.killpg if whom == "group" else os.kill)(process.pid, signum)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signum, errors
    assert "the same command goes on" in errors
    assert len(list(logs.glob("*/checkpoints/last.ckpt"))) == int(workers)


@pytest.mark.slow
def test_each_run_has_a_process_of_its_own_and_a_failed_one_is_told_of(small, capsys):
    contestants = yaml.safe_load((small / "configs" / "comparison.yaml").read_text())["contestants"]
    contestants["vae"]["settings"] |= {"model.init_args.optimizer": "SGD", "model.init_args.optimizer.lr": 1e9}
    for contestant in contestants.values():
        for part in ("base", "checkpoint"):
            if part in contestant:
                contestant[part] = str(small / "configs" / contestant[part])
    before = torch.get_num_threads()
    start = time.monotonic()
    with pytest.raises(SystemExit) as exit_:
        main([*COMPARE, "--seeds", "[0]", "--workers", "2", "--contestants", json.dumps(contestants)])
    assert exit_.value.code == 1
    assert "TrainingDivergedError: training diverged" in capsys.readouterr().err
    assert list(rows(small)) == ["chaotic", "loaded", "real"]
    assert torch.get_num_threads() == before
    assert time.monotonic() - start < 300
