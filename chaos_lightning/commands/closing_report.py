"""The closing report of ``fit``."""

from datetime import timedelta
from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from chaos_lightning.callbacks import TrainingCheckpoint
from chaos_lightning.data import ImageDataModule
from chaos_lightning.metrics.catalogue import SYMBOLS
from chaos_lightning.metrics.record import RECORD
from chaos_lightning.models import ImageGenerator


@rank_zero_only
def print_closing_report(
    model: ImageGenerator, data: ImageDataModule, trainer: pl.Trainer, folder: Path | None, seconds: float
) -> None:
    """Print the measures that a training has reached, and the places of its files.

    Args:
        model: the trained network, with its last evaluation.
        data: data set that it has learned from.
        trainer: trainer, with its checkpoints and loggers.
        folder: folder of the run; None without a logger.
        seconds: seconds of training.
    """
    evaluation = model.evaluation
    print(
        f"Trained {type(model).__name__} on {data.name} for {trainer.global_step:,} steps in "
        f"{timedelta(seconds=round(seconds))}."
    )
    if evaluation is None:
        print("It was not measured, for that takes validation images.")
    else:
        reached, floors = (
            ", ".join(f"{symbol} = {values[name]:.2g}" for name, symbol in SYMBOLS.items())
            for values in (evaluation.measures[evaluation.sampling_time], evaluation.floors)
        )
        print(f"Its samples reach {reached}; 0 is perfect, and real images reach {floors}.")
    print_places(trainer, folder)


def print_places(trainer: pl.Trainer, folder: Path | None) -> None:
    """Print the places of the files of a training, see :func:`print_closing_report`."""
    for label, name in (("samples    ", "samples.png"), ("measures   ", RECORD)):
        if folder is not None and (folder / name).exists():
            print(f"{label} {folder / name}")
    print(f"checkpoint  {_last_checkpoint(trainer, folder) or 'none was written'}")
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            print(f"TensorBoard tensorboard --logdir {logger.log_dir}")


def _last_checkpoint(trainer: pl.Trainer, folder: Path | None) -> Path | str | None:
    """Find the last checkpoint of the command; processes that it has started do not tell it what they have written."""
    own = [callback for callback in trainer.checkpoint_callbacks if isinstance(callback, TrainingCheckpoint)]
    if not own or own[0].last_model_path:
        return own[0].last_model_path if own else None
    place = Path(own[0].dirpath) if own[0].dirpath is not None else folder and folder / "checkpoints"
    path = place and place / "last.ckpt"
    return path if path and path.exists() else None
