"""Checkpoint files: what this package notes in them beside Lightning's entries, and how they are read and written."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric.plugins import TorchCheckpointIO

from chaos_lightning.models.weights_file import is_weights_file, read_weights_file
from chaos_lightning.version import __version__

FORMAT = 1
"""Version of the entries; raised when an older reader could misunderstand them."""

_KEY = "chaos_lightning"


def write_header(
    checkpoint: dict[str, Any], *, network: type, layer_sizes: list[int], optimizer: str, data: type | None
) -> None:
    """Note in a checkpoint which network it holds, and which optimiser and data module trained it.

    Its settings and the loops' state become plain values, see :func:`plain`.

    Args:
        checkpoint: that is being written.
        network: class of the network.
        layer_sizes: units of each layer.
        optimizer: name of its class.
        data: class of the data module, None if there is none.
    """
    checkpoint[_KEY] = {
        "format": FORMAT,
        "version": __version__,
        "architecture": network.__name__,
        "class_path": _class_path(network),
        "layer_sizes": plain(layer_sizes),
        "optimizer": optimizer,
    }
    for key in ("hyper_parameters", "datamodule_hyper_parameters", "loops"):
        if key in checkpoint:
            checkpoint[key] = plain(checkpoint[key])
    if data is not None:
        settings = checkpoint.setdefault("datamodule_hyper_parameters", {})
        settings.setdefault("_class_path", _class_path(data))  # the command line has noted it already


def plain(value: Any) -> Any:
    """A setting as a checkpoint can hold it, which must be readable without running code: no NumPy, no paths."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {name: plain(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if isinstance(value, tuple):
        return tuple(plain(entry) for entry in value)
    return value


def _class_path(class_: type) -> str:
    return f"{class_.__module__}.{class_.__qualname__}"


def read_header(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """The entries of :func:`write_header`.

    Raises:
        ValueError: if there are none, or of an unknown format.
    """
    header = checkpoint.get(_KEY)
    if not isinstance(header, dict):
        raise ValueError("the checkpoint was not written by chaos_lightning")
    if header["format"] != FORMAT:
        raise ValueError(
            f"the checkpoint has format {header['format']}, but this version of chaos_lightning reads format {FORMAT}: "
            "use the version that wrote it"
        )
    return header


def check_architecture(checkpoint: dict[str, Any], *expected: str, advice: str = "") -> None:
    """Check which architecture a checkpoint holds.

    Args:
        checkpoint: what was read.
        expected: names of the architectures that it may hold.
        advice: what to do if it holds another one.

    Raises:
        ValueError: if it is another one, saying which.
    """
    architecture = read_header(checkpoint)["architecture"]
    if architecture not in expected:
        asked = " or ".join(expected)
        raise ValueError(f"the checkpoint holds a {architecture} network, but {asked} was asked for{advice}")


def read_checkpoint(path: str | Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Read a checkpoint, or a file of weights that was exported from one, without running any code from it.

    Args:
        path: the file; ``.safetensors`` for exported weights.
        map_location: where the tensors go, as for :func:`torch.load`.

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: if it is damaged or something else.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no checkpoint at {path}")
    if is_weights_file(path):
        return read_weights_file(path)
    try:
        checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # torch.load lets through whatever its many formats raise on damaged files
        raise ValueError(f"{path} cannot be read as a checkpoint: it is damaged, or something else") from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f"{path} is no checkpoint, it holds a {type(checkpoint).__name__}")
    return checkpoint


class WholeFileIO(TorchCheckpointIO):
    """Writes checkpoints so that a file is the old one or the new one, whenever the program or the machine stops.

    A temporary file in the same folder is written, forced to disk and renamed. (Lightning's own writes to the system's
    temporary folder, from where a file is copied, not renamed, if that is another disk.) Checkpoints are read without
    running code from them, and exported weights in their place where no training goes on.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write a checkpoint.

        Raises:
            OSError: if that fails, naming the file; what was there before is still there.
        """
        if "://" in str(path):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        path = Path(path)
        contents = io.BytesIO()
        torch.save(checkpoint, contents)
        # One name for all files of a folder: what a killed process has left is overwritten by the next.
        temporary = path.with_name(".checkpoint.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(contents.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            _force_to_disk(path.parent)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            kept = "the checkpoint before it is intact" if path.exists() else "earlier checkpoints are intact"
            raise OSError(
                f"cannot write the checkpoint {path}: {error.strerror}; {kept}. Make room, or write elsewhere "
                "with --trainer.logger.save_dir"
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
