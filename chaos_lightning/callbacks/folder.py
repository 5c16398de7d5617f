"""The folder of a run."""

from pathlib import Path

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger


def folder_of_run(trainer: Trainer) -> Path | None:
    """Find the folder that the first logger gives a run, which is also the parent of its checkpoints.

    A run must write nowhere else: other folders hold files of others. All processes must call this together.

    Returns:
        ``<save_dir>/<name>/<version>``, or None without a logger, as in a fast_dev_run.
    """
    if not trainer.loggers or trainer.fast_dev_run:  # type: ignore[attr-defined]
        return None
    logger = trainer.loggers[0]
    folder = Path(trainer.log_dir or trainer.default_root_dir)
    if isinstance(logger, (TensorBoardLogger, CSVLogger)):
        return folder
    # Other loggers give one folder for all runs. Some services number runs themselves, in each process anew.
    version = trainer.strategy.broadcast(logger.version)
    return folder / str(logger.name) / (version if isinstance(version, str) else f"version_{version}")
