"""How many training steps an equal time allows."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from lightning.pytorch import LightningModule, Trainer

from chaos_lightning.callbacks import TrainingClock
from chaos_lightning.cli import ChaosCLI
from chaos_lightning.files import written_at_once

FILE_NAME = "budget.json"

LONGEST_PILOT = 10.0
"""Seconds that steps are timed for, at most; in small budgets a twentieth of them. As long is spent on warming up."""


class Budget(NamedTuple):
    """The steps of a run, decided once before it starts, so that its schedule ends when its time is over.

    A schedule that followed the clock would end elsewhere each time.

    Attributes:
        max_steps: training steps.
        seconds_per_step: what the pilot took.
    """

    max_steps: int
    seconds_per_step: float


class Pilot(TrainingClock):
    """Times steps after a warm-up, and then stops training.

    Args:
        duration: seconds of the warm-up, and of what is timed.
    """

    def __init__(self, duration: float) -> None:
        super().__init__()
        self.duration = duration
        self.is_warm = False

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Forget the warm-up; stop when enough was timed."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if self.seconds >= self.duration:
            if self.is_warm:
                trainer.should_stop = True
            else:
                self.is_warm, self.seconds, self.steps = True, 0.0, 0


class PilotCLI(ChaosCLI):
    """``fit`` without its end: nothing is measured, written or said."""

    def __init__(self, arguments: list[str], pilot: Pilot) -> None:
        self._pilot = pilot
        super().__init__(arguments)

    def before_fit(self) -> None:
        """Let the pilot watch."""
        self.trainer.callbacks.append(self._pilot)  # type: ignore[attr-defined]

    def after_fit(self) -> None:
        """Nothing."""


def decide(folder: Path, fit_arguments: list[str], seconds: float) -> Budget:
    """The budget of a run: that which was decided before, or what a pilot of the same settings finds.

    Args:
        folder: of the run, where the budget is noted.
        fit_arguments: of the run.
        seconds: of training.
    """
    path = folder / FILE_NAME
    if path.exists():
        return Budget(**json.loads(path.read_text()))
    pilot = Pilot(min(LONGEST_PILOT, seconds / 20))
    nothing_kept = {
        "limit_val_batches": "0",
        "logger": "false",
        "enable_checkpointing": "false",
        "default_root_dir": str(folder),  # whatever is kept nevertheless the run itself replaces
    }
    arguments = [f"--trainer.{name}={value}" for name, value in {"max_steps": "1000000000", **nothing_kept}.items()]
    cli = PilotCLI(["fit", *fit_arguments, *arguments], pilot)
    seconds_per_step = pilot.seconds / max(1, pilot.steps)
    max_steps = max(1, round(seconds / seconds_per_step)) if cli.model.learns else 1
    budget = Budget(max_steps, seconds_per_step)
    with written_at_once(path) as temporary:
        temporary.write_text(json.dumps(budget._asdict()))
    return budget
