"""Entries of this package in a checkpoint, beside Lightning's: which network it holds, and who wrote it."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from chaos_lightning.version import __version__

FORMAT = 2
"""Version of the entries; raised when an older reader could misunderstand them, see :mod:`.migration`."""

KEY = "chaos_lightning"


def write_header(
    checkpoint: dict[str, Any], *, network: type, layer_sizes: list[int], optimizer: str, data: type | None
) -> None:
    """Note in a checkpoint which network it holds, and which optimiser and data module trained it.

    Its settings and the loops' state become plain values, see :func:`plain`.

    Args:
        checkpoint: checkpoint that is being written; changed in place.
        network: class of the network.
        layer_sizes: units of each layer.
        optimizer: name of the optimiser's class.
        data: class of the data module; None if there is none.
    """
    checkpoint[KEY] = {
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
        settings.setdefault("_class_path", _class_path(data))  # an entry of the command line stays


def plain(value: Any) -> Any:
    """Convert NumPy values and paths in a setting to plain ones, so that a checkpoint is read without running code."""
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
    """Return the entries of :func:`write_header`.

    Raises:
        ValueError: if there are none, or if they have an unknown format.
    """
    header = checkpoint.get(KEY)
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
        checkpoint: checkpoint that was read.
        expected: names of the architectures that it may hold.
        advice: end of the error message.

    Raises:
        ValueError: if it holds another architecture, with its name.
    """
    architecture = read_header(checkpoint)["architecture"]
    if architecture not in expected:
        asked = " or ".join(expected)
        raise ValueError(f"the checkpoint holds a {architecture} network, but {asked} was asked for{advice}")
