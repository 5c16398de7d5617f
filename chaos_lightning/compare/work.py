"""One run of a comparison: train or load a generator in a process of its own, sample from it and measure."""

import os
import platform
import resource
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from chaos_lightning.baselines import HeldOutImages
from chaos_lightning.callbacks import TrainingClock
from chaos_lightning.checkpoints import read_checkpoint, training_data_name
from chaos_lightning.cli import ChaosCLI
from chaos_lightning.compare.budget import decide
from chaos_lightning.compare.plan import NAME, Comparison
from chaos_lightning.compare.results import (
    FROZEN_PARAMETERS,
    MEMORY,
    PARAMETERS,
    SAMPLING_SECONDS,
    STEPS,
    TRAINING_SECONDS,
)
from chaos_lightning.data import ImageDataModule
from chaos_lightning.metrics.evaluation import all_measures, evaluate
from chaos_lightning.models import ImageGenerator
from chaos_lightning.pixels import to_pixels
from chaos_lightning.sweep.plan import Run, run_folder
from chaos_lightning.sweep.work import LOG_NAME, be_alone, fit, quiet, without_training

IN_PICTURE = 20
"""Samples of a run that are kept for the picture."""

IMAGES_FILE = "images.npz"


@dataclass(frozen=True)
class Trained:
    """A generator that is ready to sample.

    Attributes:
        model: the generator.
        data: the data set.
        steps: training steps that it has taken.
        seconds: of training; None if a loaded checkpoint does not tell.
    """

    model: ImageGenerator
    data: ImageDataModule
    steps: int
    seconds: float | None


def check(plan: Comparison) -> None:
    """Make every contestant and its data, and see that there are images enough, before work starts.

    Raises:
        FileNotFoundError: if a checkpoint is not there.
        ValueError: if a contestant cannot be made or measured, with what to change.
    """
    for name, entrant in plan.contestants.items():
        if entrant.checkpoint and (entrant.base or entrant.settings):
            raise ValueError(f"contestant {name} has a checkpoint, so it can have neither base nor settings")
        if not (entrant.checkpoint or entrant.base or entrant.settings):
            raise ValueError(f"contestant {name} needs a base, settings or a checkpoint")
    names: dict[str, str] = {}
    for run in (run for run in plan.runs() if run.seed == plan.seeds[0]):
        name, path = run.settings[NAME], plan.checkpoint(run)
        data = _without_training(plan, run).datamodule  # makes the network too, where there is no checkpoint
        num_validation = data.hparams["num_validation"]
        names.setdefault(f"{type(data).__name__}, {data.origin}, with num_validation={num_validation}", name)
        if path is not None:
            model = ImageGenerator.load_from_checkpoint(path, map_location="cpu")
            if tuple(data.image_shape) != model.image_shape:
                raise ValueError(
                    f"contestant {name} makes images of {model.image_shape}, but those of the data are "
                    f"{tuple(data.image_shape)}"
                )
            learned = training_data_name(read_checkpoint(path))
            if learned not in ("", type(data).__name__):
                raise ValueError(f"contestant {name} has learned from {learned}, not from {type(data).__name__}")
    if len(names) > 1:
        differ = ", ".join(f"{name}: {description}" for description, name in names.items())
        raise ValueError(f"all contestants must have the same data, so name it in settings. Now {differ}")
    data.prepare_data()
    available = min(len(data.test), len(data.train), len(data.validation))
    if not 4 <= plan.num_samples <= available:
        raise ValueError(
            f"num_samples must be from 4 to {available}, the images that each split of the data has, but is "
            f"{plan.num_samples}"
        )


def do_run(plan: Comparison, run: Run) -> tuple[float, dict[str, Any]]:
    """Do a run in a process of its own, so that its time and memory are its own.

    Returns:
        E(2), and what is to be noted of the run.
    """
    pool = ProcessPoolExecutor(
        1, get_context("spawn"), initializer=_prepare, initargs=(torch.get_num_threads(), list(sys.path))
    )
    with pool:
        try:
            return pool.submit(_leave_plainly, plan, run).result()
        except BrokenProcessPool:
            raise RuntimeError("the process of the run was killed, perhaps for lack of memory") from None
        except (KeyboardInterrupt, SystemExit):  # a signal: the run saves its state before it ends
            for child in active_children():
                child.terminate()
            raise


def _prepare(threads: int, path: list[str]) -> None:
    sys.path[:] = path
    torch.set_num_threads(threads)
    be_alone()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the worker is killed: somebody else may do the run again at once."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _leave_plainly(plan: Comparison, run: Run) -> tuple[float, dict[str, Any]]:
    try:
        return train_and_measure(plan, run)
    except SystemExit as exit_:  # that of a signal cannot be sent to another process
        raise SystemExit(exit_.code) from None


