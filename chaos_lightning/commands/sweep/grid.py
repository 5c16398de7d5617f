"""The runs of a sweep: every combination of settings with every seed."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos_lightning.experiments.plan import Run, as_arguments, own_arguments, shared


@dataclass(frozen=True)
class Sweep:
    """Plan of a sweep: every combination of settings with every seed.

    Attributes:
        base: contents of a config of ``fit``, read once: the file may change while runs are done.
        settings: settings that all runs share, dotted name to value; they override the base.
        arguments: arguments of the command line, which override the settings.
        grids: several grids, each dotted name to the values that are tried in every combination.
        seeds: seeds with which each combination is run.
        folder: folder of the sweep.
    """

    base: Mapping[str, Any]
    settings: Mapping[str, Any]
    arguments: Sequence[str]
    grids: Sequence[Mapping[str, Sequence[Any]]]
    seeds: Sequence[int]
    folder: Path

    def runs(self) -> list[Run]:
        """List all runs, first all combinations with the first seed, so that they can be compared early."""
        points = dict.fromkeys(point for grid in self.grids for point in _points(grid))
        return [
            Run({name: json.loads(value) for name, value in point}, seed)
            for seed in dict.fromkeys(self.seeds)
            for point in points
        ]

    def fit_arguments(self, run: Run) -> list[str]:
        """Give the arguments of ``chaos-lightning fit`` for a run."""
        common = {"trainer.devices": 1, **self.settings}  # whole runs go side by side, not parts of one
        own = [*as_arguments(run.settings), *own_arguments(self, run)]
        return ["--config", json.dumps(self.base), *as_arguments(common), *self.arguments, *own]

    def identity(self) -> str:
        """Describe base and common settings as JSON: the runs of a folder must share them to be comparable."""
        return json.dumps({"base": self.base, "settings": shared(self.settings, self.arguments)}, sort_keys=True)


def _points(grid: Mapping[str, Sequence[Any]]) -> Iterator[tuple[tuple[str, str], ...]]:
    """Yield every combination of a grid's values, as pairs of a name and a value in JSON."""
    names = sorted(grid, key=len)  # a class comes before its settings, whatever their order in the grid
    for values in itertools.product(*grid.values()):
        point = dict(zip(grid, values, strict=True))
        yield tuple((name, json.dumps(point[name], sort_keys=True)) for name in names)
