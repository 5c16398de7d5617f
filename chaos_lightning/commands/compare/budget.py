"""The number of training steps that fit into a given time."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from lightning.pytorch import LightningModule, Trainer

from chaos_lightning.callbacks import TrainingClock
from chaos_lightning.commands.cli import ChaosCLI
from chaos_lightning.files import written_at_once

FILE_NAME = "budget.json"

LONGEST_PILOT = 10.0
"""Most seconds of timing, after as many of warming up; in small budgets each is a twentieth of the budget."""


class Budget(NamedTuple):
    """Number of steps of a run, decided once before it starts.

    So its learning rate schedule ends with its time, and at the same step if the run is broken off and goes on.

    Attributes:
        max_steps: number of training steps.
        seconds_per_step: seconds of a step of the pilot.
    """

    max_steps: int
    seconds_per_step: float


class Pilot(TrainingClock):
    """Times steps after a warm-up, and then stops training.

    Args:
        duration: seconds of the warm-up, and as many of timing.
    """

    def __init__(self, duration: float) -> None:
        super().__init__()
        self.duration = duration
        self.is_warm = False

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Forget the warm-up; stop after the timing."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if self.seconds >= self.duration:
            if self.is_warm:
                trainer.should_stop = True
            else:
                self.is_warm, self.seconds, self.steps = True, 0.0, 0


class PilotCLI(ChaosCLI):
    """``fit`` for a pilot: it measures, writes and says nothing at its end."""

    def __init__(self, arguments: list[str], pilot: Pilot) -> None:
        self._pilot = pilot
        super().__init__(arguments)

    def before_fit(self) -> None:
        """Add the pilot to the callbacks."""
        self.trainer.callbacks.append(self._pilot)  # type: ignore[attr-defined]

    def after_fit(self) -> None:
        """Say nothing."""


def decide(folder: Path, fit_arguments: list[str], seconds: float) -> Budget:
    """Read the budget of a run from its folder; find it by a pilot with the same settings if there is none yet.

    Args:
        folder: folder of the run, where the budget is noted.
        fit_arguments: arguments of ``fit`` for the run.
        seconds: seconds of training.
    """
    path = folder / FILE_NAME
    if path.exists():
        return Budget(**json.loads(path.read_text()))
    pilot = Pilot(min(LONGEST_PILOT, seconds / 20))
    nothing_kept = {
        "limit_val_batches": "0",
        "logger": "false",
        "enable_checkpointing": "false",
        "default_root_dir": str(folder),  # the run replaces any file that is written nevertheless
    }
    arguments = [f"--trainer.{name}={value}" for name, value in {"max_steps": "1000000000", **nothing_kept}.items()]
    cli = PilotCLI(["fit", *fit_arguments, *arguments], pilot)
    seconds_per_step = pilot.seconds / max(1, pilot.steps)
    max_steps = max(1, round(seconds / seconds_per_step)) if cli.model.learns else 1
    budget = Budget(max_steps, seconds_per_step)
    with written_at_once(path) as temporary:
        temporary.write_text(json.dumps(budget._asdict()))
    return budget
