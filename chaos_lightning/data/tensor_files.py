"""Tensors, and arrays of NumPy, from a file of ``torch.save``, without running code that the file could bring along."""

import re
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
import torch

from chaos_lightning.data.errors import DataError

_PLAIN_NUMBERS_OR_TEXT = re.compile(r"[buifUS]\d+")


def load_tensors(path: Path, mapped: bool = False) -> Any:
    """Load a file of tensors, in which arrays of NumPy may stand too.

    Args:
        path: The file.
        mapped: Whether tensors stay on disk, if the file is of the format that torch has written since 1.6.

    Raises:
        DataError: It is damaged, or holds other objects.
    """
    mapped = mapped and is_zipfile(path)
    try:
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
        except Exception as error:
            if "numpy" not in str(error) or not hasattr(torch.serialization, "safe_globals"):  # since torch 2.5
                raise
            with torch.serialization.safe_globals(_STAND_INS):
                return _without_stand_ins(torch.load(path, map_location="cpu", weights_only=True, mmap=mapped))
    except Exception as error:  # torch.load lets through whatever its many formats raise on damaged files
        raise DataError(f"{path} cannot be read as a file of tensors: {_reason(str(error))}") from error


class _Dtype:
    """Stands in for `numpy.dtype`, of numbers and text only: NumPy's own would trust what a file says of its inside."""

    def __init__(self, kind: str, *_: Any) -> None:
        if not _PLAIN_NUMBERS_OR_TEXT.fullmatch(kind):
            raise ValueError(f"an array of NumPy holds values of type {kind}, not numbers")
        self.dtype = np.dtype(kind)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Take the order of bytes."""
        self.dtype = self.dtype.newbyteorder("|" if state[1] not in ("<", ">") else state[1])


class _Array:
    """Stands in for `numpy.ndarray`."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Take the values."""
        _, shape, dtype, is_fortran, values = state
        order = "F" if is_fortran else "C"
        self.array = np.frombuffer(values, dtype.dtype).reshape(shape, order=order).copy()  # type: ignore[call-overload]


def _make_array(*_: Any) -> _Array:
    return _Array()


def _encode(text: str, _: str) -> bytes:
    return text.encode("latin1")


_STAND_INS: list[Any] = [
    (_Dtype, "numpy.dtype"),
    (_Array, "numpy.ndarray"),
    (_make_array, "numpy._core.multiarray._reconstruct"),
    (_make_array, "numpy.core.multiarray._reconstruct"),  # NumPy 1
    (_encode, "_codecs.encode"),
]


def _without_stand_ins(loaded: Any) -> Any:
    if isinstance(loaded, _Array):
        return loaded.array
    if isinstance(loaded, dict):
        return {name: _without_stand_ins(value) for name, value in loaded.items()}
    if isinstance(loaded, (list, tuple)):
        return [_without_stand_ins(value) for value in loaded]
    return loaded


def _reason(message: str) -> str:
    """Say in one sentence why torch did not load a file, and what to do."""
    unknown = re.search(r"Unsupported (?:global|class): GLOBAL (\S+)", message)
    if unknown is None:
        return " ".join(message.split())
    return (
        f"it holds objects ({unknown[1]}), and to make these could run code. Save tensors, "
        'torch.save({"images": torch.as_tensor(images), "labels": torch.as_tensor(labels)}, file), or an .npz file'
    )
