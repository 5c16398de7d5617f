"""A progress bar that counts training steps."""

import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar

from chaos_lightning.callbacks.generator import as_generator
from chaos_lightning.metrics.catalogue import SYMBOLS

SHOWN = ("second_moment_error", "adversarial_accuracy_indicator")
"""Measures beside the bar: one that is small early, and one that stays large while images are broken."""


class StepProgressBar(RichProgressBar):
    """One bar for the whole training: its length is given in steps, and an epoch may last only a second.

    Beside it stand E(2) and E(AAI) of the last validation.

    Args:
        seconds_between_updates: least seconds between two updates. Drawing takes 2 ms, longer than some steps.
    """

    def __init__(self, seconds_between_updates: float = 0.25) -> None:
        super().__init__()
        self.seconds_between_updates = seconds_between_updates
        self._updated = 0.0

    @property
    def total_train_batches(self) -> int | float:
        """Number of training steps, if that is known."""
        return self.trainer.max_steps if self.trainer.max_steps > 0 else self.trainer.estimated_stepping_batches

    def _get_train_description(self, current_epoch: int) -> str:
        return "Training"

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Return the text beside the bar: measures of the last validation, in place of the run's number."""
        items = super().get_metrics(trainer, pl_module)
        items.pop("v_num", None)
        evaluation = as_generator(pl_module).evaluation
        if evaluation is not None:
            reached = evaluation.measures[evaluation.sampling_time]
            items |= {SYMBOLS[name]: f"{reached[name]:.1e}" for name in SHOWN}
        return items

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make the bar in the first epoch, and keep it in later ones."""
        if self.train_progress_bar_id is None:
            super().on_train_epoch_start(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Update the bar if enough time has passed, and after the last step."""
        step, now = trainer.global_step, time.monotonic()
        if now - self._updated >= self.seconds_between_updates or step == trainer.max_steps:
            self._updated = now
            super().on_train_batch_end(trainer, pl_module, outputs, batch, step - 1)
