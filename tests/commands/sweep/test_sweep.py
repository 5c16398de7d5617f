"""The command, with networks of 25 visible units."""

import csv
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import forked
import pytest
import yaml
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from torchvision.io import read_image

from chaos_lightning.commands import main
from chaos_lightning.commands.sweep import command

SWEEP = ["sweep", "--config", "sweep.yaml"]


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A folder with a base config for networks of 25 visible units, and a config of a sweep over it."""
    monkeypatch.chdir(tmp_path)
    base = {
        "model": {
            "class_path": "chaos_lightning.TwoLayer",
            "init_args": {
                "visible_units": 25,
                "hidden_units": 7,
                "dt": 5.0,
                "sampling_time": 20.0,
                "rule": {"class_path": "own_physics.Averaged", "init_args": {"memory_steps": 2}},
                "optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.05}},
            },
        },
        "data": {"class_path": "half_bright.FewPixels", "init_args": {"batch_size": 20, "num_validation": 30}},
        "trainer": {"max_steps": 10, "val_check_interval": 5, "accelerator": "cpu"},
        "pictures": {"num_images": 4},
        "checkpoint": {"every_n_train_steps": 5},
    }
    sweep = {"base": "base.yaml", "grid": {"model.init_args.gain": [0, 1.5]}, "seeds": [0, 1], "folder": "swept"}
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(base))
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    return tmp_path


def trials(folder):
    storage = JournalStorage(JournalFileBackend(str(folder / "swept" / "study.journal")))
    studies = storage.get_all_studies()
    return storage.get_all_trials(studies[0]._study_id) if studies else []


def kill_workers_in_mid_run(folder, killed):
    """Once a run is done, kill the workers that are doing another."""
    deadline = time.monotonic() + 100
    while not killed and time.monotonic() < deadline:
        time.sleep(0.02)
        known = trials(folder) if (folder / "swept" / "study.journal").exists() else []
        if any(trial.state == TrialState.COMPLETE for trial in known):
            running = [trial for trial in known if trial.state == TrialState.RUNNING and "worker" in trial.user_attrs]
            for trial in running:
                os.kill(int(trial.user_attrs["worker"].split(":")[1]), signal.SIGKILL)
                killed.append(trial.number)


@pytest.mark.parametrize(
    "context",
    [
        pytest.param(forked.context, id="forked"),
        pytest.param(multiprocessing.get_context("spawn"), id="spawned", marks=pytest.mark.slow),
    ],
)
def test_two_workers_share_the_runs_and_what_killed_ones_leave_is_done_by_the_next(tiny, capsys, monkeypatch, context):
    monkeypatch.setattr(multiprocessing, "get_context", lambda method: context)  # forked workers have nothing to import
    killed = []
    watcher = threading.Thread(target=kill_workers_in_mid_run, args=(tiny, killed))
    watcher.start()
    main([*SWEEP, "--workers", "2", "--threads", "1"])
    watcher.join()
    assert killed
    assert "of 2 workers were stopped (exit codes [-9" in capsys.readouterr().out
    before = {trial.number: trial for trial in trials(tiny)}
    main([*SWEEP, "--workers", "1"])

    after = trials(tiny)
    completed = [trial for trial in after if trial.state == TrialState.COMPLETE]
    names = [f"gain={gain},seed={seed}" for gain in ("0", "1.5") for seed in (0, 1)]
    assert sorted(trial.user_attrs["run"] for trial in completed) == names
    for trial in completed:
        if trial.number in before and before[trial.number].state == TrialState.COMPLETE:
            assert trial.datetime_complete == before[trial.number].datetime_complete
    assert {trial.number for trial in after if trial.state == TrialState.FAIL} <= set(killed)
    assert len(after) <= 4 + len(killed)

    with (tiny / "swept" / "table.csv").open() as file:
        rows = {float(row["model.init_args.gain"]): row for row in csv.DictReader(file)}
    assert list(rows) == [0.0, 1.5]
    assert {row["runs"] for row in rows.values()} == {"2"}
    # without couplings every deviation shrinks by 1 - dt / tau in a step
    assert float(rows[0.0]["lyapunov_before"]) == pytest.approx(math.log(0.5) / 5, rel=1e-4)
    assert float(rows[1.5]["lyapunov_before"]) > float(rows[0.0]["lyapunov_before"])
    assert all(float(row["second_moment_error"]) > 0 for row in rows.values())
    assert float(rows[0.0]["cancelled_share"]) == 0 != float(rows[1.5]["cancelled_share"])
    for name in ("plot.png", "exponents.png"):
        assert read_image(str(tiny / "swept" / name)).shape[1] > 500

    # drawn anew, with another threshold and nothing run
    capsys.readouterr()
    main([*SWEEP, "--workers", "0", "--threshold", "10"])
    assert "5 ± 0" in capsys.readouterr().out
    with (tiny / "swept" / "table.csv").open() as file:
        assert {row["steps_to_threshold"] for row in csv.DictReader(file)} == {"5.0"}
    assert len(trials(tiny)) == len(after)


def test_a_failed_run_is_told_with_its_cause_and_the_others_go_on(tiny, capsys):
    grid = '{"model.init_args.optimizer.init_args.lr": [1.0e+9, 0.05]}'
    with pytest.raises(SystemExit) as exit_:
        main([*SWEEP, "--grid", grid, "--seeds", "[0]", "--workers", "1", "--trainer.max_steps", "6"])
    assert exit_.value.code == 1
    printed = capsys.readouterr()
    assert "failed: lr=1000000000.0,seed=0: TrainingDivergedError: training diverged at step" in printed.err
    assert "1 of 2 runs failed" in printed.err
    failed, done = trials(tiny)
    assert (failed.state, done.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert failed.user_attrs["cause"].startswith("TrainingDivergedError")
    assert done.user_attrs["run"] == "lr=0.05,seed=0"
    assert (tiny / "swept" / "table.csv").exists()
    assert "fit" in (tiny / "swept" / "runs" / "lr=0.05,seed=0" / "output.log").read_text()
    log = (tiny / "swept" / "runs" / "lr=1000000000.0,seed=0" / "output.log").read_text()
    assert "Traceback" in log
    assert "TrainingDivergedError: training diverged at step" in log


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model.gain=-1", "--grid", '{"model.init_args.rule.init_args.l1": [0, 1]}'], "gain is the strength"),
        (["--grid", '{"model.init_args.gain": [1, -2]}'], "but is -2.0"),
        (["--grid", '[{}, {"model.init_args.rule.init_args.l1": [-1]}]'], "l1 must be 0 or more"),
        (["--grid", "[]"], "at least one value for every setting"),
        (["--seeds", "[]"], "at least one seed"),
        (["--workers", "-1"], "workers must be 0 or more"),
        (["--workers", "0"], "there is no sweep at swept"),
        (["--trainer.devices", "2"], "share its work out over 2 processes"),
        (["--base", "sweeps.txt"], "sweeps.txt holds no settings"),
        (["--base", "broken.yaml"], "broken.yaml is not YAML"),
    ],
)
def test_bad_input_ends_with_one_sentence_before_work_starts(tiny, capsys, arguments, message):
    (tiny / "sweeps.txt").write_text("a text")
    (tiny / "broken.yaml").write_text("a: [1")
    with pytest.raises(SystemExit) as exit_:
        main([*SWEEP, *arguments])
    assert exit_.value.code == 1
    assert message in capsys.readouterr().err
    assert not (tiny / "swept").exists()


def test_a_base_that_is_edited_meanwhile_changes_no_run(tiny, monkeypatch):
    do_run = command.do_run

    def edit_after(plan, run):
        reached = do_run(plan, run)
        (tiny / "base.yaml").write_text("edited: true")
        return reached

    monkeypatch.setattr(command, "do_run", edit_after)
    main([*SWEEP, "--seeds", "[0]", "--workers", "1", "--trainer.max_steps", "6"])
    configs = [yaml.safe_load(path.read_text()) for path in tiny.glob("swept/runs/*/config.yaml")]
    assert [config["model"]["init_args"]["hidden_units"] for config in configs] == [7, 7]


@pytest.mark.slow
def test_the_tasks_of_a_job_share_the_runs_and_do_whole_ones(tiny):
    """A launcher starts the same command twice, and tells each a rank, as if they were processes of one run.

    Lightning takes the rank from there when it is imported, so these are no forked processes.
    """
    command = [sys.executable, "-m", "chaos_lightning", *SWEEP, "--workers", "1", "--trainer.max_steps", "6"]
    tasks = []
    for rank in range(2):
        job = {"NTASKS": 2, "PROCID": rank, "LOCALID": rank, "JOB_ID": 7, "JOB_NAME": "sweep", "NODELIST": "here"}
        environment = {**os.environ, **{f"SLURM_{name}": str(value) for name, value in job.items()}}
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        tasks.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
    for task in tasks:
        assert task.wait(timeout=200) == 0, task.stderr.read()
    done = trials(tiny)
    assert [trial.state for trial in done] == [TrialState.COMPLETE] * 4
    assert len({trial.user_attrs["run"] for trial in done}) == 4
    assert len({trial.user_attrs["worker"] for trial in done}) == 2
    assert len(list(tiny.glob("swept/runs/*/measures.csv"))) == 4
    with (tiny / "swept" / "table.csv").open() as file:
        assert [row["runs"] for row in csv.DictReader(file)] == ["2", "2"]


def test_an_unknown_option_is_refused_before_work_starts(tiny, capsys):
    with pytest.raises(SystemExit) as exit_:
        main([*SWEEP, "--worker", "2"])
    assert exit_.value.code != 0
    assert "worker" in capsys.readouterr().err
    assert not (tiny / "swept").exists()


def test_without_optuna_the_command_says_what_to_install(tiny, monkeypatch, capsys):
    for name in list(sys.modules):
        if name.split(".")[0] == "optuna" or name.startswith(
            ("chaos_lightning.commands.sweep", "chaos_lightning.experiments")
        ):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SystemExit) as exit_:
        main(SWEEP)
    assert exit_.value.code == 1
    assert "pip install optuna" in capsys.readouterr().err
