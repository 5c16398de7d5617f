"""A progress bar that counts training steps."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar


class StepProgressBar(RichProgressBar):
    """One bar for the whole training, since its length is given in steps and an epoch may be a second.

    Args:
        update_every: training steps between two updates; drawing at every step would cost time.
    """

    def __init__(self, update_every: int = 20) -> None:
        super().__init__()
        self.update_every = update_every

    @property
    def total_train_batches(self) -> int | float:
        """Training steps to take, if that is known."""
        return self.trainer.max_steps if self.trainer.max_steps > 0 else self.trainer.estimated_stepping_batches

    def _get_train_description(self, current_epoch: int) -> str:
        return "Training"

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make the bar in the first epoch, leave it in later ones."""
        if self.train_progress_bar_id is None:
            super().on_train_epoch_start(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Update the bar now and then."""
        step = trainer.global_step
        if step % self.update_every == 0 or step == trainer.max_steps:
            super().on_train_batch_end(trainer, pl_module, outputs, batch, step - 1)
