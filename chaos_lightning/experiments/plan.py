"""The runs of an experiment: their names, their folders and their arguments of ``fit``."""

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml
from jsonargparse.typing import Path_fr

ELSEWHERE = ("data_dir", "accelerator", "devices", "strategy", "num_nodes")
"""Settings that say where a run takes place, by the last parts of their names. They change no result."""


@dataclass(frozen=True)
class Run:
    """One run: a generator to train or to load.

    Attributes:
        settings: the settings in which the generators differ, dotted name to value.
        seed: seed of everything random.
    """

    settings: Mapping[str, Any]
    seed: int

    @property
    def name(self) -> str:
        """Name of the run and of its folder; different runs have different names."""
        text = ",".join(f"{key}={value}" for key, value in {**labels(self.settings), "seed": self.seed}.items())
        plain = re.sub(r"[^\w.=,+-]+", "_", text)
        return plain if plain == text else f"{plain[:80]}_{zlib.crc32(text.encode()):08x}"


def labels(settings: Mapping[str, Any]) -> dict[str, str]:
    """Shorten settings for people: the last part of each name, unless two share it; a class without its module."""
    lasts = [name.rpartition(".")[2] for name in settings]
    return {
        (last if lasts.count(last) == 1 else name): _label(value)
        for (name, value), last in zip(settings.items(), lasts, strict=True)
    }


def _label(value: Any) -> str:
    if isinstance(value, list) and value and all(isinstance(each, Mapping) and "upper" in each for each in value):
        return ", ".join(map(_connection, value))
    if isinstance(value, str):
        return value.rpartition(".")[2] if re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", value) else value
    return json.dumps(value)


def _connection(connection: Mapping[str, Any]) -> str:
    """Write a connection of a wiring briefly, as "0-1 down 0.8" or "1-1 down 2 fixed"."""
    given = {way: connection.get(f"gain_{way}") for way in ("down", "up")}
    gains = [f"{way} {gain:g}" for way, gain in given.items() if gain is not None]
    fixed = [] if connection.get("learned", True) else ["fixed"]
    return " ".join([f"{connection['lower']}-{connection['upper']}", *gains, *fixed])


class Plan(Protocol):
    """The runs of an experiment, as queue and workers need to know them."""

    @property
    def folder(self) -> Path:
        """Folder of the experiment, into which everything is written."""

    def runs(self) -> list[Run]:
        """List all runs in the order in which to do them."""

    def identity(self) -> str:
        """Describe everything that the runs of a folder must share to be comparable."""

    def fit_arguments(self, run: Run) -> list[str]:
        """Give the arguments of ``chaos-lightning fit`` for a run."""


def run_folder(plan: Plan, run: Run) -> Path:
    """Return the folder that a run writes into."""
    return plan.folder / "runs" / run.name


def own_arguments(plan: Plan, run: Run) -> list[str]:
    """Give the arguments of ``fit`` that differ between all runs: the seed and the folder."""
    folder = run_folder(plan, run)
    logger = {
        "trainer.logger": "lightning.pytorch.loggers.TensorBoardLogger",
        "trainer.logger.init_args.save_dir": str(folder.parent.parent),
        "trainer.logger.init_args.name": folder.parent.name,
        "trainer.logger.init_args.version": folder.name,
        "trainer.logger.init_args.default_hp_metric": False,
    }
    return as_arguments({"seed_everything": run.seed, **logger, "trainer.enable_progress_bar": False})


def read_config(path: Path_fr) -> dict[str, Any]:
    """Read a config of ``fit``.

    Raises:
        ValueError: if it holds no settings.
    """
    try:
        contents = yaml.safe_load(Path(path.absolute).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path.absolute} is not YAML: {error}") from error
    if not isinstance(contents, dict):
        raise ValueError(f"{path.absolute} holds no settings")
    return contents


def shared(settings: Mapping[str, Any], arguments: Sequence[str]) -> dict[str, Any]:
    """Collect the settings that all runs share, except those that only say where a run takes place.

    ``data_dir`` counts only where it is null: that means the sample in the package, so other data.

    Args:
        settings: dotted name to value.
        arguments: arguments of the command line, which override the settings.
    """
    both = {**settings, **_pairs(arguments)}
    return {
        name: value
        for name, value in both.items()
        if name.rpartition(".")[2] not in ELSEWHERE or (name.endswith("data_dir") and value in (None, "null"))
    }


def as_arguments(settings: Mapping[str, Any]) -> list[str]:
    """Write settings, dotted name to value, as arguments of the command line."""
    return [f"--{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in settings.items()]


def _pairs(arguments: Sequence[str]) -> dict[str, str]:
    """Map each option to its value, given as ``--name value`` or ``--name=value``."""
    pairs: dict[str, str] = {}
    name = ""
    for argument in arguments:
        if argument.startswith("--"):
            name, _, value = argument[2:].partition("=")
            pairs[name] = value
        else:
            pairs[name] = argument
    return pairs
