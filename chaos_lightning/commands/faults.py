"""Explains faults in a sentence for users, where the error itself speaks to programmers."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jsonargparse import Namespace
from torch.multiprocessing.spawn import ProcessException

_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "Unable to allocate")
_PEER_LOST = (
    "closed by peer",
    "reset by peer",
    "Broken pipe",
    "Timed out waiting",
    "Connection refused",
    "wait timeout",
    "remote process exited",
    "Socket closed",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation has failed: on a GPU, in torch's allocator for the CPU, in Python or in NumPy."""
    cause = error.__cause__ or error.__context__
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    if isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY):
        return True
    return cause is not None and is_out_of_memory(cause)


@contextmanager
def memory_explained(config: Namespace) -> Iterator[None]:
    """Say which settings to lower when memory runs out.

    Args:
        config: settings of a command, with its name as ``subcommand``.

    Raises:
        MemoryError: with the settings to lower, in place of the original error.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(_memory_advice(config.subcommand, config[config.subcommand])) from error


def _memory_advice(subcommand: str, config: Namespace) -> str:
    model, data = config.model.init_args, config.data.init_args
    evaluation = {"--data.eval_batch_size": data.eval_batch_size}
    training = {"--data.batch_size": data.batch_size}
    if "num_chains" in model:
        training["--model.num_chains"] = model.num_chains or "one an image"
    options = {
        "fit": {**training, **evaluation},
        "predict": {"--chains_at_once": config.get("chains_at_once")},
    }.get(subcommand, evaluation)
    layers = ", ".join(f"{size} {name}" for name, size in vars(model).items() if name.endswith("_units"))
    lower = " or ".join(f"{name} (now {value})" for name, value in options.items())
    return f"out of memory in {subcommand}, with a network of {layers}: lower {lower}"


def is_lost_peer(error: BaseException) -> bool:
    """Whether another process of the run has ended or cannot be reached."""
    if isinstance(error, ProcessException):  # a process that this one has started
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _PEER_LOST)


LOST_PEER = (
    "another process of this run has ended or cannot be reached, so this one ends too. Look for the cause in the "
    "messages of that process; the same command with --ckpt_path last goes on from the last checkpoint"
)
