"""Paths as users write them, and a way to write files that are whole or not there."""

import os
import re
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from chaos_lightning.pretrained import PREFIX, pretrained_file

_ENDINGS_OF_FILES = (
    *(".npz", ".npy", ".pt", ".pth", ".ckpt", ".safetensors", ".h5", ".zip", ".csv", ".json", ".yaml", ".yml"),
    *(".png", ".jpg", ".jpeg", ".gif", ".pdf", ".svg", ".html", ".md", ".txt"),
)
"""Endings that say what a file holds; other points belong to a name, as in ``v1.5``."""

_LEFT_BEHIND = 24 * 3600
"""Seconds after which a temporary file that nobody has written to belongs to a process that was killed."""


def expanded(text: str) -> str:
    """Replace ``~`` at the beginning and variables (``$NAME``, ``${NAME}``) as a shell does.

    ``pretrained:NAME`` becomes the path of the network of that name that comes with the package.

    Raises:
        ValueError: for a variable that is not set, which would become part of a name, or an unknown network.
    """
    if text.startswith(PREFIX):
        return str(pretrained_file(text.removeprefix(PREFIX)))
    result = os.path.expanduser(os.path.expandvars(text))
    unset = re.search(r"\$(\{\w+\}|[A-Za-z_]\w*)", result)
    if unset is not None:
        raise ValueError(f"{text} names the variable {unset[0]}, which is not set: set it, or write the path out")
    return result


def expand_paths(settings: Any) -> Any:
    """Replace ``~`` and variables in all text of settings, however deep it lies: files and command line mean the same.

    Args:
        settings: parsed settings; namespaces are changed in place.

    Raises:
        ValueError: for a variable that is not set.
    """
    if isinstance(settings, str):
        return expanded(settings)
    if isinstance(settings, Namespace):
        for name, value in vars(settings).items():
            setattr(settings, name, expand_paths(value))
    elif isinstance(settings, dict):
        return {name: expand_paths(value) for name, value in settings.items()}
    elif isinstance(settings, list):
        return [expand_paths(value) for value in settings]
    return settings


def with_ending(path: str | Path, ending: str) -> Path:
    """Append an ending such as ``.npz`` to a path if it is missing."""
    path = Path(path)
    return path if path.suffix == ending else path.with_name(path.name + ending)


def output_file(output: str | Path, ending: str) -> Path:
    """Take a user's word for the file to write; the ending is appended if it is missing.

    Raises:
        ValueError: if it names a folder, or a file of another kind.
    """
    text = expanded(os.fspath(output))
    path = Path(text)
    if text.endswith(("/", os.sep)) or path.name in ("", "..") or path.is_dir():
        raise ValueError(f"output is the folder {text}: name a file in it, such as {path / f'name{ending}'}")
    if path.suffix.lower() in _ENDINGS_OF_FILES and path.suffix != ending:
        raise ValueError(f"output is {text}, but a {ending} file is written: name it {path.with_suffix(ending)}")
    path = with_ending(path, ending)
    if path.is_dir():
        raise ValueError(f"output is {text}, but {path} is a folder: choose another name")
    return path


def output_folder(output: str | Path) -> Path:
    """Make the folder that a user names, and see that files can be written there.

    Raises:
        ValueError: if it names a file, or what looks like one.
        OSError: if nothing can be written there.
    """
    path = Path(expanded(os.fspath(output)))
    if path.is_file():
        raise ValueError(f"output is {path}, which is a file: name a folder")
    if path.suffix.lower() in _ENDINGS_OF_FILES and not path.is_dir():
        raise ValueError(f"output is {path}, but a folder of several files is written: name it {path.with_suffix('')}")
    make_writable(path)
    return path


def make_writable(folder: Path) -> None:
    """Make a folder, and see that files can be written there.

    Raises:
        OSError: if not, naming the folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OSError(f"cannot write to {folder}: {error.strerror}. Choose another place") from error


def temporary_beside(path: Path, name: str | None = None) -> Path:
    """Return the path of a hidden file beside one, of a name that no other writer has.

    Args:
        path: the file that it will become.
        name: makes it different from those of others; drawn by default.
    """
    return path.with_name(f".{path.name}.{name or secrets.token_hex(6)}.tmp")


@contextmanager
def written_at_once(path: Path) -> Iterator[Path]:
    """Write a file by way of a temporary one, which takes its place at the end, so that nobody reads half of it.

    Several may write the same file: the last one stays, whole. A block that fails leaves the file as it was, and no
    temporary file. A killed process leaves one, which a writer of the same file removes a day later. The file has the
    rights that the umask gives, whatever the block has made of them.

    Args:
        path: file to write; its folder is made if need be.

    Yields:
        The temporary file, empty, in the same folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_left_behind(path)
    temporary = temporary_beside(path)
    try:
        temporary.touch(exist_ok=False)
        rights = temporary.stat().st_mode & 0o777
        yield temporary
        temporary.chmod(rights)
        os.replace(temporary, path)
    except BaseException:
        remove_quietly(temporary)
        raise


def remove_quietly(path: Path) -> None:
    """Remove a file if that can be done: an error here would hide the one that asked for it."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def remove_left_behind(path: Path) -> None:
    """Remove temporary files of a file that killed processes have left a day ago."""
    for temporary in path.parent.glob(f".{escape(path.name)}.*.tmp"):
        with suppress(OSError):
            if time.time() - temporary.stat().st_mtime > _LEFT_BEHIND:
                temporary.unlink()
