"""The runs of a comparison: every contestant with every seed."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypedDict

from jsonargparse.typing import Path_fr

from chaos_lightning.experiments.plan import Run, as_arguments, own_arguments, read_config, shared

NAME = "contestant"
"""Setting of a run: the name of its contestant."""

RECIPE = "recipe"
"""Setting of a run: checksum of its contestant, so that a changed contestant is run anew."""


class Contestant(TypedDict, total=False):
    """A generator of a comparison: trained by ``fit`` within the budget, or loaded.

    Attributes:
        base: config of fit; a path relative to the config that names it.
        settings: settings of fit by their dotted names; they override the base.
        checkpoint: checkpoint of a trained generator, in place of base and settings.
    """

    base: Path_fr | None
    settings: dict[str, Any] | None
    checkpoint: Path_fr | None


@dataclass(frozen=True)
class Entrant:
    """A contestant with the contents of its files, read once: the files may change while runs are done.

    Attributes:
        base: contents of its config of fit; None without one.
        settings: settings of fit, dotted name to value; they override the base.
        checkpoint: file to load in place of base and settings; None to train.
        recipe: checksum of all of this.
    """

    base: Mapping[str, Any] | None
    settings: Mapping[str, Any]
    checkpoint: str | None
    recipe: str

    @classmethod
    def read(cls, contestant: Contestant) -> Self:
        """Read the files of a contestant."""
        base, checkpoint = contestant.get("base"), contestant.get("checkpoint")
        contents = None if base is None else read_config(base)
        path = None if checkpoint is None else str(checkpoint.absolute)
        settings = contestant.get("settings")
        digest = None if path is None else zlib.crc32(Path(path).read_bytes())
        parts = json.dumps({"base": contents, "settings": settings, "checkpoint": digest}, sort_keys=True)
        return cls(contents, settings or {}, path, f"{zlib.crc32(parts.encode()):08x}")


@dataclass(frozen=True)
class Comparison:
    """Plan of a comparison: every contestant with every seed.

    Attributes:
        contestants: contestants by their names.
        settings: settings of ``fit`` that all share, dotted name to value; they override the contestants' own.
        arguments: arguments of the command line, which override the settings.
        seeds: seeds with which each contestant is run.
        folder: folder of the comparison.
        budget: seconds of training.
        num_samples: number of samples to measure, against as many test images.
    """

    contestants: Mapping[str, Entrant]
    settings: Mapping[str, Any]
    arguments: Sequence[str]
    seeds: Sequence[int]
    folder: Path
    budget: float
    num_samples: int

    def runs(self) -> list[Run]:
        """List all runs, first all contestants with the first seed, so that they can be compared early."""
        return [
            Run({NAME: name, RECIPE: entrant.recipe}, seed)
            for seed in dict.fromkeys(self.seeds)
            for name, entrant in self.contestants.items()
        ]

    def checkpoint(self, run: Run) -> str | None:
        """Return the checkpoint that a run loads; None if it trains."""
        return self.contestants[run.settings[NAME]].checkpoint

    def fit_arguments(self, run: Run) -> list[str]:
        """Give the arguments of ``chaos-lightning fit`` for a run, without the number of steps."""
        entrant = self.contestants[run.settings[NAME]]
        config = [] if entrant.base is None else ["--config", json.dumps(entrant.base)]
        settings = as_arguments({"trainer.devices": 1, **entrant.settings, **self.settings})
        return [*config, *settings, *self.arguments, *own_arguments(self, run)]

    def identity(self) -> str:
        """Describe common settings, budget and number of samples as JSON: all runs of a folder must share them."""
        settings = shared(self.settings, self.arguments)
        return json.dumps(
            {"settings": settings, "budget": self.budget, "num_samples": self.num_samples}, sort_keys=True
        )
