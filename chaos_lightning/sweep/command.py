"""The command ``chaos-lightning sweep``."""

import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser
from jsonargparse.typing import Path_fr
from optuna.trial import TrialState

from chaos_lightning.sweep.plan import Plan, RunPlan, read_config
from chaos_lightning.sweep.plot import write_plots
from chaos_lightning.sweep.queue import CAUSE, RUN, SETTINGS, RunQueue
from chaos_lightning.sweep.results import run_quantities, sum_up
from chaos_lightning.sweep.table import print_table, write_table
from chaos_lightning.sweep.work import LOG_NAME, check_runs, default_workers, do_run, work


def sweep(
    base: Path_fr,
    grid: dict[str, list[Any]] | list[dict[str, list[Any]]],
    seeds: list[int],
    settings: dict[str, Any] | None = None,
    folder: str = "logs/sweep",
    threshold: float = 3e-4,
    workers: int | None = None,
    threads: int | None = None,
    retry_failed: bool = False,
    arguments: Sequence[str] = (),
) -> None:
    """Train networks with every combination of settings over several seeds, and compare them in one table and plot.

    Any other option is one of fit's and holds for all runs, for example --data.data_dir DIR --trainer.max_steps 1000.

    Runs that are done are never repeated: the same command again goes on where it was stopped. Started several times,
    also on other machines that see the folder (if file locks on it reach across them), it shares the runs out.

    Args:
        base: config of fit, the same for all runs; a path relative to the config that names it.
        grid: what to compare: settings of fit by their dotted names, and the values to try, in every combination. Of a
            list of such grids each is done by itself, for example to change one thing at a time; {} changes nothing.
        seeds: each combination runs with each of them; the table tells mean and spread.
        settings: settings of fit that all runs share, over those of the base, by their dotted names.
        folder: of the sweep: table.csv, plot.png, exponents.png, the runs and the study that says which are done.
        threshold: E(2) up to which training steps are counted.
        workers: runs side by side on this machine. By default one a GPU, or one a core without GPUs. 0 runs
            nothing: it draws table and plot anew from what is done.
        threads: of each worker. By default the cores are shared out.
        retry_failed: whether to do again, from their last checkpoints, runs that have failed.
        arguments: further arguments of fit.

    Raises:
        ValueError: for settings that make no network, or if the folder holds a sweep that cannot be compared with this
            one; before any run starts.
        FileNotFoundError: if there is nothing to draw.
    """
    grids = grid if isinstance(grid, list) else [grid]
    if not seeds or not grids or not all(values for each in grids for values in each.values()):
        raise ValueError("a sweep needs at least one seed, and at least one value for every setting of the grid")
    check_resources(workers, threads)
    plan = Plan(read_config(base), settings or {}, arguments, grids, seeds, Path(folder).absolute())
    if workers != 0:
        check_runs(plan, [run for run in plan.runs() if run.seed == seeds[0]])
    elif not plan.folder.is_dir():
        raise FileNotFoundError(f"there is no sweep at {folder}")
    queue = open_queue(plan, retry_failed=retry_failed and workers != 0)
    if workers != 0:
        work(plan, workers or default_workers(len(plan.runs())), threads, do_run)
    _report(plan, queue, threshold)


def check_resources(workers: int | None, threads: int | None) -> None:
    """Check the options of a command that does runs.

    Raises:
        ValueError: if workers or threads are negative, or threads 0.
    """
    if (workers is not None and workers < 0) or (threads is not None and threads < 1):
        raise ValueError(f"workers must be 0 or more and threads 1 or more, but are {workers} and {threads}")


def open_queue(plan: RunPlan, *, retry_failed: bool) -> RunQueue:
    """The queue of a plan's folder, checked to be of this plan.

    Raises:
        ValueError: if the folder holds runs that cannot be compared with those of the plan.
    """
    queue = RunQueue(plan)
    queue.check_identity()
    if retry_failed:
        queue.retry_failed()
    return queue


def _report(plan: Plan, queue: RunQueue, threshold: float) -> None:
    done = queue.done()
    if done:
        results = sum_up(
            (noted[SETTINGS], run_quantities(plan.folder / "runs" / name, noted, threshold))
            for name, noted in done.items()
        )
        table = plan.folder / "table.csv"
        print_table(results, threshold)
        with queue.drawing:  # other commands may work on the same folder
            write_table(table, results)
            plots = write_plots(plan.folder, results, threshold)
        print("\n".join([f"table {table}", *(f"plot  {plot}" for plot in plots)]))
    tell_unfinished(plan, queue)


def tell_unfinished(plan: RunPlan, queue: RunQueue) -> None:
    """Say which runs are left or have failed, and leave with status 1 in the second case."""
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


def main(arguments: Sequence[str]) -> None:
    """Run the command; options that are not its own are handed on to ``fit``."""
    run_command(sweep, arguments)


def run_command(command: Callable[..., None], arguments: Sequence[str]) -> None:
    """Run a command whose own options are its arguments, and which hands all others on to ``fit`` (``arguments``)."""
    own, others = split_arguments(command, arguments)
    description = (inspect.getdoc(command) or "").partition("\n\nArgs:")[0]
    parser = ArgumentParser(prog=f"chaos-lightning {command.__name__}", description=description)
    parser.add_argument("--config", action="config", help="file with the options below")
    parser.add_function_arguments(command, skip={"arguments"}, as_group=False)
    options = parser.parse_args(own).as_dict()
    del options["config"]
    command(**options, arguments=others)


def split_arguments(command: Callable[..., None], arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The command's own arguments, and those of ``fit``."""
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
