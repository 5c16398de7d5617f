"""Trained weights and their settings in one ``.safetensors`` file, which other programs can read too."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from chaos_lightning.checkpoints.compact import FROZEN, restored
from chaos_lightning.checkpoints.header import KEY
from chaos_lightning.files import written_at_once

SUFFIX = ".safetensors"

_ENTRIES = (
    "chaos_lightning",
    "hyper_parameters",
    "datamodule_hyper_parameters",
    "global_step",
    "epoch",
    "pytorch-lightning_version",
    FROZEN,
)
"""Entries of a checkpoint that are kept beside its weights, as JSON in the file's metadata."""


def is_weights_file(path: str | Path) -> bool:
    """Return whether a path names exported weights, by its suffix."""
    return Path(path).suffix == SUFFIX


def write_weights_file(checkpoint: dict[str, Any], path: str | Path) -> None:
    """Write the weights of a checkpoint and its settings, without the optimiser's state.

    Frozen couplings are among them, unless the checkpoint is a compact one, see :func:`.compact.compacted`.

    The metadata has one entry, ``chaos_lightning``: JSON with the network's architecture, layer sizes and settings
    (``hyper_parameters``) and the number of training steps (``global_step``).

    Args:
        checkpoint: a checkpoint of this package.
        path: file to write; a reader never sees half of it.
    """
    path = Path(path)
    entries = {name: checkpoint[name] for name in _ENTRIES if name in checkpoint}
    weights = {name: tensor.contiguous().clone() for name, tensor in checkpoint["state_dict"].items()}
    with written_at_once(path) as temporary:
        save_file(weights, temporary, metadata={KEY: json.dumps(entries)})


def read_weights_file(path: str | Path) -> dict[str, Any]:
    """Read a file of :func:`write_weights_file` as a checkpoint that lacks the state with which training would go on.

    Raises:
        ValueError: if the file is damaged, was written by another program, or lacks frozen couplings that cannot be
            drawn here.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
    except SafetensorError as error:
        raise ValueError(f"{path} cannot be read as weights, is it damaged? {error}") from error
    if KEY not in metadata:
        raise ValueError(f"{path} was not written by chaos_lightning: its metadata lack the network's settings")
    entries: dict[str, Any] = json.loads(metadata[KEY])
    checkpoint = {**entries, "state_dict": weights}
    return restored(checkpoint) if FROZEN in checkpoint else checkpoint
