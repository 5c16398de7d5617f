"""All commands of ``chaos-lightning``, and their messages when they fail."""

import logging
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from functools import partial
from inspect import signature
from pydoc import ErrorDuringImport

import matplotlib
import torch
from jsonargparse import auto_cli, capture_parser
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.exceptions import SIGTERMException

from chaos_lightning.checkpoints import is_at_hand, read_checkpoint, training_data
from chaos_lightning.commands.faults import LOST_PEER, is_lost_peer
from chaos_lightning.commands.given_options import misplaced_options
from chaos_lightning.commands.plain_help import PlainHelp
from chaos_lightning.commands.shipped_configs import with_shipped_configs
from chaos_lightning.commands.table import COMMANDS
from chaos_lightning.data import DataError
from chaos_lightning.files import expand_paths
from chaos_lightning.models import TrainingDivergedError

SHOW_TRACEBACK = "CHAOS_LIGHTNING_TRACEBACK"
"""Environment variable: if it is set, errors show a traceback instead of an explanation."""

NOISE = [
    "Be aware that when using `ckpt_path`, callbacks",  # evaluation needs no callbacks of training
    "LightningCLI's args parameter is intended",  # a sweep calls it from within Python, as intended
    "The dirpath has changed from",  # evaluation writes into a folder of its own
    "Couldn't infer the batch indices",  # samples are numbered by their chains
    ".*isinstance.treespec, LeafSpec.*",  # within Lightning
    "Using ModelCheckpoint with manual optimization",  # it saves after the step, as it should
    ".*sync_dist=True.*",  # measures are over all processes already
    ".*smaller than the logging interval.*",  # epochs may be short: the interval counts steps
]
"""Warnings that tell a user of this command nothing."""

EXPLAINED = (
    *(DataError, MemoryError, MisconfigurationException, OSError, TrainingDivergedError, ValueError),
    ModuleNotFoundError,  # of a package that an option needs
)
"""Errors whose own words are for the user."""

INTERRUPTED, TERMINATED = 130, 143
"""Exit status after Ctrl-C and after SIGTERM, as in the shell."""


def run(args: Sequence[str] | None = None) -> None:
    """Run a command and explain its errors, see :func:`chaos_lightning.commands.main`."""
    if "" not in sys.path:
        sys.path.append("")  # classes of the user's own, by --data mymodule.MyDataModule
    for message in NOISE:
        warnings.filterwarnings("ignore", message)
    warnings.formatwarning = lambda message, *_: f"warning: {message}\n"  # without the place in the program
    lightning_log = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    lightning_log.addFilter(lambda record: "litlogger" not in record.getMessage())
    arguments = sys.argv[1:] if args is None else list(args)
    if args is None:  # a process of its own, which draws without a window, and so do those that it starts
        os.environ["MPLBACKEND"] = "agg"
        matplotlib.use("agg")
    try:
        command = next((argument for argument in arguments if argument in COMMANDS), None)
        arguments = with_shipped_configs(arguments)
        kind = COMMANDS[arguments[0]].kind if arguments[0] in COMMANDS else "trainer"
        if kind == "function":
            _run_function(*arguments)
        elif kind == "experiment":
            _run_with_optuna(*arguments)
        elif command is not None and (misplaced := misplaced_options(arguments, command)):
            _end(f"error: options follow the command: type chaos-lightning {command} {' '.join(misplaced)}", 2)
        else:
            if args is None:
                sys.argv[1:] = arguments  # Lightning reads them there
            from chaos_lightning.commands.cli import ChaosCLI  # the other commands do without

            ChaosCLI(None if args is None else arguments)
    except SIGTERMException:
        _end("stopped by SIGTERM; what was written before is intact", TERMINATED)
    except SystemExit as exit_:
        if not isinstance(exit_.__context__, KeyboardInterrupt):
            raise
        _end(_INTERRUPTION, INTERRUPTED)  # Lightning has caught it and leaves with 1
    except KeyboardInterrupt:
        _end(_INTERRUPTION, INTERRUPTED)
    except UnicodeError as error:
        _fail(error, f"{error}: text is not read as UTF-8 here. Type PYTHONUTF8=1 before the command")
    except EXPLAINED as error:
        _fail(error, _own_words(error))
    except ErrorDuringImport as error:  # in a module of the user's own
        traceback.print_exception(error.value)
        _end(f"error: {error.filename} cannot be imported, see above", 1)
    except Exception as error:
        if is_lost_peer(error):
            _fail(error, f"{LOST_PEER} ({error})")
        if str(error).startswith("Early stopping conditioned on metric"):  # a name of training, known only later
            _fail(error, str(error))
        traceback.print_exc()
        _end("error: that is a fault of chaos_lightning or of its settings that it should have explained", 1)
    finally:
        # Lightning leaves gloo's threads to the interpreter's end, where now and then they abort the process.
        if torch.distributed.is_initialized() and torch.distributed.get_backend() == "gloo":
            torch.distributed.destroy_process_group()


_INTERRUPTION = (
    "interrupted; what was written before is intact. fit goes on from its last checkpoint with --ckpt_path last"
)


def _fail(error: BaseException, sentence: str) -> None:
    if SHOW_TRACEBACK in os.environ:
        raise error
    _end(f"error: {sentence}\n(set {SHOW_TRACEBACK}=1 to see where it happened)", 1)


def _end(message: str, status: int) -> None:
    print(message, file=sys.stderr)
    sys.exit(status)


def _run_function(command: str, *arguments: str) -> None:
    """Run a command that needs no trainer.

    The data of the checkpoint's training are the default of ``--data``.
    """
    function = COMMANDS[command].attribute(command)
    prog = f"chaos-lightning {command}"
    parser = capture_parser(
        partial(auto_cli, function, args=list(arguments), as_positional=False, prog=prog, parser_class=PlainHelp)
    )
    if {"data", "ckpt_path"} <= signature(function).parameters.keys():
        # The checkpoint must be known before: it says which settings the data have.
        path = expand_paths(parser.parse_args(_without_option("data", arguments)).ckpt_path)
        data = None if path is None else training_data(read_checkpoint(path))
        if data and is_at_hand(data):
            parser.set_defaults(data=data)
    settings = vars(parser.instantiate_classes(expand_paths(parser.parse_args(list(arguments)))))
    settings.pop("config", None)
    function(**settings)


def _without_option(option: str, arguments: Sequence[str]) -> list[str]:
    """Take out an option and its settings (``--option.setting``), each with its value."""
    kept = []
    is_value = False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        if name == f"--{option}" or name.startswith(f"--{option}."):
            is_value = not equals
        elif is_value and not argument.startswith("--"):
            is_value = False
        else:
            kept.append(argument)
            is_value = False
    return kept


def _run_with_optuna(command: str, *arguments: str) -> None:
    """Run a command that needs Optuna.

    Raises:
        MisconfigurationException: if Optuna is not installed.
    """
    try:
        main = COMMANDS[command].attribute("main")
    except ModuleNotFoundError as error:
        if str(error.name).split(".")[0] != "optuna":
            raise
        raise MisconfigurationException(
            f"{command} needs Optuna, which is not installed: pip install optuna"
        ) from error
    main(arguments)


def _own_words(error: BaseException) -> str:
    """Find a constructor's own complaint within the argument parser's report."""
    cause = error.__cause__ or error.__context__
    return _own_words(cause) if cause is not None and "Union subtypes" in str(error) else str(error)
