"""The parser of the command line, with the default settings of this package."""

import sys
from typing import Any, NoReturn

from lightning.pytorch.cli import LightningArgumentParser

from chaos_lightning.callbacks import MeasuresFile
from chaos_lightning.commands.parser_errors import explained
from chaos_lightning.commands.plain_help import PlainHelp

DEFAULT_CLASSES = {"model": "chaos_lightning.TwoLayer", "data": "chaos_lightning.MNISTDataModule"}
"""Section of the settings to its class."""


class Parser(PlainHelp, LightningArgumentParser):
    """Parser that explains a wrong argument without hundreds of lines on the use of all arguments."""

    def print_usage(self, file: Any = None) -> None:
        """Print nothing beside an error, which is followed by how to get help."""
        if file is not sys.stderr:
            super().print_usage(file)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Say what is wrong in a sentence."""
        # A parser that does not exit is one within another, which takes the message up into its own.
        super().error(explained(message) if self.exit_on_error else message, ex)


def trainer_defaults() -> dict[str, Any]:
    """Make the trainer's default settings."""
    return {
        "max_steps": 300_000,  # the published run
        "val_check_interval": 5_000,
        "check_val_every_n_epoch": None,
        "num_sanity_val_steps": 0,
        "log_every_n_steps": 50,
        "logger": {
            "class_path": "lightning.pytorch.loggers.TensorBoardLogger",
            "init_args": {"save_dir": "logs", "name": "runs", "default_hp_metric": False},
        },
        "callbacks": [MeasuresFile()],
    }
