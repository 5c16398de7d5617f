"""Chaos over training: Lyapunov exponent and dimension as a file of a run."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from chaos_lightning.callbacks.folder import folder_of_run
from chaos_lightning.dynamics import ChaoticNetwork, spectrum_to_dimension
from chaos_lightning.dynamics.clock import in_whole_steps
from chaos_lightning.dynamics.lyapunov import LONG_RUN_DURATION, LONG_RUN_TRANSIENT
from chaos_lightning.dynamics.standard_errors import mean_and_error
from chaos_lightning.files import written_at_once

CHAOS_RECORD = "chaos.csv"
COLUMNS = ("step", "exponent", "exponent_standard_error", "dimension", "dimension_standard_error")


class ChaosFile(Callback):
    """The chaos of the network before training, after given steps and at validation: ``chaos.csv`` in the run's folder.

    Each line has the largest Lyapunov exponent, per unit of time, and the Kaplan-Yorke dimension, over 100 tau after 50
    tau, with standard errors over the chains of this one network. Without a logger a run has no folder, and nothing is
    measured. A run that goes on from a checkpoint first removes the lines of later steps; one that starts anew removes
    all.

    Args:
        num_chains: random starts to average over.
        steps: further training steps after which to measure; chaos may go within the first ones.

    Raises:
        ValueError: for fewer than two chains; at the start of training, for a generator that is no chaotic network or
            has injected noise.
    """

    def __init__(self, num_chains: int = 3, steps: Sequence[int] = ()) -> None:
        if num_chains < 2:
            raise ValueError(f"num_chains must be at least 2, for a standard error, but is {num_chains}")
        self.num_chains, self.steps = num_chains, frozenset(steps)
        self._folder: Path | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse generators without chaos; note the run's folder, for which all processes must ask together."""
        if not isinstance(getattr(pl_module, "network", None), ChaoticNetwork):
            raise ValueError(
                f"ChaosFile measures chaotic networks, but {type(pl_module).__name__} is none: leave it out"
            )
        if getattr(pl_module, "noise", 0) > 0:
            raise ValueError("ChaosFile measures networks that run on their own, but noise is injected: leave it out")
        self._folder = folder_of_run(trainer) if stage == "fit" else None

    @rank_zero_only
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove the lines of steps that training repeats, and measure a network that has not been measured."""
        if self._folder is None:
            return
        step = trainer.global_step
        rows = [row for row in read_chaos(self._folder) if 0 < step >= row["step"]]
        _write(self._folder, rows)
        if step not in (row["step"] for row in rows):
            self._measure(step, pl_module)

    @rank_zero_only
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Measure after the given steps."""
        if self._folder is not None and trainer.global_step in self.steps:
            self._measure(trainer.global_step, pl_module)

    @rank_zero_only
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure, unless a validation stands by itself."""
        if self._folder is not None and trainer.state.fn == "fit" and not trainer.sanity_checking:
            step = trainer.global_step
            if step not in self.steps:
                self._measure(step, pl_module)

    @torch.no_grad()
    def _measure(self, step: int, pl_module: LightningModule) -> None:
        assert self._folder is not None
        model: Any = pl_module
        unit = in_whole_steps(model.tau, model.dt)
        spectrum = spectrum_to_dimension(
            model.network,
            self.num_chains,
            duration=LONG_RUN_DURATION * unit,
            transient=LONG_RUN_TRANSIENT * unit,
            seed=(model.seed,),
            dt=model.dt,
            tau=model.tau,
        )
        dimension, error = mean_and_error(spectrum.dimension)
        numbers = (float(spectrum.mean[0]), float(spectrum.standard_error[0]), float(dimension), float(error))
        row: dict[str, float] = dict(zip(COLUMNS, (step, *numbers), strict=True))
        _write(self._folder, [*(old for old in read_chaos(self._folder) if old["step"] != step), row])


def read_chaos(folder: Path) -> list[dict[str, float]]:
    """Read the lines of a run's folder, by column; none if there is no file."""
    path = folder / CHAOS_RECORD
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def _write(folder: Path, rows: list[dict[str, float]]) -> None:
    with (
        written_at_once(folder / CHAOS_RECORD) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({**row, "step": int(row["step"])} for row in rows)
