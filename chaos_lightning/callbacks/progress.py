"""A progress bar that counts training steps."""

import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar


class StepProgressBar(RichProgressBar):
    """One bar for the whole training: its length is given in steps, and an epoch may last only a second.

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
