"""The progress of a run, as Lightning's loops note it."""

from typing import Any

from lightning.pytorch import Trainer


def validation_is_due(trainer: Trainer) -> bool:
    """Whether Lightning validates after the last training step."""
    fetcher = trainer.fit_loop._data_fetcher
    return fetcher is not None and trainer.fit_loop.epoch_loop._should_check_val_fx(fetcher)


def settle_progress(
    checkpoint: dict[str, Any], batches_per_epoch: int | float, *, validation_pending: bool = False
) -> None:
    """Write the loops' progress into a checkpoint such that it follows from the number of steps.

    Lightning's own notes depend on the hook from which the checkpoint is saved, and some mislead a resumed run. Saved
    at the end of an epoch, with both ``max_epochs`` and ``max_steps`` set, it stops too early. Saved before a
    validation, it leaves that validation out. Resumed twice at the end of an epoch, it loses count. Lightning's notes
    at the end of a training step are right, so this function always writes those.

    Args:
        checkpoint: the checkpoint; it is changed in place.
        batches_per_epoch: number of training steps in an epoch; if it is infinite, nothing is changed.
        validation_pending: whether a validation follows the last step and has not been done.
    """
    step = checkpoint["global_step"]
    if step == 0 or batches_per_epoch == float("inf") or "loops" not in checkpoint:
        return
    epoch, place = divmod(step - 1, int(batches_per_epoch))
    batch = place + 1
    # A step counts as completed after its callbacks; a resumed run completes it, unless it has to validate first.
    uncompleted = 0 if validation_pending else 1
    validation = _counts(1, processed=0, completed=0) if validation_pending else _counts(0)
    checkpoint["epoch"] = epoch
    checkpoint["loops"]["fit_loop"].update(
        {
            "epoch_loop.batch_progress": {
                "total": _counts(step, completed=step - uncompleted),
                "current": _counts(batch, completed=batch - uncompleted),
                "is_last_batch": batch == batches_per_epoch,
            },
            "epoch_loop.state_dict": {"_batches_that_stepped": step - 1},
            "epoch_loop.val_loop.batch_progress": {
                "total": validation,
                "current": dict(validation),
                "is_last_batch": False,
            },
            "epoch_progress": {
                "total": _counts(epoch + 1, processed=epoch, completed=epoch),
                "current": _counts(epoch + 1, processed=epoch, completed=epoch),
            },
        }
    )


def _counts(ready: int, *, processed: int | None = None, completed: int | None = None) -> dict[str, int]:
    processed = ready if processed is None else processed
    completed = processed if completed is None else completed
    return {"ready": ready, "started": ready, "processed": processed, "completed": completed}
