"""Finds the checkpoint that ``--ckpt_path last`` means."""

from collections.abc import Iterable
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
    return _newest(run_folders.glob(f"{pattern}/checkpoints/*.ckpt"))


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
        Where there is none: the folder that was looked through. None if one was found.

    Raises:
        ValueError: if it is not known where runs are: their checkpoints have no folder of their own, and the logger
            writes no versions.
    """
    checkpoints = config.get("checkpoint", {}).get("dirpath")
    if checkpoints is not None:
        folder, checkpoint = Path(checkpoints), _newest(Path(checkpoints).glob("*.ckpt"))
    else:
        settings = getattr(config.trainer.logger, "init_args", None)
        if settings is None or not {"save_dir", "name", "version"} <= set(vars(settings)):
            raise ValueError(
                "--ckpt_path last looks through the runs of the logger, but there is none that numbers them: give "
                "--ckpt_path FILE"
            )
        folder = Path(settings.save_dir) / (settings.name or "")
        checkpoint = newest_checkpoint(folder, settings.version)
        if checkpoint is not None:
            settings.version = version_of(checkpoint) if goes_on else None
    if checkpoint is None:
        return str(folder)
    config.ckpt_path = str(checkpoint)
    return None


def _newest(paths: Iterable[Path]) -> Path | None:
    return max(paths, key=lambda path: path.stat().st_mtime, default=None)
