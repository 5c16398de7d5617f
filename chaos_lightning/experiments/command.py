"""The parts that the commands of experiments share: options, the queue of a folder, and the last words."""

import inspect
import sys
from collections.abc import Callable, Sequence

from jsonargparse import ArgumentParser
from optuna.trial import TrialState

from chaos_lightning.experiments.log import LOG_NAME
from chaos_lightning.experiments.plan import Plan
from chaos_lightning.experiments.queue import CAUSE, RUN, RunQueue
from chaos_lightning.files import expand_paths


def run_command(command: Callable[..., None], arguments: Sequence[str]) -> None:
    """Run a command.

    Args:
        command: function whose arguments are the options of the command. It gets all other options, which are options
            of ``fit``, as ``arguments``.
        arguments: arguments of the command line.
    """
    own, others = split_arguments(command, arguments)
    description = (inspect.getdoc(command) or "").partition("\n\nArgs:")[0]
    parser = ArgumentParser(prog=f"chaos-lightning {command.__name__}", description=description)
    parser.add_argument("--config", action="config", help="file with the options below")
    parser.add_function_arguments(command, skip={"arguments"}, as_group=False)
    options = expand_paths(parser.parse_args(own)).as_dict()
    del options["config"]
    command(**options, arguments=others)


def split_arguments(command: Callable[..., None], arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split arguments into the command's own and the ones for ``fit``."""
    names = {"help", "config", "print_config", *inspect.signature(command).parameters} - {"arguments"}
    own: list[str] = []
    others: list[str] = []
    target = own
    for argument in arguments:
        if argument.startswith("--"):
            name = argument[2:].partition("=")[0].partition(".")[0].rstrip("+")
            target = own if name in names else others
        target.append(argument)
    return own, others


def check_resources(workers: int | None, threads: int | None) -> None:
    """Check the options ``workers`` and ``threads``.

    Raises:
        ValueError: if workers or threads are negative, or threads 0.
    """
    if (workers is not None and workers < 0) or (threads is not None and threads < 1):
        raise ValueError(f"workers must be 0 or more and threads 1 or more, but are {workers} and {threads}")


def open_queue(plan: Plan, *, retry_failed: bool) -> RunQueue:
    """Open the queue of a plan's folder.

    Raises:
        ValueError: if the folder holds runs that cannot be compared with the runs of the plan.
    """
    queue = RunQueue(plan)
    queue.check_identity()
    if retry_failed:
        queue.retry_failed()
    return queue


def tell_unfinished(plan: Plan, queue: RunQueue) -> None:
    """Say which runs are left or have failed, and exit with status 1 if any has failed."""
    latest = queue.latest()
    trials = [latest[run.name] for run in plan.runs() if run.name in latest]
    failed = [trial for trial in trials if CAUSE in trial.user_attrs]
    left = len(plan.runs()) - len(failed) - sum(trial.state == TrialState.COMPLETE for trial in trials)
    if left:
        print(f"{left} runs are not done yet. The same command goes on with those that no other worker is doing.")
    for trial in failed:
        print(f"failed: {trial.user_attrs[RUN]}: {trial.user_attrs[CAUSE]}", file=sys.stderr)
    if failed:
        print(
            f"{len(failed)} of {len(trials)} runs failed: see {LOG_NAME} in their folders under "
            f"{plan.folder / 'runs'}. --retry_failed true does them again",
            file=sys.stderr,
        )
        sys.exit(1)
