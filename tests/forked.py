"""Processes of their own for tests, forked from one that has imported everything: that alone takes seconds."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from lightning.pytorch import Trainer

from chaos_lightning.commands import main

context = multiprocessing.get_context("forkserver")
"""Forks from a process that has no threads, as the tests' own has."""
context.set_forkserver_preload(["chaos_lightning.commands.sweep.command", "matplotlib.pyplot"])

TWO_PROCESSES = ["--trainer.accelerator", "cpu", "--trainer.devices", "2", "--trainer.strategy", "ddp_fork"]
"""Options of a command that shares its work out over two processes, forked from its own."""


def start(function, *arguments):
    """A process that does ``function(*arguments)``, to be found at the top of a module."""
    process = context.Process(target=_do, args=(dict(os.environ), function, arguments))
    process.start()
    return process


def exit_code(process, seconds=120):
    """Wait for a process and return its exit code. Kill it if it takes longer; its errors are printed by the test."""
    try:
        process.join(seconds)
    finally:
        process.kill()
        process.join()
    return process.exitcode


def run_command(folder, *arguments, **environment):
    """Run ``chaos-lightning ARGUMENTS`` in a folder, with some environment variables."""
    with TemporaryDirectory() as streams:
        code = exit_code(start(_command, folder, arguments, environment, streams))
        printed = (Path(streams, name).read_text() for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(arguments, code, *printed)


def forking_trainer(devices, **settings):
    """Trains on processes that are forked from its own, and leaves nothing."""
    return Trainer(
        accelerator="cpu",
        devices=devices,
        strategy="ddp_fork" if devices > 1 else "auto",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **settings,
    )


def _do(environment, function, arguments):
    os.environ.clear()  # it comes from the first test that started a process
    os.environ.update(environment)
    torch.set_num_threads(1)  # a process that has more can't be forked again
    function(*arguments)


def _command(folder, arguments, environment, streams):
    for stream in (sys.stdout, sys.stderr):
        os.dup2(os.open(Path(streams, stream.name.strip("<>")), os.O_WRONLY | os.O_CREAT), stream.fileno())
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["chaos-lightning", *arguments]
    main()
