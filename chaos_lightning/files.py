"""Files: what they are called, and how they are written so that they are whole or not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def with_ending(path: str | Path, ending: str) -> Path:
    """A path with an ending such as ``.npz``, which is appended if it is missing."""
    path = Path(path)
    return path if path.suffix == ending else path.with_name(path.name + ending)


@contextmanager
def written_at_once(path: Path) -> Iterator[Path]:
    """A temporary file beside a file, whose place it takes when the block ends, so that nobody ever reads half of it.

    A block that fails leaves the file as it was, and no temporary file; a killed process leaves one that the next
    write overwrites. It is for one writer at a time.

    Args:
        path: file to write; its folder is made if need be.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
