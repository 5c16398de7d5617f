"""Checks of settings that the parser lets pass."""

import json
from collections.abc import Iterable
from inspect import Parameter, signature
from pydoc import locate
from typing import Any

from jsonargparse import Namespace


def check_settings(config: Namespace, callbacks: Iterable[str]) -> None:
    """Refuse null where a value is needed, and anything else where a callback's settings belong.

    Args:
        config: settings of the subcommand.
        callbacks: sections that hold the settings of a callback.

    Raises:
        ValueError: saying which setting to leave out.
    """
    for section in callbacks:
        settings = config.get(section)
        if not isinstance(settings, Namespace):
            raise ValueError(
                f"{section} is {json.dumps(settings)}, but takes settings of its own: leave it out for the defaults"
            )
    for section in ("model", "data"):
        settings = config.get(section)
        for name in _needed_values(locate(settings.class_path)):
            if settings.get("init_args", {}).get(name, "left out") is None:
                raise ValueError(f"{section}.{name} is null, but needs a value: leave it out for the default")


def _needed_values(class_: Any) -> list[str]:
    """List the arguments of a class, and of its bases, whose default is a value and not None."""
    bases = reversed(class_.__mro__)
    defaults = {name: value.default for base in bases for name, value in signature(base.__init__).parameters.items()}
    return [name for name, default in defaults.items() if default is not None and default is not Parameter.empty]
