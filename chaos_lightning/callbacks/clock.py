"""A clock for the time that training takes."""

import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class TrainingClock(Callback):
    """Counts the seconds of training, without validations and their callbacks, and across interruptions.

    Attributes:
        seconds: seconds of wall-clock time, up to the last step.
        steps: number of training steps in that time.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.steps = 0
        self._since: float | None = None

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Start the clock, unless it runs."""
        if self._since is None:
            self._since = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the time since the last step."""
        now = time.monotonic()
        assert self._since is not None, "set when the step started"
        self.seconds += now - self._since
        self.steps += 1
        self._since = now

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock until the next step."""
        self._since = None

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock."""
        self._since = None

    def state_dict(self) -> dict[str, Any]:
        """Save time and steps so far."""
        return {"seconds": self.seconds, "steps": self.steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.seconds, self.steps, self._since = state_dict["seconds"], state_dict["steps"], None
