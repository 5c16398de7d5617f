"""Configs that come with the package, found by name: ``--config quickstart``, ``--config fast/mnist_two_layer``."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chaos_lightning.commands.known_names import not_known

FOLDER = Path(__file__).parents[1] / "configs"
"""Folder of the configs, in a clone and in an installed package alike."""


def shipped_configs() -> dict[str, Path]:
    """Map the name of each config, its path without folder and ending, to its file; the quickstart comes first."""
    paths = sorted(FOLDER.rglob("*.yaml"), key=lambda path: (len(path.parts), path))
    return {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in paths}


def with_shipped_configs(arguments: Sequence[str]) -> list[str]:
    """Replace names of shipped configs after ``--config`` by their paths; a file of that name here comes first.

    Raises:
        ValueError: if there is neither such a file nor such a name.
    """
    found = list(arguments)
    for place, argument in enumerate(arguments):
        if argument == "--config" and place + 1 < len(arguments):
            found[place + 1] = _path_of(arguments[place + 1])
        elif argument.startswith("--config="):
            found[place] = f"--config={_path_of(argument.removeprefix('--config='))}"
    return found


def configs() -> None:
    """List the configs that come with the package; ``--config NAME`` takes one."""
    table = Table(title=f"--config NAME takes one of these, from {FOLDER}", title_justify="left")
    for column in ("name", "command", "contents"):
        table.add_column(column)
    for name, path in shipped_configs().items():
        command, contents = _headline(path)
        table.add_row(name, command, contents)
    Console(width=max(Console().width, 120)).print(table)


def _path_of(name: str) -> str:
    if os.path.exists(name) or not re.fullmatch(r"[\w./~-]+", name):  # else it is the contents of a config
        return name
    known = shipped_configs()
    if name not in known:
        raise ValueError(f"there is no file {name} here, and {not_known('config of the package called', name, known)}")
    return str(known[name])


def _headline(path: Path) -> tuple[str, str]:
    """The command that a config is for, and the first sentence about it, from its head."""
    head = path.read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    comment = [line.removeprefix("#").strip() for line in head if line.startswith("#")]
    return comment[0].split()[1], re.split(r"(?<=[.?:]) ", " ".join(comment[2:]))[0].rstrip(".:")
