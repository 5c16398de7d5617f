"""The options as the user gives them: parsed settings do not tell them from defaults."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from chaos_lightning.commands.known_names import not_known
from chaos_lightning.files import expanded


def given_values(arguments: Sequence[str], option: str) -> list[str]:
    """List the values that the user gives an option, in their order; empty ones where a value is missing."""
    values = []
    for position, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == f"--{option}":
            values.append(value or "".join(arguments[position + 1 : position + 2]))
    return values


def asked_class(arguments: Sequence[str], section: str, *options: str) -> str | None:
    """Find the class that the user asks for; None if that is left to the default.

    Args:
        arguments: arguments of the command line.
        section: "model" or "data".
        options: options to search, each the section itself (``--model``) or ``config``. The last one that names a class
            counts, and of its values the last one.
    """
    for option in reversed(options):
        values = given_values(arguments, option)
        found = values if option == section else [_class_in_config(value, section) for value in values]
        class_paths = [class_path for class_path in found if class_path]
        if class_paths:
            return class_paths[-1]
    return None


def check_name(arguments: Sequence[str], option: str, known: Iterable[str]) -> None:
    """Refuse a misspelt class. A name with a module is left to the parser, and so is a file.

    Raises:
        ValueError: with the name that may have been meant.
    """
    for value in given_values(arguments, option):
        if value.isidentifier() and value not in known and not os.path.exists(value):
            raise ValueError(not_known(option, value, known))


def misplaced_options(arguments: Sequence[str], command: str) -> list[str]:
    """List what stands before a command and is an option of it; a config may stand there if it has a section for it."""
    before = list(arguments[: arguments.index(command)])
    names = {argument.partition("=")[0] for argument in before if argument.startswith("-")}
    try:
        contents = [_read_config(config) for config in given_values(before, "config")]
    except (OSError, ValueError, yaml.YAMLError):  # the parser will complain
        return []
    have_section = all(isinstance(each, dict) and command in each for each in contents)
    return [] if have_section and names <= {"--config", "--print_config", "--help", "-h", "--version"} else before


def _read_config(config: str) -> Any:
    """Read a config, which is a file or its contents."""
    path = Path(expanded(config))
    return yaml.safe_load(path.read_text(encoding="utf-8") if path.is_file() else config)


def _class_in_config(config: str, section: str) -> str | None:
    """Read the class path of model or data from a config, which is a file or its contents.

    None without a class, or where the parser will complain of the config.
    """
    try:
        settings = _read_config(config)[section]
        class_path = settings if isinstance(settings, str) else settings["class_path"]
        return str(class_path)
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return None
