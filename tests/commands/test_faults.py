"""A fault outside the program ends it with one sentence and an exit status; all earlier results stay intact."""

import csv
import errno
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from chaos_lightning import ChaoticGenerator
from chaos_lightning.commands import main
from chaos_lightning.commands.faults import is_out_of_memory

TINY = [
    *("--model.hidden_units", "13", "--model.dt", "5", "--model.measure_times", "[]", "--data.batch_size", "200"),
    *("--data.num_eval_images", "31", "--pictures.num_images", "4", "--checkpoint.every_n_train_steps", "2"),
    *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fails(capsys, arguments, status=1):
    """Run a command that must fail, and return its one sentence."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == status
    output = capsys.readouterr().err
    assert "Traceback" not in output
    return output if status != 1 else next(line for line in output.splitlines() if line.startswith("error: "))


def test_full_disk_leaves_the_checkpoint_before(here, monkeypatch, capsys):
    fsync, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > 6:  # two for each of two files at step 2, then two for the first one at step 4
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    error = fails(capsys, ["fit", *TINY, "--trainer.max_steps", "9"])
    assert "cannot write the checkpoint" in error
    assert "No space left on device; the checkpoint before it is intact" in error
    folder = here / "logs" / "runs" / "version_0" / "checkpoints"
    assert torch.load(folder / "last.ckpt", weights_only=True)["global_step"] == 2
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("subcommand", ["fit", "predict"])
def test_folder_that_cannot_be_written_to(here, capsys, subcommand):
    (here / "logs").write_text("in the way")  # a missing permission would not stop a test that root runs
    arguments = {
        "fit": ["fit", *TINY, "--trainer.max_steps", "2"],
        "predict": ["predict", "--num_samples", "2", "--output", "logs/samples"],
    }[subcommand]
    assert "logs" in fails(capsys, arguments)
    assert (here / "logs").read_text() == "in the way"


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried to"),
    ],
)
def test_out_of_memory_says_what_to_lower(here, monkeypatch, capsys, error):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(ChaoticGenerator, "training_step", fail)
    sentence = fails(capsys, ["fit", *TINY, "--trainer.max_steps", "2"])
    for part in ("out of memory", "--data.batch_size (now 200)", "--model.num_chains (now one an image)", "13 hidden"):
        assert part in sentence
    monkeypatch.setattr(ChaoticGenerator, "predict_step", fail)
    assert "--chains_at_once (now 500)" in fails(capsys, ["predict", "--num_samples", "2"])


def test_a_network_beyond_all_memory_is_refused(here, capsys):
    sentence = fails(capsys, ["fit", *TINY, "--model.hidden_units", "20000000000"])
    assert "out of memory" in sentence
    assert "20000000000 hidden_units" in sentence


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    assert not is_out_of_memory(RuntimeError("The size of tensor a must match the size of tensor b"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_ctrl_c_while_predicting_leaves_earlier_samples(here, monkeypatch, capsys):
    command = ["predict", "--num_samples", "3", "--output", "samples"]
    main(command)
    before = (here / "samples.npz").read_bytes()

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(ChaoticGenerator, "predict_step", interrupt)
    capsys.readouterr()
    handler = signal.getsignal(signal.SIGINT)
    assert "interrupted; what was written before is intact" in fails(capsys, command, status=130)
    signal.signal(signal.SIGINT, handler)  # Lightning ignores the signal from here on
    assert (here / "samples.npz").read_bytes() == before
    assert {path.name for path in here.iterdir()} <= {"samples.npz", "samples.png", "logs", "lightning_logs"}


@pytest.mark.parametrize(
    ("command", "step"), [(["predict", "--num_samples", "3"], "predict_step"), (["test", *TINY], "test_step")]
)
def test_sigterm_leaves_prediction_and_test_at_once(here, monkeypatch, capsys, command, step):
    steps = []

    def terminated(*arguments):
        steps.append(arguments)
        signal.raise_signal(signal.SIGTERM)
        raise AssertionError("went on after SIGTERM")

    monkeypatch.setattr(ChaoticGenerator, step, terminated)
    before = signal.getsignal(signal.SIGTERM)
    fails(capsys, command, status=143)
    assert len(steps) == 1
    assert signal.getsignal(signal.SIGTERM) == before
    assert not (here / "samples.npz").exists()


def test_last_is_looked_for_in_a_folder_of_its_own(here, capsys):
    folder = ["--checkpoint.dirpath", "kept", "--ckpt_path", "last"]
    main(["fit", *TINY, *folder, "--trainer.max_steps", "2"])
    main(["fit", *TINY, *folder, "--trainer.max_steps", "4"])
    assert torch.load(here / "kept" / "last.ckpt", weights_only=True)["global_step"] == 4
    capsys.readouterr()
    main(["test", *folder])
    printed = capsys.readouterr()
    assert "untrained" not in printed.err
    assert "after 4 training steps" in " ".join(printed.out.split())


def test_last_without_numbered_runs_is_refused(here, capsys):
    assert "give --ckpt_path FILE" in fails(capsys, ["test", "--ckpt_path", "last", "--trainer.logger", "false"])
    assert not list(here.iterdir())


def test_a_run_that_starts_anew_in_the_folder_of_another_keeps_none_of_its_measures(here):
    in_folder = ["fit", *TINY, "--trainer.logger.version", "0", "--trainer.max_steps"]
    main([*in_folder, "4"])
    main([*in_folder, "2"])
    with (here / "logs" / "runs" / "version_0" / "measures.csv").open() as file:
        assert {row["step"] for row in csv.DictReader(file)} == {"2"}


def test_last_without_a_checkpoint(here, capsys):
    assert "there is no last checkpoint under logs/runs" in fails(capsys, ["predict", "--ckpt_path", "last"])
    main(["fit", *TINY, "--trainer.max_steps", "2", "--ckpt_path", "last"])
    assert (here / "logs" / "runs" / "version_0" / "checkpoints" / "last.ckpt").exists()
    capsys.readouterr()
    main(["predict", "--ckpt_path", "last", "--num_samples", "2"])
    assert "untrained" not in capsys.readouterr().err


def test_best_without_a_run_is_refused_and_no_checkpoint_is_a_warning(here, capsys):
    assert "best" in fails(capsys, ["test", "--ckpt_path", "best", "--data.num_eval_images", "31"])
    with pytest.warns(UserWarning, match="the network is untrained"):
        main(["test", "--data.num_eval_images", "31"])


def test_a_wild_learning_rate_stops_training_and_leaves_no_bad_checkpoint(here, capsys):
    schedule = {"step_size": "2", "gamma": "1e5"}  # from 0.01 to 1000 once a healthy network is saved
    wild = ["--model.lr_scheduler", "StepLR", *(f"--model.lr_scheduler.{name}={schedule[name]}" for name in schedule)]
    validation = ["--checkpoint.monitor", "val/spectrum_error", "--trainer.val_check_interval", "2"]
    assert "training diverged at step" in fails(capsys, ["fit", *TINY, *wild, *validation, "--trainer.max_steps", "9"])
    saved = {path.name: torch.load(path, weights_only=True) for path in here.rglob("*.ckpt")}
    assert saved.keys() == {"last.ckpt", "epoch=0-step=2.ckpt"}
    for checkpoint in saved.values():
        assert checkpoint["global_step"] == 2
        assert all(tensor.isfinite().all() for tensor in checkpoint["state_dict"].values())


@pytest.mark.parametrize("model", ["TwoLayer", "RestrictedBoltzmannMachine"])
def test_what_a_wild_first_step_makes_is_not_saved(here, capsys, model):
    tiny = [argument for argument in TINY if argument not in ("--model.dt", "5", "--model.measure_times", "[]")]
    wild = ["--model", model, *tiny, "--model.optimizer", "SGD", "--model.optimizer.lr", "1e5"]
    sentence = fails(capsys, ["fit", *wild, "--trainer.max_steps", "1"])
    assert "training diverged at step 1: potentials reach" in sentence
    assert "Train again with a lower learning rate than 100000" in sentence
    assert not list(here.rglob("*.ckpt"))


def test_a_boltzmann_machine_that_diverges_stops_training(here, capsys):
    wild = ["--model", "RestrictedBoltzmannMachine", "--model.optimizer", "SGD", "--model.optimizer.lr", "1e3"]
    long = ["--data.batch_size", "200", "--trainer.val_check_interval", "50", "--trainer.max_steps", "50"]
    assert "training diverged at step" in fails(capsys, ["fit", *wild, *long])


def two_processes(folder, *program, command=("fit", *TINY, "--trainer.max_steps", "100000")):
    return subprocess.Popen(
        [sys.executable, *program, *command, "--trainer.accelerator", "cpu", "--trainer.devices", "2"], cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def wait_for_checkpoint(folder, seconds=90):
    end = time.monotonic() + seconds
    while not list(folder.rglob("last.ckpt")):
        assert time.monotonic() < end
        time.sleep(0.1)


def assert_ended(process_ids):
    for process_id in process_ids:
        end = time.monotonic() + 30
        while os.path.exists(f"/proc/{process_id}"):
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds child processes in /proc")
@pytest.mark.parametrize(
    ("victim", "signum", "statuses", "message"),
    [
        ("child", signal.SIGKILL, {1, -signal.SIGKILL}, "another process of this run has ended"),
        ("parent", signal.SIGTERM, {143}, "--ckpt_path last goes on from there"),
    ],
)
def test_two_processes_end_together(here, victim, signum, statuses, message):
    process = two_processes(here, "-m", "chaos_lightning")
    try:
        wait_for_checkpoint(here)
        ranks = children(process.pid)
        os.kill(ranks[0] if victim == "child" else process.pid, signum)
        _, errors = process.communicate(timeout=60)
    finally:
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
    assert process.returncode in statuses, errors
    assert message in errors
    checkpoint = next(here.rglob("last.ckpt"))
    assert torch.load(checkpoint, weights_only=True)["global_step"] >= 2
    assert_ended(ranks)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds child processes in /proc")
def test_two_processes_that_predict_end_together(here):
    command = ["predict", "--num_samples", "1000000", "--chains_at_once", "50"]
    process = two_processes(here, "-m", "chaos_lightning", command=command)
    try:
        end = time.monotonic() + 90
        while not sum(path.stat().st_size for path in here.glob(".samples.npz.*.tmp")):
            assert time.monotonic() < end
            time.sleep(0.1)
        ranks = children(process.pid)
        os.kill(process.pid, signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    finally:
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
    assert process.returncode == 143, errors
    assert "Stopped by SIGTERM; what was written before is intact" in errors
    assert not (here / "samples.npz").exists()
    assert_ended(ranks)


BROKEN = """
import os
from pathlib import Path
from chaos_lightning import ChaoticGenerator
from chaos_lightning.commands import main

training_step = ChaoticGenerator.training_step

def broken_step(model, batch, batch_idx):
    rank = model.trainer.global_rank
    if model.global_step == 3:
        Path("process" + str(rank)).write_text(str(os.getpid()))
        model.trainer.strategy.barrier()
        if rank == {rank}:
            raise RuntimeError("something broke")
    training_step(model, batch, batch_idx)

ChaoticGenerator.training_step = broken_step
main()
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds processes in /proc")
@pytest.mark.parametrize("rank", [0, 1])
def test_an_error_in_one_of_two_processes_ends_both_and_is_shown(here, rank):
    """Rank 0 has started the other one."""
    (here / "broken.py").write_text(BROKEN.format(rank=rank))
    process = two_processes(here, "broken.py")
    try:
        _, errors = process.communicate(timeout=150)
    finally:
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
    assert process.returncode not in (0, None)
    assert errors.count("RuntimeError: something broke") == 1
    assert "another process of this run has ended" in errors
    processes = [int(file.read_text()) for file in here.glob("process*")]
    assert len(processes) == 2
    assert_ended(processes)
