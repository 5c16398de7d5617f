"""Paths of files, and a way to write files that are whole or not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def with_ending(path: str | Path, ending: str) -> Path:
    """Append an ending such as ``.npz`` to a path if it is missing."""
    path = Path(path)
    return path if path.suffix == ending else path.with_name(path.name + ending)


@contextmanager
def written_at_once(path: Path) -> Iterator[Path]:
    """Write a file by way of a temporary one, which takes its place at the end, so that nobody reads half of it.

    A block that fails leaves the file as it was, and no temporary file. A killed process leaves a temporary file that
    the next write overwrites. Only one writer at a time is safe.

    Args:
        path: file to write; its folder is made if need be.

    Yields:
        The temporary file, in the same folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
