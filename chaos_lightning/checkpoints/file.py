"""Checkpoint files: read without running code, written whole."""

import io
import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from chaos_lightning.checkpoints.migration import migrate
from chaos_lightning.checkpoints.weights_file import is_weights_file, read_weights_file
from chaos_lightning.files import written_at_once


def read_checkpoint(path: str | Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Read a checkpoint, or a file of weights that was exported from one, without running any code from it.

    Args:
        path: the file; ``.safetensors`` for exported weights.
        map_location: device for the tensors, as for :func:`torch.load`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, or no checkpoint.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no checkpoint at {path}")
    if is_weights_file(path):
        return migrate(read_weights_file(path))
    try:
        checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # on damaged files torch.load raises errors of many kinds
        raise ValueError(f"{path} cannot be read as a checkpoint: it is damaged, or something else") from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f"{path} is no checkpoint, it holds a {type(checkpoint).__name__}")
    return migrate(checkpoint)


class WholeFileIO(TorchCheckpointIO):
    """Input and output of whole checkpoint files: if program or machine stops, a file is the old one or the new one.

    A temporary file in the same folder is written, forced to disk and renamed. (Lightning writes a temporary file to
    the system's temporary folder. If that lies on another disk, the file is copied instead of renamed.) Reading a
    checkpoint runs no code from it. Exported weights may take its place unless training goes on.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write a checkpoint.

        Raises:
            OSError: if writing fails, with the name of the file; the file from before is still there.
        """
        if "://" in str(path):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        path = Path(path)
        contents = io.BytesIO()
        torch.save(checkpoint, contents)
        try:
            with written_at_once(path) as temporary, temporary.open("wb") as file:
                file.write(contents.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            _force_to_disk(path.parent)
        except OSError as error:
            kept = "the checkpoint before it is intact" if path.exists() else "earlier checkpoints are intact"
            raise OSError(
                f"cannot write the checkpoint {path}: {error.strerror}; {kept}. Make room, or write elsewhere "
                "with --checkpoint.dirpath"
            ) from error

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint, see :func:`read_checkpoint`."""
        if "://" in str(path):
            return super().load_checkpoint(path, map_location, weights_only=True)
        return read_checkpoint(path, map_location)


def _force_to_disk(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
