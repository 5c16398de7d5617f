"""Files of data sets: where those of MNIST's kind are, and how any are downloaded once."""

import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

from filelock import FileLock
from lightning.pytorch.utilities import rank_zero_info
from torchvision.datasets import MNIST

from chaos_lightning.data.errors import DataError
from chaos_lightning.data.idx import FILE_NAMES

# Seconds of silence after which a server counts as unreachable; torchvision itself would wait for ever.
_NETWORK_TIMEOUT = 30.0


def raw_folder(data_dir: Path, source: type[MNIST]) -> Path:
    """Return the folder of the raw files in torchvision's layout, `<data_dir>/<class name>/raw`."""
    return data_dir / source.__name__ / "raw"


def has_raw_files(data_dir: Path, source: type[MNIST]) -> bool:
    """Look whether all raw files of the data set are there.

    Args:
        data_dir: Folder that should hold the folder of the data set.
        source: The torchvision class of the data set.

    Raises:
        DataError: Only some of the files are there, or they are where a wrong `data_dir` would put them.
    """
    folder = raw_folder(data_dir, source)
    missing = [name for name in FILE_NAMES if not (folder / name).is_file()]
    if not missing:
        return True
    if folder.is_dir() and any(folder.iterdir()):
        raise DataError(
            f"{folder} lacks {', '.join(missing)}. Put the missing files there (unpacked), or remove the "
            "folder to have the data set downloaded again."
        )
    for found in (data_dir, data_dir / "raw"):
        if any((found / name).is_file() for name in FILE_NAMES):
            fits = found.name == "raw" and found.parent.name == source.__name__
            advice = f"pass data_dir={found.parent.parent}" if fits else "move them, or pass another data_dir"
            raise DataError(
                f"data_dir={data_dir} should be the folder that holds {source.__name__}/raw, so the files "
                f"were looked for in {folder}, but {found} holds raw files: {advice}."
            )
    return False


def ensure_raw_files(data_dir: Path, source: type[MNIST]) -> None:
    """Download the raw files through torchvision unless they are on disk already.

    Processes that start together take turns, so that every file is fetched once. The files are fetched into a
    temporary folder, which is renamed when complete: no process sees half a data set.

    Args:
        data_dir: Holds, or will hold, the folder of the data set.
        source: The torchvision class that knows the servers and checksums.

    Raises:
        DataError: The folder holds something else or only some of the files, or the download failed.
    """
    if has_raw_files(data_dir, source):
        return
    workplace = workplace_for(data_dir)
    try:
        with in_turn(workplace, source.__name__):
            if not has_raw_files(data_dir, source):
                _download(data_dir, source, workplace)
    except OSError as error:
        raise DataError(
            f"{missing_message(data_dir, source)} It cannot be downloaded, because {workplace} cannot be "
            f"written to: {error}"
        ) from error


def missing_message(data_dir: Path, source: type[MNIST]) -> str:
    """Say where the data set was looked for and what to do about its absence."""
    return (
        f"There is no {source.__name__} in {raw_folder(data_dir, source)}. Pass a data_dir that holds "
        f"{source.__name__}/raw with the unpacked files, or leave data_dir out to use the bundled sample "
        "of MNIST or Fashion-MNIST."
    )


def workplace_for(data_dir: Path) -> Path:
    """Find a folder that exists to work in, so that a failed download leaves no new one behind."""
    return next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())


@contextlib.contextmanager
def in_turn(workplace: Path, name: str) -> Iterator[None]:
    """Wait until no other process downloads the data set of this name, and leave no trace of the waiting."""
    lock_path = workplace / f".{name}.lock"
    with FileLock(lock_path):
        try:
            yield
        finally:
            # Whoever waits for this very file looks for the data again before fetching it.
            with contextlib.suppress(OSError):
                lock_path.unlink()


def _download(data_dir: Path, source: type[MNIST], workplace: Path) -> None:
    folder = raw_folder(data_dir, source)
    rank_zero_info(f"{source.__name__} is not in {folder}: downloading it.")
    with temporary_folder(workplace, source.__name__) as temporary:
        with reported(missing_message(data_dir, source)):
            source(temporary, train=True, download=True)
        fetched = raw_folder(Path(temporary), source)
        for archive in fetched.glob("*.gz"):
            archive.unlink()
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.replace(fetched, folder)
        except OSError:
            # File locks do not reach across every network drive: another machine may have been faster.
            if not has_raw_files(data_dir, source):
                raise


@contextlib.contextmanager
def temporary_folder(workplace: Path, name: str) -> Iterator[str]:
    """Make a folder to download the data set of this name into, and remove what killed processes have left."""
    prefix = f".{name}-download-"
    for stale in workplace.glob(f"{prefix}*"):
        shutil.rmtree(stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=workplace) as temporary:
        yield temporary


@contextlib.contextmanager
def reported(absent: str) -> Iterator[None]:
    """Download with a limit on waiting, and report failure.

    Args:
        absent: Sentences that say what is missing and what to do.

    Raises:
        DataError: The download failed.
    """
    previous = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_NETWORK_TIMEOUT)
    try:
        yield
    except (RuntimeError, OSError, HTTPException, EOFError) as error:
        cause = " ".join(str(error).split())  # torchvision's has several lines
        raise DataError(f"{absent} Downloading it failed: {cause}") from error
    finally:
        socket.setdefaulttimeout(previous)
