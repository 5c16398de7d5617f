"""What is run: for a sweep every combination of settings with every seed."""

import itertools
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml
from jsonargparse.typing import Path_fr

ELSEWHERE = ("data_dir", "accelerator", "devices", "strategy", "num_nodes")
"""Last parts of the names of settings that say where a run takes place, not what it is."""


@dataclass(frozen=True)
class Run:
    """One generator to be trained.

    Attributes:
        settings: those in which the networks differ, dotted name to value.
        seed: of everything random.
    """

    settings: Mapping[str, Any]
    seed: int

    @property
    def name(self) -> str:
        """What it is called: a name for its folder too, different for different runs."""
        text = ",".join(f"{key}={value}" for key, value in {**labels(self.settings), "seed": self.seed}.items())
        plain = re.sub(r"[^\w.=,+-]+", "_", text)
        return plain if plain == text else f"{plain[:80]}_{zlib.crc32(text.encode()):08x}"


def labels(settings: Mapping[str, Any]) -> dict[str, str]:
    """The settings as people call them: last part of the name, unless two share it; class without its module."""
    lasts = [name.rpartition(".")[2] for name in settings]
    return {
        (last if lasts.count(last) == 1 else name): _label(value)
        for (name, value), last in zip(settings.items(), lasts, strict=True)
    }


def _label(value: Any) -> str:
    if isinstance(value, str):
        return value.rpartition(".")[2] if re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", value) else value
    return json.dumps(value)


class RunPlan(Protocol):
    """Which runs there are and what each of them is: all that queue and workers need to know."""

    @property
    def folder(self) -> Path:
        """Where everything is written."""

    def runs(self) -> list[Run]:
        """All runs, in the order in which they are to be done."""

    def identity(self) -> str:
        """What must stay the same for runs of a folder to be compared."""

    def fit_arguments(self, run: Run) -> list[str]:
        """Arguments of ``chaos-lightning fit`` for a run."""


def run_folder(plan: RunPlan, run: Run) -> Path:
    """Where a run writes."""
    return plan.folder / "runs" / run.name


def own_arguments(plan: RunPlan, run: Run) -> list[str]:
    """The arguments of ``fit`` that belong to a run alone: its seed, and the folder that it writes to."""
    folder = run_folder(plan, run)
    logger = {
        "trainer.logger": "lightning.pytorch.loggers.TensorBoardLogger",
        "trainer.logger.init_args.save_dir": str(folder.parent.parent),
        "trainer.logger.init_args.name": folder.parent.name,
        "trainer.logger.init_args.version": folder.name,
        "trainer.logger.init_args.default_hp_metric": False,
    }
    return as_arguments({"seed_everything": run.seed, **logger, "trainer.enable_progress_bar": False})


@dataclass(frozen=True)
class Plan:
    """A sweep: which runs it has and what each of them is, as arguments of ``chaos-lightning fit``.

    Attributes:
        base: contents of a config of ``fit``; the file may change while runs are done.
        settings: those that all runs share, over the base; dotted name to value.
        arguments: of the command line, over the settings.
        grids: of each, dotted name to the values to try in every combination.
        seeds: of the runs.
        folder: of the sweep.
    """

    base: Mapping[str, Any]
    settings: Mapping[str, Any]
    arguments: Sequence[str]
    grids: Sequence[Mapping[str, Sequence[Any]]]
    seeds: Sequence[int]
    folder: Path

    def runs(self) -> list[Run]:
        """All runs; those of the first seed come first, so that a comparison can be seen early."""
        points = dict.fromkeys(point for grid in self.grids for point in _points(grid))
        return [
            Run({name: json.loads(value) for name, value in point}, seed)
            for seed in dict.fromkeys(self.seeds)
            for point in points
        ]

    def fit_arguments(self, run: Run) -> list[str]:
        """Arguments of ``chaos-lightning fit`` for a run."""
        common = {"trainer.devices": 1, **self.settings}  # runs, not parts of one, are what goes side by side
        own = [*as_arguments(run.settings), *own_arguments(self, run)]
        return ["--config", json.dumps(self.base), *as_arguments(common), *self.arguments, *own]

    def identity(self) -> str:
        """What must stay the same for runs of a folder to be compared: base and common settings, as JSON."""
        return json.dumps({"base": self.base, "settings": shared(self.settings, self.arguments)}, sort_keys=True)


def read_config(path: Path_fr) -> dict[str, Any]:
    """The contents of a config of ``fit``.

    Raises:
        ValueError: if it holds no settings.
    """
    try:
        contents = yaml.safe_load(Path(path.absolute).read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path.absolute} is not YAML: {error}") from error
    if not isinstance(contents, dict):
        raise ValueError(f"{path.absolute} holds no settings")
    return contents


def shared(settings: Mapping[str, Any], arguments: Sequence[str]) -> dict[str, Any]:
    """The settings that runs share, those of the command line over the others; without those of where they run.

    No folder of data means the sample that ships with the package, which is other data, not another place.
    """
    both = {**settings, **_pairs(arguments)}
    return {
        name: value
        for name, value in both.items()
        if name.rpartition(".")[2] not in ELSEWHERE or (name.endswith("data_dir") and value in (None, "null"))
    }


def _points(grid: Mapping[str, Sequence[Any]]) -> Iterator[tuple[tuple[str, str], ...]]:
    """Every combination of a grid's values, as pairs of a name and a value in JSON."""
    names = sorted(grid, key=len)  # a class comes before its settings, whatever their order in the grid
    for values in itertools.product(*grid.values()):
        point = dict(zip(grid, values, strict=True))
        yield tuple((name, json.dumps(point[name], sort_keys=True)) for name in names)


def as_arguments(settings: Mapping[str, Any]) -> list[str]:
    """Settings by their dotted names, as arguments of the command line."""
    return [f"--{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in settings.items()]


def _pairs(arguments: Sequence[str]) -> dict[str, str]:
    """Option to value, for arguments of the forms ``--name value`` and ``--name=value``."""
    pairs: dict[str, str] = {}
    name = ""
    for argument in arguments:
        if argument.startswith("--"):
            name, _, value = argument[2:].partition("=")
            pairs[name] = value
        else:
            pairs[name] = argument
    return pairs
