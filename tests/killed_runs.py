"""Kills training at given or random moments, resumes it until it ends, and shows what it left.

Every attempt is a process, forked from one that has no threads.
"""

import json
import os
import random
import signal
import time
from pathlib import Path

import torch
from lightning.pytorch import LightningModule

from chaos_lightning import ChaoticGenerator
from chaos_lightning.commands import main

INTERVAL = 3  # training steps between two checkpoints; an epoch has 4, a validation comes every 6
NUM_STEPS = 14
ARGUMENTS = [
    *("fit", "--model.hidden_units", "13", "--model.dt", "5", "--model.sampling_time", "20"),
    *("--model.measure_times", "[]", "--model.optimizer", "Adam", "--model.optimizer.lr", "1e-3"),
    *("--model.lr_scheduler", "CosineAnnealingLR", "--data.batch_size", "1000", "--data.num_eval_images", "31"),
    *("--pictures.num_images", "4", "--trainer.max_steps", str(NUM_STEPS), "--trainer.val_check_interval", "6"),
    *("--checkpoint.every_n_train_steps", str(INTERVAL), "--trainer.log_every_n_steps", "2"),
    *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false", "--ckpt_path", "last"),
]


def die_at(function, count, signum=signal.SIGKILL):
    """The function, which at its count-th call sends this process a signal and then goes on."""
    calls = 0

    def counted(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == count:
            os.kill(os.getpid(), signum)
        return function(*args, **kwargs)

    return counted


def attempt(folder, moment):
    """Train in a process that dies at a moment: None for never, seconds, or (place, count, signal)."""
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.chdir(folder)
        output = os.open("output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        if isinstance(moment, tuple):
            place, count, signum = moment
            owner = {"training_step": ChaoticGenerator, "validation_step": ChaoticGenerator}.get(place, os)
            setattr(owner, place, die_at(getattr(owner, place), count, signum))
        train_step = ChaoticGenerator.training_step

        def noted(self: LightningModule, *args):
            Path("steps.txt").write_text(str(self.global_step))
            return train_step(self, *args)

        ChaoticGenerator.training_step = noted
        try:
            main(ARGUMENTS)
        except SystemExit as exit_:
            os._exit(exit_.code or 0)
        os._exit(0)
    if isinstance(moment, float):
        time.sleep(moment)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), time.monotonic() - start


def saved_step(folder):
    checkpoints = sorted(folder.glob("logs/runs/*/checkpoints/*.ckpt"), key=os.path.getmtime)
    # Whatever the moment, a checkpoint that is there can be read.
    steps = [torch.load(path, weights_only=True)["global_step"] for path in checkpoints]
    return steps[-1] if steps else 0


def killed_and_resumed(folder, moments):
    """Die at each of the moments in turn, then run to the end; what every attempt came to."""
    folder.mkdir()
    attempts = []
    for moment in [*moments, None]:
        (folder / "steps.txt").write_text("0")
        code, seconds = attempt(folder, moment)
        steps = int((folder / "steps.txt").read_text() or 0)
        attempts.append(
            {"moment": moment, "code": code, "seconds": seconds, "begun": steps, "saved": saved_step(folder)}
        )
    return attempts


def report(root, plan):
    """Kill and resume runs by a plan: name to moments. What every attempt came to is written to report.json."""
    attempts = {"never": killed_and_resumed(root / "never", [])}
    duration = attempts["never"][0]["seconds"]
    for name, moments in plan.items():
        if isinstance(moments, int):  # so many random ones
            moments = [random.Random(f"{name} {number}").uniform(0.1, 0.9) * duration for number in range(moments)]
        attempts[name] = killed_and_resumed(root / name, moments)
    (root / "report.json").write_text(json.dumps(attempts))
