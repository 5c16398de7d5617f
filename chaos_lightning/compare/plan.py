"""What a comparison runs: every contestant with every seed."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypedDict

from jsonargparse.typing import Path_fr

from chaos_lightning.sweep.plan import Run, as_arguments, own_arguments, read_config, shared

NAME = "contestant"
"""Setting of a run: the name of its contestant."""

RECIPE = "recipe"
"""Setting of a run: a number for all that its contestant is, so that a changed contestant is run anew."""


class Contestant(TypedDict, total=False):
    """A generator of a comparison: trained by ``fit`` within the budget, or loaded.

    Attributes:
        base: config of fit; a path relative to the config that names it.
        settings: of fit, over the base, by their dotted names.
        checkpoint: of a trained generator, in place of both.
    """

    base: Path_fr | None
    settings: dict[str, Any] | None
    checkpoint: Path_fr | None


@dataclass(frozen=True)
class Entrant:
    """A contestant with the contents of its files, which may change while runs are done.

    Attributes:
        base: contents of its config of fit; None without one.
        settings: over these.
        checkpoint: file to load in place of both.
        recipe: a number for all of this.
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
    """Which contestants are compared, and what they share.

    Attributes:
        contestants: name to what it is.
        settings: of ``fit`` that all share, over their own; dotted name to value.
        arguments: of the command line, over the settings.
        seeds: of the runs.
        folder: of the comparison.
        budget: seconds of training.
        num_samples: samples that are measured, and as many test images.
    """

    contestants: Mapping[str, Entrant]
    settings: Mapping[str, Any]
    arguments: Sequence[str]
    seeds: Sequence[int]
    folder: Path
    budget: float
    num_samples: int

    def runs(self) -> list[Run]:
        """All runs; those of the first seed come first, so that a comparison can be seen early."""
        return [
            Run({NAME: name, RECIPE: entrant.recipe}, seed)
            for seed in dict.fromkeys(self.seeds)
            for name, entrant in self.contestants.items()
        ]

    def checkpoint(self, run: Run) -> str | None:
        """The checkpoint that a run loads; None if it trains."""
        return self.contestants[run.settings[NAME]].checkpoint

    def fit_arguments(self, run: Run) -> list[str]:
        """Arguments of ``chaos-lightning fit`` for a run, but for the number of steps."""
        entrant = self.contestants[run.settings[NAME]]
        config = [] if entrant.base is None else ["--config", json.dumps(entrant.base)]
        settings = as_arguments({"trainer.devices": 1, **entrant.settings, **self.settings})
        return [*config, *settings, *self.arguments, *own_arguments(self, run)]

    def identity(self) -> str:
        """What all runs share: data and whatever else they have in common, budget, number of samples; as JSON."""
        settings = shared(self.settings, self.arguments)
        return json.dumps(
            {"settings": settings, "budget": self.budget, "num_samples": self.num_samples}, sort_keys=True
        )
