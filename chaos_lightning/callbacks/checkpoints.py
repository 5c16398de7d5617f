"""Checkpoints of a training run."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint


class TrainingCheckpoint(ModelCheckpoint):
    """Lightning's checkpoint callback, which leaves the final weights too.

    Saving every so many steps alone would lose the last ones where the interval does not divide their number.
    """

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the final state over the last checkpoint."""
        super().on_train_end(trainer, pl_module)
        if self.last_model_path:
            trainer.save_checkpoint(self.last_model_path)
