"""The measures of a run as a file and as a table."""

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from chaos_lightning.callbacks.generator import as_generator
from chaos_lightning.metrics.evaluation import Evaluation
from chaos_lightning.metrics.report import print_measures, ratio_to_floor

FILE_NAME = "measures.csv"
_COLUMNS = ["stage", "step", "sampling_time", "num_samples", "measure", "value", "floor", "ratio"]


class MeasuresFile(Callback):
    """Appends every evaluation to ``measures.csv`` in the run's folder; prints it when one was asked for.

    One line a sampling time and measure. The floor is what real training images reach against the same held-out
    images; the ratio is value over floor. A run that goes on from a checkpoint first takes out what had been written
    after it, and an evaluation that is repeated replaces its lines.
    """

    def __init__(self) -> None:
        self._folder: str | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Note the run's folder, which all processes must ask for together."""
        self._folder = trainer.log_dir

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Take out the measures of steps that training takes again."""
        if trainer.state.fn == "fit" and trainer.is_global_zero and self._folder is not None:
            step = checkpoint["global_step"]
            path = Path(self._folder) / FILE_NAME
            if path.exists():
                _write(path, _read(path, lambda row: int(row["step"]) <= step))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the measures; print them unless training goes on."""
        if not trainer.sanity_checking:
            self._report(pl_module, print_table=trainer.state.fn != "fit")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write and print the measures."""
        self._report(pl_module, print_table=True)

    @rank_zero_only
    def _report(self, pl_module: LightningModule, *, print_table: bool) -> None:
        evaluation = as_generator(pl_module).evaluation
        if evaluation is None:
            return
        if self._folder is not None:
            _append(Path(self._folder) / FILE_NAME, evaluation)
        if print_table:
            print_evaluation(evaluation)


def print_evaluation(evaluation: Evaluation) -> None:
    """Print the measures at T as a table: measure, value, floor, ratio."""
    split = {"val": "validation", "test": "test"}[evaluation.stage]
    title = (
        f"{evaluation.num_samples:,} samples at T = {evaluation.sampling_time:g} against as many {split} images, "
        f"after {evaluation.step:,} training steps"
    )
    print_measures(title, evaluation.measures[evaluation.sampling_time], evaluation.floors)


def _rows(evaluation: Evaluation, time: float) -> list[dict[str, Any]]:
    rows = []
    for measure, value in evaluation.measures[time].items():
        floor = evaluation.floors[measure]
        ratio = ratio_to_floor(measure, value, floor)
        rows.append({"measure": measure, "value": value, "floor": floor, "ratio": ratio})
    return rows


def _append(path: Path, evaluation: Evaluation) -> None:
    common = {"stage": evaluation.stage, "step": evaluation.step, "num_samples": evaluation.num_samples}
    new = [{**common, "sampling_time": time, **row} for time in evaluation.measures for row in _rows(evaluation, time)]
    same = {name: str(value) for name, value in common.items()}
    old = _read(path, lambda row: any(row[name] != value for name, value in same.items())) if path.exists() else []
    _write(path, [*old, *new])


def _read(path: Path, is_kept: Callable[[dict[str, str]], bool]) -> list[dict[str, Any]]:
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if is_kept(row)]


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the whole file at once: whoever reads it never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    os.replace(temporary, path)
