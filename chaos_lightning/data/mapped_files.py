"""Files that are too large for memory: their arrays stay on disk and are read where they are used."""

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

LARGEST_SHARE = 0.25
"""Share of the machine's memory above which a file stays on disk."""

_BYTES_OF_LOCAL_HEADER = 30


def memory_bytes() -> int:
    """Return the size of the machine's memory; a terabyte where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 2**40


def stays_on_disk(path: Path) -> bool:
    """Return whether a file is too large to be read into memory at once."""
    return path.is_file() and path.stat().st_size > LARGEST_SHARE * memory_bytes()


def mapped_npz(path: Path) -> dict[str, Any] | None:
    """Map the arrays of an ``.npz`` file, as ``numpy.savez`` writes it; None if it is compressed.

    The arrays may be written to; that changes neither the file nor what other processes see.

    Args:
        path: The file.

    Raises:
        ValueError: If it is damaged, or holds arrays of objects.
    """
    arrays: dict[str, Any] = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED:
                return None
            file.seek(member.header_offset)
            header = file.read(_BYTES_OF_LOCAL_HEADER)
            lengths = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
            file.seek(member.header_offset + _BYTES_OF_LOCAL_HEADER + sum(lengths))  # past name and extra field
            arrays[member.filename.removesuffix(".npy")] = _mapped_array(path, file)
    return arrays


def _mapped_array(path: Path, file: Any) -> np.ndarray:
    """Map the array whose header begins at the place where a file is."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be mapped")
    return np.memmap(path, dtype, mode="c", offset=file.tell(), shape=shape, order="F" if is_fortran else "C")
