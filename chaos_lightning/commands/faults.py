"""Says in a sentence what went wrong, where the error itself speaks to programmers."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

import torch
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
    """Whether an allocation failed, on a GPU, in torch's allocator for the CPU, or in Python or NumPy."""
    cause = error.__cause__ or error.__context__
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    if isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY):
        return True
    return cause is not None and is_out_of_memory(cause)


def memory_advice(subcommand: str, layer_sizes: str, settings: Mapping[str, object]) -> str:
    """What a user can lower.

    Args:
        subcommand: what was running.
        layer_sizes: the network's, as text.
        settings: the option's name to its value, the most promising first.
    """
    lower = " or ".join(f"{name} (now {value})" for name, value in settings.items())
    return f"out of memory in {subcommand}, with a network of {layer_sizes}: lower {lower}"


def is_lost_peer(error: BaseException) -> bool:
    """Whether another process of the run went away."""
    if isinstance(error, ProcessException):  # of a process that this one had started
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _PEER_LOST)


LOST_PEER = (
    "another process of this run has ended or cannot be reached, so this one ends too. Look for the cause in the "
    "messages of that process; the same command with --ckpt_path last goes on from the last checkpoint"
)


def not_known(kind: str, name: str, known: Iterable[str]) -> str:
    """What to say of a name that is not known, with the one that may have been meant."""
    names = sorted(known)
    close = get_close_matches(name, names, 1, cutoff=0.4)
    meant = f"did you mean {close[0]}? " if close else ""
    return f"there is no {kind} {name}: {meant}Known are {', '.join(names)}"
