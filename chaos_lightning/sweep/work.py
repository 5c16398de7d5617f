"""Doing runs: one worker after the other's run, or several side by side."""

import contextlib
import gc
import logging
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from chaos_lightning.callbacks import TrainingClock
from chaos_lightning.cli import ChaosCLI
from chaos_lightning.dynamics import long_run_exponents
from chaos_lightning.functional import manifold_precision, manifold_recall
from chaos_lightning.models import ChaoticGenerator, ImageGenerator
from chaos_lightning.sweep.plan import Run, RunPlan, run_folder
from chaos_lightning.sweep.queue import RunQueue
from chaos_lightning.sweep.results import CANCELLED, DIVERSITY, LYAPUNOV, SECONDS

LYAPUNOV_CHAINS = 20
MOST_MANIFOLD_IMAGES = 2_000
"""The manifold measures compare all pairs of images."""
LOG_NAME = "output.log"
CLOCK = "chaos_lightning.callbacks.TrainingClock"
GOES_ON = "stopped; the same command goes on"


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_workers(num_runs: int) -> int:
    """One worker a GPU where there are any, else one a core, but no more than there are runs."""
    return max(1, min(torch.cuda.device_count() or num_cores(), num_runs))


def check_runs(plan: RunPlan, runs: list[Run]) -> None:
    """Make the networks of runs and read the data, so that bad settings show before work starts.

    Raises:
        DataError: if the data cannot be read.
        ValueError: if settings make no network, or ask for several processes.
    """
    for run in runs:
        cli = without_training(plan.fit_arguments(run))
    cli.datamodule.prepare_data()
    cli.datamodule.setup("fit")


def without_training(arguments: list[str]) -> ChaosCLI:
    """Network, data module and trainer of a run.

    Raises:
        ValueError: if settings make no network, or ask for several processes.
    """
    be_alone()
    with quiet(None):
        cli = ChaosCLI(arguments, run=False)
    if cli.trainer.world_size > 1:
        raise ValueError(
            f"a run would share its work out over {cli.trainer.world_size} processes, but here whole runs go side by "
            "side: leave --trainer.devices and --trainer.num_nodes out, and set --workers"
        )
    return cli


def be_alone() -> None:
    """Make Lightning take this process for the only one of its run, though a launcher may have started several."""
    rank_zero_only.rank = 0  # type: ignore[attr-defined]
    if "SLURM_NTASKS" in os.environ:
        os.environ["SLURM_JOB_NAME"] = "interactive"  # for Lightning: not to take the tasks for parts of one run


Doing = Callable[[Any, Run], tuple[float, dict[str, Any]]]
"""Does a run of a plan; gives E(2) and what else is to be noted."""


