"""Finds the checkpoint that ``--ckpt_path last`` means."""

from pathlib import Path
from typing import Any


def newest_checkpoint(run_folders: Path, version: int | str | None = None) -> Path | None:
    """The checkpoint written last by the runs of one name.

    Usually ``last.ckpt``; a run that was killed just before it wrote that has left a newer one.

    Args:
        run_folders: folder of the runs, ``<save_dir>/<name>`` of the logger.
        version: of the run; None looks through all and takes the one that was written last.

    Returns:
        The file, or None if there is none.
    """
    pattern = "*" if version is None else version if isinstance(version, str) else f"version_{version}"
    found = run_folders.glob(f"{pattern}/checkpoints/*.ckpt")
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def version_of(checkpoint: Path) -> int | str:
    """The logger's version of the run that a checkpoint lies in."""
    name = checkpoint.parent.parent.name
    number = name.removeprefix("version_")
    return int(number) if number.isdecimal() else name


def take_newest_run(config: Any, *, goes_on: bool) -> str | None:
    """Point the settings of a subcommand at the last checkpoint of the newest run of the logger's name.

    Args:
        config: the settings; ``ckpt_path`` and the logger's ``version`` are changed where a checkpoint is found.
        goes_on: whether the run itself goes on, in its own folder. Otherwise the logger starts a new version, so that
            nothing of the run is overwritten.

    Returns:
        Where there is none: the folder that was looked through. None if one was found, or where the runs' folders
        are not known (no logger that writes versions, or a folder of its own for checkpoints): Lightning looks there.
    """
    logger = config.trainer.logger
    settings = getattr(logger, "init_args", None)
    if settings is None or not {"save_dir", "name", "version"} <= set(vars(settings)):
        return None
    if config.get("checkpoint", {}).get("dirpath") is not None:
        return None
    folder = Path(settings.save_dir) / (settings.name or "")
    checkpoint = newest_checkpoint(folder, settings.version)
    if checkpoint is None:
        return str(folder)
    settings.version = version_of(checkpoint) if goes_on else None
    config.ckpt_path = str(checkpoint)
    return None
