"""One run of a comparison: train or load a generator in a process of its own, sample from it and measure."""

import os
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
from torch import Tensor, nn

from chaos_lightning.baselines import HeldOutImages
from chaos_lightning.callbacks import TrainingClock
from chaos_lightning.checkpoints import read_checkpoint
from chaos_lightning.commands.compare.budget import decide
from chaos_lightning.commands.compare.check import make_untrained
from chaos_lightning.commands.compare.contestants import Comparison
from chaos_lightning.commands.compare.machine import describe_machine, peak_memory
from chaos_lightning.commands.compare.standings import (
    FROZEN_PARAMETERS,
    MEMORY,
    PARAMETERS,
    SAMPLING_SECONDS,
    STEPS,
    TRAINING_SECONDS,
    VALUES,
)
from chaos_lightning.commands.fit_run import features_of, fit
from chaos_lightning.data import ImageDataModule
from chaos_lightning.experiments.log import LOG_NAME, quiet
from chaos_lightning.experiments.plan import Run, run_folder
from chaos_lightning.experiments.workers import be_alone
from chaos_lightning.files import written_at_once
from chaos_lightning.metrics.evaluation import all_measures, evaluate
from chaos_lightning.models import ImageGenerator
from chaos_lightning.pixels import to_stored
from chaos_lightning.shapes import is_image

IN_PICTURE = 20
"""Number of samples of a run that are kept for the picture."""

IMAGES_FILE = "images.npz"


@dataclass(frozen=True)
class Trained:
    """A generator that is ready to sample.

    Attributes:
        model: the generator.
        data: the data set.
        steps: number of training steps.
        seconds: seconds of training; None if a loaded checkpoint does not tell.
        features: network for the measures in its feature space; None if none was asked for.
    """

    model: ImageGenerator
    data: ImageDataModule
    steps: int
    seconds: float | None
    features: nn.Module | None


def do_run(plan: Comparison, run: Run) -> tuple[float, dict[str, Any]]:
    """Do a run in a process of its own, so that its time and memory are its own.

    Returns:
        E(2), and attributes to note in the study.
    """
    pool = ProcessPoolExecutor(
        1, get_context("spawn"), initializer=_prepare, initargs=(torch.get_num_threads(), list(sys.path))
    )
    with pool:
        try:
            return pool.submit(_leave_plainly, plan, run).result()
        except BrokenProcessPool:
            raise RuntimeError("the process of the run was killed, perhaps for lack of memory") from None
        except (KeyboardInterrupt, SystemExit):  # a signal: the run saves its state and ends
            for child in active_children():
                child.terminate()
            raise


def _prepare(threads: int, path: list[str]) -> None:
    sys.path[:] = path
    torch.set_num_threads(threads)
    be_alone()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its worker is killed, since another worker may do the run again at once."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _leave_plainly(plan: Comparison, run: Run) -> tuple[float, dict[str, Any]]:
    try:
        return train_and_measure(plan, run)
    except SystemExit as exit_:  # its context, a signal, cannot be sent to another process
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
        with written_at_once(folder / IMAGES_FILE) as temporary, temporary.open("wb") as file:
            first = images[:IN_PICTURE]
            if is_image(model.image_shape):
                np.savez_compressed(file, images=to_stored(first).numpy())
            else:
                np.savez_compressed(file, vectors=first.numpy())
        memory = peak_memory(model.device)  # before measuring, which takes more
        quantities = _measure(images, trained.data, trained.features)
    frozen = [p for name, p in model.named_parameters() if name.rpartition(".")[2].startswith("frozen")]
    quantities |= {
        VALUES: model.num_pixels,
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
        "machine": describe_machine(model.device),
    }
    return quantities["second_moment_error"], attributes


def _train(plan: Comparison, run: Run, folder: Path) -> Trained:
    arguments = plan.fit_arguments(run)
    steps = decide(folder, arguments, plan.budget).max_steps
    # The comparison measures the end of training, and nothing on the way: that would only cost time.
    once = [f"--trainer.max_steps={steps}", f"--trainer.val_check_interval={steps}"]
    cli, seconds = fit([*arguments, *once])
    device = cli.trainer.strategy.root_device  # Lightning has moved it to the CPU
    return Trained(cli.model.to(device), cli.datamodule, cli.trainer.global_step, seconds, features_of(cli))


def _load(plan: Comparison, run: Run) -> Trained:
    path = plan.checkpoint(run)
    assert path is not None
    checkpoint = read_checkpoint(path)
    cli = make_untrained(plan, run)
    device = cli.trainer.strategy.root_device
    model = ImageGenerator.load_from_checkpoint(path, map_location=device).to(device)
    states = checkpoint.get("callbacks", {})
    seconds = next((state["seconds"] for name, state in states.items() if name == TrainingClock.__name__), None)
    return Trained(model, cli.datamodule, checkpoint["global_step"], seconds, features_of(cli))


def _measure(images: Tensor, data: ImageDataModule, features: nn.Module | None = None) -> dict[str, float]:
    """Compare samples with test images, and with training images for classes and near-copies."""
    held_out, _ = data.draw_evaluation(data.test, len(images))
    labels = data.train.labels if data.num_classes > 1 else None
    measures = all_measures(images.shape[1:], data.train.images, labels, len(images), features)
    return evaluate(measures, held_out.images, images)
