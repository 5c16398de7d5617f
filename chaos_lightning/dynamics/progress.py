"""A progress bar for measurements that take longer than seconds."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def with_progress_bar(items: Sequence[Item], description: str) -> Iterator[Item]:
    """Go through items under a progress bar on the error stream; without one where that is no terminal.

    Args:
        items: to go through.
        description: stands before the bar.
    """
    from rich.console import Console  # imported before Lightning, rich would turn its int | float into float | int
    from rich.progress import track

    console = Console(stderr=True)
    shown = console.is_terminal or console.is_jupyter
    yield from track(items, description=description, console=console, transient=True, disable=not shown)