def work(plan: RunPlan, workers: int, threads: int | None, do_run: Doing) -> None:
    """Do all runs that are open, until none is left for this machine to do.

    Args:
        plan: the runs.
        workers: processes that each do one run at a time; one works in this very process.
        threads: of each worker; None shares out the cores, or keeps torch's number if there is one worker.
        do_run: what does a run.
    """
    if workers == 1:
        _work(plan, threads, do_run)
        return
    threads = threads or max(1, num_cores() // workers)
    context = multiprocessing.get_context("spawn")
    gpus = _visible_gpus()
    processes = [
        context.Process(target=_work, args=(plan, threads, do_run, gpus[index % len(gpus)] if gpus else None))
        for index in range(workers)
    ]
    with _stopped_by_sigterm():
        try:
            for process in processes:
                process.start()
            for process in processes:
                process.join()
        except KeyboardInterrupt:
            print(GOES_ON, file=sys.stderr)
            raise SystemExit(128 + signal.SIGINT) from None
        finally:
            for process in processes:
                if process.is_alive():
                    process.terminate()
    killed = [process.exitcode for process in processes if process.exitcode]
    if killed:
        print(f"{len(killed)} of {workers} workers were stopped (exit codes {killed}); their runs can be done again.")


@contextlib.contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Leave by SystemExit on SIGTERM, so that what is open is closed."""

    def stop(*_: object) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _visible_gpus() -> list[str]:
    count = torch.cuda.device_count()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return visible.split(",")[:count] if visible and count else [str(index) for index in range(count)]


def _work(plan: RunPlan, threads: int | None, do_run: Doing, gpu: str | None = None) -> None:
    if gpu is not None:  # before CUDA starts in this process
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    if threads is not None:
        torch.set_num_threads(threads)
    be_alone()
    gc.freeze()  # what is there now need not be looked through after every run
    try:
        with _stopped_by_sigterm():
            stopped = _do_open_runs(RunQueue(plan), plan, do_run)
    finally:
        gc.unfreeze()
    if stopped is not None:
        _leave(stopped)


def _do_open_runs(queue: RunQueue, plan: RunPlan, do_run: Doing) -> BaseException | None:
    """Do runs while there are any; what has stopped that, if anything has."""
    parent = multiprocessing.parent_process()
    # A worker whose command was killed finishes its run and starts no other.
    while (parent is None or parent.is_alive()) and (claim := queue.claim()) is not None:
        name = claim.run.name
        gc.collect()  # network and trainer refer to one another, so those of the run before are still there
        start = time.monotonic()
        try:
            value, attributes = do_run(plan, claim.run)
        except Exception as error:
            cause = f"{type(error).__name__}: {error}"
            claim.fail(cause)
            print(f"{name}: failed. {cause}", flush=True)
            continue
        except BaseException as stop:  # a signal
            claim.release()
            return stop
        claim.finish(value, attributes)
        seconds = timedelta(seconds=round(time.monotonic() - start))
        print(f"{name}: E(2) = {value:.2g} after {seconds}", flush=True)
    return None


def _leave(stopped: BaseException) -> NoReturn:
    """Say how to go on, and leave with the status of the signal."""
    if multiprocessing.parent_process() is None:
        print(GOES_ON, file=sys.stderr)
    by_keyboard = isinstance(stopped, KeyboardInterrupt) or isinstance(stopped.__context__, KeyboardInterrupt)
    if by_keyboard or not isinstance(stopped, SystemExit):
        raise SystemExit(128 + signal.SIGINT)
    raise SystemExit(stopped.code)


def do_run(plan: RunPlan, run: Run) -> tuple[float, dict[str, Any]]:
    """Train one network as ``chaos-lightning fit`` does, and measure its chaos and diversity.

    What ``fit`` prints goes into output.log in the run's folder. A run that was broken off goes on from its last
    checkpoint.

    Returns:
        E(2) at T, and what :func:`run_quantities` needs beside the run's measures.csv.
    """
    folder = run_folder(plan, run)
    folder.mkdir(parents=True, exist_ok=True)
    with quiet(folder / LOG_NAME):
        cli, seconds = fit(plan.fit_arguments(run))
    model: ImageGenerator = cli.model.to(cli.trainer.strategy.root_device)  # from which Lightning has taken it
    evaluation = model.evaluation
    assert evaluation is not None, "measured at the end of fit"
    attributes = {SECONDS: seconds, "sampling_time": model.sampling_time}
    if isinstance(model, ChaoticGenerator):
        attributes[CANCELLED] = float(model.network.cancelled_share())
        if model.noise == 0:  # exponents are of networks that run on their own
            for name, network in zip(LYAPUNOV, (model.network.untrained(), model.network), strict=True):
                exponents = long_run_exponents(network, LYAPUNOV_CHAINS, seed=(run.seed,), dt=model.dt, tau=model.tau)
                attributes[name] = float(exponents.mean)
    real = cli.datamodule.validation.images[: min(evaluation.num_samples, MOST_MANIFOLD_IMAGES)]
    generated = model.sample(len(real), seed=run.seed)
    for name, measure in zip(DIVERSITY[1:], (manifold_precision, manifold_recall), strict=True):
        attributes[name] = float(measure(real, generated.to(real)))
    return evaluation.measures[model.sampling_time]["second_moment_error"], attributes


def fit(arguments: Sequence[str]) -> tuple[ChaosCLI, float]:
    """Do ``chaos-lightning fit``; a run that was broken off goes on from its last checkpoint.

    Returns:
        The command, done, and the seconds of training.
    """
    cli = ChaosCLI(["fit", *arguments, f"--trainer.callbacks+={CLOCK}", "--ckpt_path=last"])
    callbacks = cli.trainer.callbacks  # type: ignore[attr-defined]
    (clock,) = (callback for callback in callbacks if isinstance(callback, TrainingClock))
    return cli, clock.seconds


@contextlib.contextmanager
def quiet(path: Path | None) -> Iterator[None]:
    """Send what is printed, logged and warned of to the end of a file.

    None throws away what is printed and logged, and leaves errors to be seen; a file gets their tracebacks.
    """
    handlers = [
        handler
        for name in ("lightning", "lightning.pytorch", "lightning.fabric")
        for handler in logging.getLogger(name).handlers
        if isinstance(handler, logging.StreamHandler)
    ]
    with open(path or os.devnull, "a", buffering=1) as file:  # by lines, for the process may be killed
        before = [handler.setStream(file) for handler in handlers]
        try:
            errors = contextlib.redirect_stderr(file) if path else contextlib.nullcontext()
            with contextlib.redirect_stdout(file), errors:
                yield
        except Exception:
            traceback.print_exc(file=file)
            raise
        finally:
            for handler, stream in zip(handlers, before, strict=True):
                if stream is not None:
                    handler.setStream(stream)