def train_and_measure(plan: Comparison, run: Run) -> tuple[float, dict[str, Any]]:
    """Do a run in this process, see :func:`do_run`. A run that was broken off goes on from its last checkpoint."""
    folder = run_folder(plan, run)
    folder.mkdir(parents=True, exist_ok=True)
    with quiet(folder / LOG_NAME):
        trained = _load(plan, run) if plan.checkpoint(run) else _train(plan, run, folder)
        model = trained.model.eval()
        model.sample(min(100, plan.num_samples), seed=run.seed)  # warms up
        start = time.monotonic()
        images = model.sample(plan.num_samples, seed=run.seed).cpu()
        sampling_seconds = (time.monotonic() - start) / plan.num_samples * 1000
        with (folder / IMAGES_FILE).open("wb") as file:
            np.savez_compressed(file, images=to_pixels(images[:IN_PICTURE]).squeeze(1).numpy())
        memory = _peak_memory(model.device)  # before measuring, which takes more, and the same for all
        quantities = _measure(images, trained.data)
    frozen = [p for name, p in model.named_parameters() if name.rpartition(".")[2].startswith("frozen")]
    quantities |= {
        PARAMETERS: sum(p.numel() for p in model.trainable()) if model.learns else 0,
        FROZEN_PARAMETERS: sum(p.numel() for p in frozen),
        STEPS: trained.steps,
        SAMPLING_SECONDS: sampling_seconds,
    }
    if not plan.checkpoint(run):
        quantities[MEMORY] = memory
    if trained.seconds is not None:
        quantities[TRAINING_SECONDS] = trained.seconds
    attributes = {
        "quantities": {name: float(value) for name, value in quantities.items()},
        "model": type(model).__name__,
        "is_real": isinstance(model, HeldOutImages),
        "machine": _machine(model.device),
    }
    return quantities["second_moment_error"], attributes


def _machine(device: torch.device) -> str:
    gpu = f"{torch.cuda.get_device_name(device)} and " if device.type == "cuda" else ""
    threads = torch.get_num_threads()
    return f"{gpu}{threads} thread{'s' * (threads > 1)} on {_processor()} with torch {torch.__version__}"


def _peak_memory(device: torch.device) -> float:
    """Of this process, or of what it has taken on its GPU, in MiB.

    By ``resource``, a new process on Linux begins with the peak of the one that has started it.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    kibibytes = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return next(iter(kibibytes), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024


def _processor() -> str:
    """What the system calls its processor."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.processor() or platform.machine())


def _train(plan: Comparison, run: Run, folder: Path) -> Trained:
    arguments = plan.fit_arguments(run)
    steps = decide(folder, arguments, plan.budget).max_steps
    # Measuring on the way would only cost time: the comparison measures by itself, and only the end.
    once = [f"--trainer.max_steps={steps}", f"--trainer.val_check_interval={steps}"]
    cli, seconds = fit([*arguments, *once])
    device = cli.trainer.strategy.root_device  # from which Lightning has taken it
    return Trained(cli.model.to(device), cli.datamodule, cli.trainer.global_step, seconds)


def _load(plan: Comparison, run: Run) -> Trained:
    path = plan.checkpoint(run)
    assert path is not None
    checkpoint = read_checkpoint(path)
    cli = _without_training(plan, run)
    device = cli.trainer.strategy.root_device
    model = ImageGenerator.load_from_checkpoint(path, map_location=device).to(device)
    states = checkpoint.get("callbacks", {})
    seconds = next((state["seconds"] for name, state in states.items() if name == TrainingClock.__name__), None)
    return Trained(model, cli.datamodule, checkpoint["global_step"], seconds)


def _without_training(plan: Comparison, run: Run) -> ChaosCLI:
    """Network, data set and trainer of a run.

    If it loads a checkpoint, there is no network, and the others are those of the settings that all share.
    """
    arguments = plan.fit_arguments(run)
    if plan.checkpoint(run) is not None:
        wanted = False
        kept = []
        for argument in arguments:
            if argument.startswith("--"):
                wanted = argument.startswith(
                    ("--data", "--seed_everything", "--trainer.accelerator", "--trainer.devices")
                )
            if wanted:
                kept.append(argument)
        arguments = kept
    return without_training(arguments)


def _measure(images: Tensor, data: ImageDataModule) -> dict[str, float]:
    """All measures against test images, and the time and the copies against training images."""
    held_out, _ = data.draw_evaluation(data.test, len(images))
    labels = data.train.labels if data.num_classes > 1 else None
    measures = all_measures(images[0].numel(), data.train.images, labels, len(images))
    return evaluate(measures, held_out.images, images)
