"""The log of a run: everything that it would print."""

import contextlib
import logging
import os
import traceback
from collections.abc import Iterator
from pathlib import Path

LOG_NAME = "output.log"
"""File in the folder of a run."""


@contextlib.contextmanager
def quiet(path: Path | None) -> Iterator[None]:
    """Append all prints, log messages, warnings and tracebacks to a file.

    Args:
        path: the file; None drops prints and log messages, and still shows errors.
    """
    handlers = [
        handler
        for name in ("lightning", "lightning.pytorch", "lightning.fabric")
        for handler in logging.getLogger(name).handlers
        if isinstance(handler, logging.StreamHandler)
    ]
    with open(path or os.devnull, "a", buffering=1) as file:  # by lines, for the process may be killed
        before = [handler.setStream(file) for handler in handlers]
        try:
            errors = contextlib.redirect_stderr(file) if path else contextlib.nullcontext()
            with contextlib.redirect_stdout(file), errors:
                yield
        except Exception:
            traceback.print_exc(file=file)
            raise
        finally:
            for handler, stream in zip(handlers, before, strict=True):
                if stream is not None:
                    handler.setStream(stream)
