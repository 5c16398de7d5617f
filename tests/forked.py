"""Processes of their own for tests, forked from one that has imported everything: that alone takes seconds."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from chaos_lightning.commands import main

context = multiprocessing.get_context("forkserver")
"""Forks from a process that has no threads, as the tests' own has."""
context.set_forkserver_preload(["chaos_lightning.commands", "chaos_lightning.sweep.command", "matplotlib.pyplot"])


def exit_code(function, *arguments, seconds=120):
    """That of a process which does ``function(*arguments)``, to be found at the top of a module."""
    process = context.Process(target=function, args=arguments)
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    return process.exitcode


def run_command(folder, *arguments, **environment):
    """What ``chaos-lightning ARGUMENTS`` in a folder comes to, with some environment variables."""
    with TemporaryDirectory() as streams:
        code = exit_code(_command, folder, arguments, environment, streams)
        printed = (Path(streams, name).read_text() for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(arguments, code, *printed)


def _command(folder, arguments, environment, streams):
    for stream in (sys.stdout, sys.stderr):
        os.dup2(os.open(Path(streams, stream.name.strip("<>")), os.O_WRONLY | os.O_CREAT), stream.fileno())
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["chaos-lightning", *arguments]
    main()
