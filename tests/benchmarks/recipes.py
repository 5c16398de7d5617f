"""Recipes: the model of a config, what its training step spends its time on, and what its command does."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import time
from typing import Any

from lightning.pytorch import Callback
from torch.profiler import ProfilerActivity, profile

from chaos_lightning.commands.cli import ChaosCLI
from chaos_lightning.commands.shipped_configs import with_shipped_configs
from chaos_lightning.models import ChaoticGenerator
from tests.benchmarks.contestants import Contest

KINDS = ("loop products", "Hebbian products", "weights", "state", "random numbers", "the rest")
"""Kinds of work in a training step; weights and state are passes over them, the rest is Lightning, Python and data."""


def model_of(recipe: str) -> tuple[ChaoticGenerator, int]:
    """Return the network of a config and its minibatch size."""
    cli = ChaosCLI(with_shipped_configs(["--config", recipe, "--trainer.logger", "false"]), run=False)
    return cli.model, cli.config.data.init_args.batch_size


def time_by_kind(contest: Contest, num_steps: int) -> dict[str, float]:
    """Return the milliseconds that a step in the Trainer spends on each kind of work.

    A profiled run gives the times of the kinds of work, a run without profiler the time of a step; the rest is what is
    left of it.
    """
    seconds = contest.in_trainer(num_steps)
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiler:
        contest.in_trainer(num_steps)
    sizes, chains = contest.layer_sizes, contest.batch_size
    taken = dict.fromkeys(KINDS, 0.0)
    for event in profiler.key_averages(group_by_input_shape=True):
        kind = kind_of(event.key, event.input_shapes, sizes, chains)
        if kind is not None:
            taken[kind] += event.self_cpu_time_total / 1e3 / (num_steps + 2)
    return taken | {"the rest": max(0.0, 1e3 * seconds - sum(taken.values()))}


def kind_of(operator: str, shapes: Sequence[Any], sizes: Sequence[int], chains: int) -> str | None:
    """Return the kind of work of an operator, given the shapes of its arguments; None for the rest."""
    matrices = [tuple(shape) for shape in shapes if len(shape) == 2 and min(shape) > 1]
    weights = [shape for shape in matrices if set(shape) <= {*sizes}]
    if "normal" in operator:
        return "random numbers"
    if "random" in operator:
        return None  # of the images, before training
    if operator in ("aten::mm", "aten::addmm", "aten::addmm_"):
        over_chains = [shape for shape in matrices if chains in shape]
        return "loop products" if len(weights) == 1 and over_chains else "Hebbian products"
    if "fused" in operator or weights or operator.startswith("Optimizer.step"):
        return "weights"
    return "state" if any(chains in shape for shape in matrices) else None


def parts_of_command(recipe: str) -> dict[str, float]:
    """Return the seconds that ``chaos-lightning fit`` spends on its parts, from its start to its end."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "times.json"
        start = time()
        subprocess.run(
            [
                *(sys.executable, "-m", "chaos_lightning", "fit", "--config", recipe, "--trainer.callbacks+", CLOCK),
                *("--trainer.logger.save_dir", folder),
            ],
            env={**os.environ, "TIMES": str(file)},
            check=True,
            capture_output=True,
        )
        whole = time() - start
        noted = json.loads(file.read_text())
    parts = {
        "before training": noted["begun"] - start,
        "training": noted["ended"] - noted["begun"] - noted["validating"],
        "validation": noted["validating"],
    }
    return parts | {"afterwards": whole - sum(parts.values()), "all": whole}


class CommandClock(Callback):
    """Notes when training begins and ends and how long validation takes, in the file that TIMES names."""

    def __init__(self) -> None:
        self._noted = {"validating": 0.0}

    def on_train_start(self, *_: Any) -> None:
        """Note the beginning."""
        self._noted["begun"] = time()

    def on_validation_start(self, *_: Any) -> None:
        """Note when a validation begins."""
        self._since = time()

    def on_validation_end(self, *_: Any) -> None:
        """Add up."""
        self._noted["validating"] += time() - self._since

    def on_train_end(self, *_: Any) -> None:
        """Note the end and write everything."""
        Path(os.environ["TIMES"]).write_text(json.dumps(self._noted | {"ended": time()}))


CLOCK = f"{__name__}.{CommandClock.__name__}"
