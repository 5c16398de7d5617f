"""Workers, each of which does one run after another; several work side by side."""

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NoReturn

import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from chaos_lightning.experiments.plan import Plan, Run
from chaos_lightning.experiments.queue import RunQueue

GOES_ON = "stopped; the same command goes on"


def num_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_workers(num_runs: int) -> int:
    """Count the workers: one for each GPU, or for each core without GPUs, but no more than runs."""
    return max(1, min(torch.cuda.device_count() or num_cores(), num_runs))


def be_alone() -> None:
    """Tell Lightning that this process does whole runs alone, even if a launcher has started several."""
    rank_zero_only.rank = 0  # type: ignore[attr-defined]
    if "SLURM_NTASKS" in os.environ:
        os.environ["SLURM_JOB_NAME"] = "interactive"  # so Lightning does not share one run out among the tasks


Doing = Callable[[Any, Run], tuple[float, dict[str, Any]]]
"""Function that does a run of a plan. It returns E(2), and attributes to note in the study."""


def work(plan: Plan, workers: int, threads: int | None, do_run: Doing) -> None:
    """Do all open runs, until none is left for this machine.

    Args:
        plan: plan of the runs.
        workers: number of processes, each of which does one run at a time; a single worker is this process itself.
        threads: threads of each worker; None shares out the cores, or keeps torch's number for a single worker.
        do_run: function that does a run.
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
    """Turn SIGTERM into SystemExit, so that open files and locks are closed."""

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


def _work(plan: Plan, threads: int | None, do_run: Doing, gpu: str | None = None) -> None:
    if gpu is not None:  # before CUDA starts in this process
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    if threads is not None:
        torch.set_num_threads(threads)
    be_alone()
    gc.freeze()  # objects of now need not be searched after every run
    try:
        with _stopped_by_sigterm():
            stopped = _do_open_runs(RunQueue(plan), plan, do_run)
    finally:
        gc.unfreeze()
    if stopped is not None:
        _leave(stopped)


def _do_open_runs(queue: RunQueue, plan: Plan, do_run: Doing) -> BaseException | None:
    """Do runs while there are any. Return the signal's exception that stopped this, or None."""
    parent = multiprocessing.parent_process()
    # A worker whose command was killed finishes its run and starts no other.
    while (parent is None or parent.is_alive()) and (claim := queue.claim()) is not None:
        name = claim.run.name
        gc.collect()  # frees network and trainer of the last run, which refer to one another
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
    """Say how to go on, and exit with the status of the signal."""
    if multiprocessing.parent_process() is None:
        print(GOES_ON, file=sys.stderr)
    by_keyboard = isinstance(stopped, KeyboardInterrupt) or isinstance(stopped.__context__, KeyboardInterrupt)
    if by_keyboard or not isinstance(stopped, SystemExit):
        raise SystemExit(128 + signal.SIGINT)
    raise SystemExit(stopped.code)
