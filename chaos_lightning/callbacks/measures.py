"""Measures of a run as files and as printed tables."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from chaos_lightning.callbacks.folder import folder_of_run
from chaos_lightning.callbacks.generator import as_generator
from chaos_lightning.files import written_at_once
from chaos_lightning.metrics.catalogue import ratio_to_floor
from chaos_lightning.metrics.evaluation import Evaluation
from chaos_lightning.metrics.record import COLUMNS, RECORD
from chaos_lightning.metrics.tables import print_classes, print_measures

CLASSES_RECORD = "classes.csv"
_FILES = {
    RECORD: COLUMNS,
    CLASSES_RECORD: ["stage", "step", "class", "num_samples", "measure", "value", "floor"],
}
"""Name of each file to its columns."""


class MeasuresFile(Callback):
    """A file of all evaluations, ``measures.csv`` in the run's folder; validate and test also print theirs.

    The file has a line for each sampling time and measure. The floor is the value that real training images reach
    against the same held-out images; the ratio is value over floor. Networks that know classes have measures by class
    too, in ``classes.csv``: a line for each class ("all" for all together) and measure. Without a logger a run has no
    folder, and nothing is written.

    A run that goes on from a checkpoint first removes the lines of later steps; a run that starts anew removes all
    lines. An evaluation that is repeated replaces its lines.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Note the run's folder; all processes must ask for it together."""
        self._folder = folder_of_run(trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove the measures of steps that training repeats."""
        if trainer.is_global_zero and self._folder is not None:
            step = trainer.global_step
            for name, columns in _FILES.items():
                path = self._folder / name
                _write(path, columns, _read(path, lambda row: 0 < int(row["step"]) <= step))

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
            _append(self._folder / RECORD, _rows(evaluation))
            _append(self._folder / CLASSES_RECORD, _class_rows(evaluation))
        if print_table:
            print_evaluation(evaluation)


def print_evaluation(evaluation: Evaluation) -> None:
    """Print the measures at T as a table: measure, value, floor, ratio; then the measures by class, if any."""
    split = {"val": "validation", "test": "test"}[evaluation.stage]
    time = evaluation.sampling_time
    title = (
        f"{evaluation.num_samples:,} samples{f' at T = {time:g}' if time > 0 else ''} against as many {split} images, "
        f"after {evaluation.step:,} training steps"
    )
    print_measures(title, evaluation.measures[evaluation.sampling_time], evaluation.floors)
    if evaluation.classes is not None:
        print_classes(
            f"Images asked for by class, against {split} images of that class (in brackets: floor)", evaluation.classes
        )


def _rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    rows = []
    for time, measures in evaluation.measures.items():
        for measure, value in measures.items():
            floor = evaluation.floors[measure]
            place = {"sampling_time": time, "num_samples": evaluation.num_samples}
            figures = {"value": value, "floor": floor, "ratio": ratio_to_floor(measure, value, floor)}
            rows.append({"stage": evaluation.stage, "step": evaluation.step, **place, "measure": measure, **figures})
    return rows


def _class_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    if evaluation.classes is None:
        return []
    rows = []
    for figures in (*evaluation.classes.classes, evaluation.classes.overall):
        place = {"class": figures.name, "num_samples": figures.num_images}
        for measure, value in figures.values.items():
            entry = {"measure": measure, "value": value, "floor": figures.floors.get(measure)}
            rows.append({"stage": evaluation.stage, "step": evaluation.step, **place, **entry})
    return rows


def _append(path: Path, rows: list[dict[str, Any]]) -> None:
    """Append the rows of an evaluation to a CSV file; earlier rows of the same evaluation are replaced."""
    same = {(row["stage"], str(row["step"]), str(row["num_samples"])) for row in rows}
    old = _read(path, lambda row: (row["stage"], row["step"], row["num_samples"]) not in same)
    _write(path, _FILES[path.name], [*old, *rows])


def _read(path: Path, is_kept: Callable[[dict[str, str]], bool]) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if is_kept(row)]


def _write(path: Path, columns: list[str], rows: list[dict[str, Any]]) -> None:
    """Write the whole file at once, so that no reader sees half of it; without rows, write no new file."""
    if not rows and not path.exists():
        return
    with written_at_once(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
