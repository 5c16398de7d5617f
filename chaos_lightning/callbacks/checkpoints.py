"""Checkpoints of a training run, written such that a resumed run loses and repeats nothing."""

import os
from functools import cached_property
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.rank_zero import rank_zero_info
from torch import Tensor

from chaos_lightning.callbacks.generator import as_generator
from chaos_lightning.callbacks.progress_state import settle_progress, validation_is_due
from chaos_lightning.callbacks.stopping import RunStopped, StopSignals
from chaos_lightning.files import expanded


class TrainingCheckpoint(ModelCheckpoint):
    """Lightning's checkpoint callback, for runs that can be killed at any moment and resumed exactly.

    - A checkpoint is written when everything of its step is done, so after the validation if one follows the step.
    - The loops' progress in it follows from the number of steps, whatever the moment of saving, see
      :func:`settle_progress`.
    - SIGTERM and Ctrl-C finish the step, save and exit, see :class:`StopSignals`. A second signal exits at once.
    - The final weights are validated and, with ``save_last``, saved too, even if the interval does not divide the
      number of steps.

    Raises:
        RunStopped: from training, after a signal.
    """

    @cached_property
    def _signals(self) -> StopSignals:
        return StopSignals()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Find the folder, as a shell reads its path."""
        super().setup(trainer, pl_module, stage)
        if self.dirpath is not None and "://" not in str(self.dirpath):
            self.dirpath = expanded(str(self.dirpath))

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Go on with the files of the run if it goes on in its own folder, however the path to that is written.

        Lightning compares paths as they are written, and settings of saving. If any differs, it would write a second
        last checkpoint beside the first, which would then hold an old network under the better name.
        """
        folder, path = str(self.dirpath), trainer.ckpt_path
        if trainer.state.fn != "fit" or path is None or os.path.realpath(Path(path).parent) != os.path.realpath(folder):
            return
        states = checkpoint.get("callbacks", {})
        if self.state_key in states:
            states[self.state_key] = _moved(states[self.state_key], folder)
        self.last_model_path = self._last_in(folder)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state; one that was saved before the last checkpoint was first written knows no path."""
        known = self.last_model_path
        super().load_state_dict(state_dict)
        self.last_model_path = self.last_model_path or known

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen for signals."""
        super().on_train_start(trainer, pl_module)
        self._signals.listen()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save if a checkpoint is due and no validation follows; exit if a signal asks for it."""
        if trainer.global_step == trainer.max_steps:
            trainer.should_stop = True  # makes Lightning validate the final network, whatever the interval
        # Lightning checks the interval too. Here it saves time: asking for a validation at every step takes long.
        interval = self._every_n_train_steps
        if interval > 0 and trainer.global_step % interval == 0 and not validation_is_due(trainer):
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        self._leave_if_asked(trainer)

    def on_validation_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Exit if a signal asks for it: a validation may take longer than the sender of a signal waits."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._leave_if_asked(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the checkpoint that was due before the validation."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            super().on_train_batch_end(trainer, pl_module, None, None, 0)
        super().on_validation_end(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the final state over the last checkpoint, unless nothing is saved; restore the signals' handlers."""
        if not trainer.fast_dev_run:  # type: ignore[attr-defined]
            super().on_train_end(trainer, pl_module)
            if self.last_model_path:
                trainer.save_checkpoint(self.last_model_path, weights_only=False)
        self._leave_if_asked(trainer)
        self._signals.restore()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Restore the signals' handlers."""
        super().on_exception(trainer, pl_module, exception)
        self._signals.restore()

    def _save_topk_checkpoint(self, trainer: Trainer, monitor_candidates: dict[str, Tensor]) -> None:
        """Save as Lightning does, but never give weights the score of earlier ones.

        A score that comes from a validation counts only right after it. Scores of training steps always count.
        """
        monitor = self.monitor or "train/"
        if monitor.startswith("train/") or monitor == "signs/largest_potential" or _is_validated(trainer):
            super()._save_topk_checkpoint(trainer, monitor_candidates)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Make the loops' progress follow from the number of steps."""
        pending = validation_is_due(trainer) and not _is_validated(trainer)
        settle_progress(checkpoint, trainer.num_training_batches, validation_pending=pending)

    def _last_in(self, folder: str) -> str:
        path = os.path.join(folder, f"{self.CHECKPOINT_NAME_LAST}{self.FILE_EXTENSION}")
        return path if self.save_last and os.path.exists(path) else ""

    def _leave_if_asked(self, trainer: Trainer) -> None:
        signal = self._signals.agreed(trainer)
        if signal is None:
            return
        if not self._should_skip_saving_checkpoint(trainer):
            candidates = self._monitor_candidates(trainer)
            if self.save_last is not True:
                self._save_checkpoint(trainer, self.format_checkpoint_name(candidates))
            self._save_last_checkpoint(trainer, candidates)
        rank_zero_info(
            f"Stopped by {signal.name} after step {trainer.global_step:,}; saved {self._last_checkpoint_saved}. "
            "The same command with --ckpt_path last goes on from there."
        )
        raise RunStopped(signal, is_first_process=trainer.is_global_zero)


def _moved(state: dict[str, Any], folder: str) -> dict[str, Any]:
    """Write the paths in the state of a checkpoint callback as those of files in a folder."""

    def here(path: str) -> str:
        return os.path.join(folder, os.path.basename(path)) if path else path

    paths = {name: here(state[name]) for name in ("best_model_path", "kth_best_model_path", "last_model_path")}
    best = {here(path): score for path, score in state["best_k_models"].items()}
    return {**state, **paths, "best_k_models": best, "dirpath": folder}


def _is_validated(trainer: Trainer) -> bool:
    """Whether the network has been validated since its last step."""
    evaluation = as_generator(trainer.lightning_module).evaluation
    return evaluation is not None and evaluation.step == trainer.global_step
