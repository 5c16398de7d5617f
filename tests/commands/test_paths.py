"""Paths on the command line and in files, and what commands write: whole, and in the place asked for."""

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import jsonargparse
import numpy as np
import pytest
import torch
from forked import TWO_PROCESSES, exit_code, run_command, start

from chaos_lightning import ChaoticGenerator
from chaos_lightning.commands import main

TINY = [
    *("--model", "OneLayer", "--model.visible_units", "25", "--model.dt", "5", "--model.sampling_time", "10"),
    *("--model.measure_times", "[]", "--data", "half_bright.FewPixels", "--data.num_validation", "40"),
    *("--data.batch_size", "20", "--data.num_eval_images", "20", "--pictures.num_images", "4"),
    *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
    *("--checkpoint.every_n_train_steps", "2"),
]
RUN = "logs/runs/version_0/checkpoints"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PLACE", "elsewhere")
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The checkpoint of a short training."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(["fit", *TINY, "--trainer.max_steps", "2"])
    return folder / RUN / "last.ckpt"


def fails(capsys, arguments):
    """The one sentence of a command that must fail."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 1
    return next(line for line in capsys.readouterr().err.splitlines() if line.startswith("error: "))


def steps(folder):
    return {path.name: torch.load(path, weights_only=True)["global_step"] for path in folder.glob("last*.ckpt")}


AGAIN = {
    "absolute": lambda here: ["--trainer.logger.save_dir", f"{here}/logs"],
    "by another way": lambda here: ["--trainer.logger.save_dir", "logs/../logs"],
    "saving at other steps": lambda here: ["--checkpoint.every_n_train_steps", "3"],
    "moved": lambda here: ["--trainer.logger.save_dir", str((here / "logs").rename(here / "moved"))],
    "from its first file": lambda here: [
        *("--trainer.logger.version", "0", "--ckpt_path", f"{RUN}/epoch=0-step=2.ckpt"),
    ],
}


@pytest.mark.parametrize("options", AGAIN.values(), ids=AGAIN)
def test_a_run_that_goes_on_in_its_folder_has_one_last_checkpoint(here, options):
    many = ["--checkpoint.save_top_k", "-1"]
    main(["fit", *TINY, *many, "--trainer.max_steps", "4"])
    main(["fit", *TINY, *many, "--ckpt_path", "last", *options(here), "--trainer.max_steps", "7"])
    (folder,) = here.glob("*/runs/version_0/checkpoints")
    assert steps(folder) == {"last.ckpt": 7}


def test_home_and_variables_are_expanded_in_files_and_on_the_command_line(here, capsys):
    (here / "settings.yaml").write_text("trainer:\n  logger:\n    init_args:\n      save_dir: ~/$PLACE\n")
    main(["fit", *TINY, "--config", "settings.yaml", "--trainer.max_steps", "2"])
    run = here / "home" / "elsewhere" / "runs" / "version_0"
    assert {"config.yaml", "samples.png", "checkpoints"} <= {path.name for path in run.iterdir()}
    checkpoint = "--ckpt_path=~/$PLACE/runs/version_0/checkpoints/last.ckpt"
    main(["predict", checkpoint, "--num_samples", "2", "--output=~/some"])
    main(["export", checkpoint, "--output=${HOME}/weights"])
    main(["measure", "--real=~/some.npz", "--generated=~/some.npz", "--output=~/measured"])
    assert {"some.npz", "some.png", "weights.safetensors", "measured"} <= {p.name for p in (here / "home").iterdir()}
    assert {path.name for path in here.iterdir()} == {"home", "settings.yaml"}
    assert "NOWHERE, which is not set" in fails(capsys, ["predict", checkpoint, "--output", "$NOWHERE/x"])


def test_the_config_of_a_run_finds_its_data_from_another_folder(here, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (90, 5, 5), dtype=np.uint8)
    (here / "data").mkdir()
    np.savez(here / "data" / "train.npz", images=images)
    np.savez(here / "data" / "test.npz", images=images[:20] ^ 255)
    own = ["--data", "ImageFilesDataModule", "--data.train", "data/train.npz", "--data.test", "data/test.npz"]
    few = [argument for argument in TINY if "half_bright" not in argument]
    few.remove("--data")
    main(["fit", *few, *own, "--trainer.max_steps", "1"])
    (here / "below").mkdir()
    monkeypatch.chdir(here / "below")
    main(["fit", "--config", "../logs/runs/version_0/config.yaml"])
    assert (here / "below" / RUN / "last.ckpt").exists()


WRITERS = {
    "predict": ["predict", "--num_samples", "2"],
    "export": ["export"],
    "complete": ["complete", "--num_images", "2", "--num_samples", "2"],
}


@pytest.mark.parametrize("command", WRITERS)
@pytest.mark.parametrize(
    ("output", "sentence"),
    [(".", "output is the folder ."), ("logs/", "output is the folder logs/: name a file in it"), ("s.png", "s.png")],
)
def test_an_output_that_is_no_such_file_is_said_before_the_work(here, trained, capsys, command, output, sentence):
    assert sentence in fails(capsys, [*WRITERS[command], "--ckpt_path", str(trained), "--output", output])
    assert not list(here.iterdir())


@pytest.mark.parametrize("command", WRITERS)
def test_a_folder_that_is_read_only_is_said_before_the_work(here, trained, monkeypatch, capsys, command):
    def refuse(*arguments, **settings):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)  # tests may be run by root, who may write anywhere
    monkeypatch.setattr(Path, "unlink", refuse)
    monkeypatch.setattr(ChaoticGenerator, "predict_step", lambda *_: pytest.fail("worked for nothing"))
    sentence = fails(capsys, [*WRITERS[command], "--ckpt_path", str(trained), "--output", "x"])
    assert "cannot write to .: Permission denied" in sentence


def test_a_checkpoint_that_cannot_be_written_is_said_with_an_option_that_helps(here, capsys):
    (here / "checkpoints").write_text("in the way")
    nowhere = ["--trainer.logger", "false"]
    assert "--checkpoint.dirpath" in fails(capsys, ["fit", *TINY, *nowhere, "--trainer.max_steps", "2"])
    main(["fit", *TINY, *nowhere, "--checkpoint.dirpath", "kept", "--trainer.max_steps", "2"])
    assert (here / "kept" / "last.ckpt").exists()


def test_all_that_is_written_has_the_rights_of_the_umask(here, trained):
    before = os.umask(0o027)
    try:
        main(["fit", *TINY, "--trainer.max_steps", "2"])
        for arguments in WRITERS.values():
            main([*arguments, "--ckpt_path", str(trained), "--output", arguments[0]])
        main(["measure", "--real", "predict.npz", "--generated", "predict.npz", "--output", "measured"])
    finally:
        os.umask(before)
    files = [path for path in here.rglob("*") if path.is_file() and "tfevents" not in path.name]
    assert {".ckpt", ".yaml", ".csv", ".png", ".npz", ".safetensors", ".json"} <= {path.suffix for path in files}
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o640"}


def predict(folder, checkpoint, seed):
    os.chdir(folder)
    step = ChaoticGenerator.predict_step

    def in_step(self, *arguments):  # until both have begun to write
        images = step(self, *arguments)
        Path(f"begun{seed}").touch()
        while len(list(Path().glob("begun*"))) < 2:
            pass
        return images

    ChaoticGenerator.predict_step = in_step
    main(["predict", "--ckpt_path", str(checkpoint), "--num_samples", "400", "--seed", str(seed)])


def test_of_two_predictions_at_once_one_is_there_whole(here, trained):
    processes = [start(predict, here, trained, seed) for seed in (1, 2)]
    assert [exit_code(process) for process in processes] == [0, 0]
    written = np.load("samples.npz")
    images = ChaoticGenerator.load_from_checkpoint(trained).sample(400, seed=int(written["seed"]))
    levels = ((images.squeeze(1) + 1) * 127.5).round().numpy()
    assert abs(levels - written["images"].astype(float)).max() <= 1
    left = {path.name for path in here.iterdir()} - {"home"}  # where matplotlib keeps its own
    assert left == {"samples.npz", "samples.png", "begun1", "begun2"}


@pytest.mark.parametrize(
    ("options", "seed"),
    [
        ([], 0),
        (["--seed_everything", "3"], 3),
        (["--seed", "4"], 4),
        (["--seed", "0", "--seed_everything", "3"], 0),
    ],
)
def test_samples_follow_the_seed_that_is_asked_for(here, trained, options, seed):
    main(["predict", "--ckpt_path", str(trained), "--num_samples", "3", *options])
    written = np.load("samples.npz")
    assert written["seed"] == seed
    levels = ((ChaoticGenerator.load_from_checkpoint(trained).sample(3, seed=seed).squeeze(1) + 1) * 127.5).round()
    assert abs(levels.numpy() - written["images"].astype(float)).max() <= 1


@pytest.mark.parametrize("option", [["--trainer.limit_predict_batches", "1"], ["--trainer.fast_dev_run", "true"]])
def test_a_file_of_fewer_images_than_it_says_is_refused(here, trained, capsys, option):
    assert "set num_samples instead" in fails(capsys, ["predict", "--ckpt_path", str(trained), *option])
    assert not list(here.iterdir())


def test_a_fast_dev_run_writes_nothing(here):
    own = "lightning.pytorch.callbacks.ModelCheckpoint"
    callbacks = ["--trainer.callbacks+", own, "--trainer.callbacks.save_last", "true"]
    main(["fit", *TINY, *callbacks, "--trainer.fast_dev_run", "true"])
    assert not list(here.iterdir())


def test_messages_name_the_checkpoint_of_the_command_beside_one_of_the_users_own(here, capsys):
    own = ["--trainer.callbacks+", "ModelCheckpoint", "--trainer.callbacks.every_n_train_steps", "100"]
    main(["fit", *TINY, *own, "--trainer.max_steps", "2"])
    assert f"checkpoint  {RUN}/last.ckpt" in capsys.readouterr().out


@pytest.mark.parametrize("before", [["--config", "some.yaml"], ["--config=some.yaml"], ["--trainer.max_steps", "3"]])
@pytest.mark.parametrize("command", ["fit", "measure"])
def test_options_before_the_command_are_put_in_their_place(here, capsys, before, command):
    (here / "some.yaml").write_text("trainer:\n  max_steps: 3\n")
    with pytest.raises(SystemExit) as exit_:
        main([*before, command])
    assert exit_.value.code == 2
    sentence = f"error: options follow the command: type chaos-lightning {command} {' '.join(before)}\n"
    assert capsys.readouterr().err == sentence


def test_a_config_with_a_section_for_the_command_may_stand_before_it(here):
    (here / "some.yaml").write_text("fit:\n  model:\n    class_path: OneLayer\n    init_args: {visible_units: 25}\n")
    own = [argument for argument in TINY if argument not in ("--model", "OneLayer")]
    main(["--config", "some.yaml", "fit", *own, "--trainer.max_steps", "1"])
    assert (here / RUN / "last.ckpt").exists()


def test_text_that_is_not_read_as_utf_8_is_said_with_what_helps(here, monkeypatch, capsys):
    def open_in_ascii(*arguments, **settings):
        return open(*arguments, **{"encoding": "ascii", **settings})

    (here / "some.yaml").write_text("# \u00e9\ntrainer:\n  max_steps: 1\n", encoding="utf-8")
    monkeypatch.setattr(jsonargparse._paths, "open", open_in_ascii, raising=False)
    assert "Type PYTHONUTF8=1 before the command" in fails(capsys, ["fit", "--config", "some.yaml"])


@pytest.mark.parametrize(
    "backend",
    [
        "module://matplotlib_inline.backend_inline",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("nonsense", "tkagg")),
    ],
)
def test_commands_draw_without_a_window_whatever_the_backend(here, trained, backend):
    main(["predict", "--ckpt_path", str(trained), "--num_samples", "20"])
    command = "from chaos_lightning.commands import main; main(); import matplotlib.pyplot as p; p.figure()"
    arguments = ["measure", "--real", "samples.npz", "--generated", "samples.npz"]
    environment = {**os.environ, "MPLBACKEND": backend, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", command, *arguments], cwd=here, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert (here / "measures" / "spectra.png").exists()


def test_the_checkpoint_that_other_processes_have_written_is_named(here):
    result = run_command(here, "fit", *TINY, *TWO_PROCESSES, "--trainer.max_steps", "2")
    assert result.returncode == 0, result.stderr
    assert f"checkpoint  {RUN}/last.ckpt" in result.stdout
