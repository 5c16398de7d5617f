"""The last checkpoint of the newest run, for ``--ckpt_path last``."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any


def newest_checkpoint(run_folders: Path, version: int | str | None = None) -> Path | None:
    """Find the newest checkpoint of all runs of one name.

    That is usually a ``last.ckpt``; a run that was killed just before writing it has left a newer file.

    Args:
        run_folders: folder of the runs, ``<save_dir>/<name>`` of the logger.
        version: version of the run; None looks through all runs.

    Returns:
        The file, or None if there is none.
    """
    pattern = "*" if version is None else version if isinstance(version, str) else f"version_{version}"
    return _newest(run_folders.glob(f"{pattern}/checkpoints/*.ckpt"))


def version_of(checkpoint: Path) -> int | str:
    """Read the logger's version of a run from the path of its checkpoint."""
    name = checkpoint.parent.parent.name
    number = name.removeprefix("version_")
    return int(number) if number.isdecimal() else name


def take_newest_run(config: Any, *, goes_on: bool) -> str | None:
    """Point the settings of a subcommand at the last checkpoint of the newest run of the logger's name.

    Args:
        config: settings of the subcommand; if a checkpoint is found, ``ckpt_path`` and the logger's ``version`` change.
        goes_on: whether the run itself goes on, in its own folder. Otherwise the logger starts a new version, so that
            nothing of the run is overwritten.

    Returns:
        None if a checkpoint was found, otherwise the folder that was searched.

    Raises:
        ValueError: if the runs cannot be found, as there is neither a folder for checkpoints nor a logger that numbers
            runs.
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
