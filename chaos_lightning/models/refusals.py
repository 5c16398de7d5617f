"""Refuse callbacks, strategies and settings of Lightning that would have no effect here, before any work starts."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

import lightning.pytorch as pl
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import (
    BaseFinetuning,
    BatchSizeFinder,
    EarlyStopping,
    GradientAccumulationScheduler,
    LearningRateFinder,
    ModelCheckpoint,
    ModelPruning,
    StochasticWeightAveraging,
)
from lightning.pytorch.callbacks.spike import SpikeDetection
from lightning.pytorch.strategies import DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy

from chaos_lightning.metrics.catalogue import MEASURES

if TYPE_CHECKING:
    from chaos_lightning.models.measuring import Measured

CALLBACKS: dict[type[Callback], str] = {
    BaseFinetuning: "the optimiser has all parameters that learn from the first step on",
    BatchSizeFinder: "the data module has cut its minibatches already. Set its batch_size",
    GradientAccumulationScheduler: "the optimiser is stepped by hand after every minibatch. Raise the batch_size",
    LearningRateFinder: "there is no loss by which to judge a rate. Sweep over the rate, or try a few",
    ModelPruning: "it masks layers of torch, and couplings are none",
    SpikeDetection: "training steps return no loss",
    StochasticWeightAveraging: "it takes over the schedule of the learning rate, which is stepped by hand. "
    "WeightAveraging averages weights here too",
}
"""Callback to the reason why it has no effect, or a false one."""

STRATEGIES = (DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy)
"""Strategies that cut the weights into pieces, where the learning rule needs them whole."""

OPEN_PREFIXES = ("val_classes/", "lr-")
"""Beginnings of logged names that are not all known before training."""


def check_callbacks(trainer: pl.Trainer) -> None:
    """Refuse callbacks that would be without effect, or have another one than they say, before they are set up.

    Raises:
        ValueError: with the reason.
    """
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        for refused, reason in CALLBACKS.items():
            if isinstance(callback, refused):
                raise ValueError(f"{type(callback).__name__} does not work here: {reason}")


def check_trainer(trainer: pl.Trainer, module: "Measured") -> None:
    """Refuse settings of a trainer and its callbacks that would be ignored, and names that nothing logs.

    Raises:
        ValueError: with the reason, and what to do instead.
    """
    if isinstance(trainer.strategy, STRATEGIES):
        raise ValueError(
            f"{type(trainer.strategy).__name__} cuts the weights into pieces, but the learning rule needs them whole: "
            "take the strategy ddp"
        )
    if trainer.state.fn != "fit":
        return
    if trainer.limit_train_batches == 0:
        raise ValueError("limit_train_batches=0 leaves nothing to train on: leave it out")
    if trainer.overfit_batches > 0:  # type: ignore[attr-defined]
        raise ValueError(
            "overfit_batches would be ignored, for minibatches go through all images by the number of steps: train on "
            "a file of few images instead"
        )
    if trainer.gradient_clip_algorithm is not None:
        raise ValueError("gradient_clip_algorithm would be ignored, for gradients are not clipped here: leave it out")
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, ModelCheckpoint) and callback._train_time_interval is not None:
            raise ValueError(
                "train_time_interval has no effect where the optimiser is stepped by hand, as it is here: leave it out "
                "and set every_n_train_steps (--checkpoint.every_n_train_steps)"
            )
        if isinstance(callback, (EarlyStopping, ModelCheckpoint)):
            check_monitor(callback, trainer, module)


def check_monitor(callback: EarlyStopping | ModelCheckpoint, trainer: pl.Trainer, module: "Measured") -> None:
    """Refuse a name that nothing logs, so far as that is known: classes of the user's own may log what they like.

    Raises:
        ValueError: with the names that there are.
    """
    name, monitor = type(callback).__name__, callback.monitor
    if monitor is None:
        return
    if isinstance(callback, EarlyStopping) and monitor.startswith("val") and not _validates(trainer):
        raise ValueError(f"{name} monitors {monitor}, but there is no validation: allow it, or leave the callback out")
    known = _logged_names(trainer, module)
    own = monitor.startswith(("val/", "val_at_t/")) or _all_are_known([module, *trainer.callbacks])  # type: ignore[attr-defined]
    if monitor in known or monitor.startswith(OPEN_PREFIXES) or not own:
        return
    if isinstance(callback, ModelCheckpoint) and monitor in ("step", "epoch"):
        return
    close = get_close_matches(monitor, known, 1, cutoff=0.5)
    meant = f"did you mean {close[0]}? " if close else ""
    raise ValueError(f"{name} monitors {monitor}, which is not logged: {meant}There are {', '.join(known)}")


def _logged_names(trainer: pl.Trainer, module: "Measured") -> list[str]:
    measures = [str(name) for name in module.make_measures()]
    measures += [measure.name for measure in MEASURES.values() if measure.part_of in measures]
    later = [time for time in module.measure_times if time != module.sampling_time]
    return [
        *(f"{kind}/{name}" for kind in ("val", "val_floor") for name in measures),
        *(f"val_at_t/{name}/t={time:g}" for time in later for name in measures),
        *module.training_names,
        *(name for callback in trainer.callbacks for name in getattr(callback, "logged_names", ())),  # type: ignore[attr-defined]
    ]


def _validates(trainer: pl.Trainer) -> bool:
    validation = getattr(trainer.datamodule, "validation", None)  # type: ignore[attr-defined]
    return bool(trainer.limit_val_batches) and (validation is None or len(validation) > 0)


def _all_are_known(objects: Iterable[object]) -> bool:
    """Whether all are of classes of this package, of Lightning or of torch."""
    return all(
        type(each).__module__.partition(".")[0] in ("chaos_lightning", "lightning", "pytorch_lightning")
        for each in objects
    )
