"""Checkpoints and exported weights: files are written whole, read without running code, and resumed exactly."""

from chaos_lightning.checkpoints.compact import compacted
from chaos_lightning.checkpoints.file import WholeFileIO, read_checkpoint
from chaos_lightning.checkpoints.header import check_architecture, plain, read_header, write_header
from chaos_lightning.checkpoints.migration import migrate
from chaos_lightning.checkpoints.training_data import (
    check_unseen,
    is_at_hand,
    make_training_data,
    require_at_hand,
    training_data,
    training_data_name,
    without_places,
)
from chaos_lightning.checkpoints.weights_file import SUFFIX, is_weights_file, write_weights_file

__all__ = [
    "SUFFIX",
    "WholeFileIO",
    "check_architecture",
    "check_unseen",
    "compacted",
    "is_at_hand",
    "is_weights_file",
    "make_training_data",
    "migrate",
    "plain",
    "read_checkpoint",
    "read_header",
    "require_at_hand",
    "training_data",
    "training_data_name",
    "without_places",
    "write_header",
    "write_weights_file",
]
