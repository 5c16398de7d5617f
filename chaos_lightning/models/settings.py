"""Settings that are objects: a learning rule, a rate function, a wiring. Checkpoints hold them without code."""

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from pydoc import locate
from typing import Any, TypeVar

from jsonargparse import ArgumentParser

from chaos_lightning.dynamics import Connection, Wiring

Kind = TypeVar("Kind")


def made_from(setting: Any, kind: type[Kind], name: str) -> Kind:
    """Return the object that a setting describes.

    Args:
        setting: the object itself, its class path, or ``{"class_path": ..., "init_args": {...}}``.
        kind: class of which the object must be an instance.
        name: name of the setting, for error messages.

    Raises:
        ValueError: if the class cannot be found, is of another kind, or cannot be described in a checkpoint.
    """
    if isinstance(setting, str):
        setting = {"class_path": setting}
    if isinstance(setting, Mapping) and "class_path" in setting:
        class_path = str(setting["class_path"])
        class_ = locate(class_path) or locate(f"chaos_lightning.{class_path}")
        if not isinstance(class_, type):
            raise ValueError(
                f"{name} is of the class {class_path}, which cannot be found: start in the folder of its module, or "
                "put that on the Python path"
            )
        try:
            setting = class_(**(setting.get("init_args") or {}))
        except TypeError as error:
            raise ValueError(f"{name} cannot be made by these settings: {error}") from error
    if not isinstance(setting, kind):
        raise ValueError(f"{name} must be a {kind.__name__}, but is {setting!r}")
    try:
        hash(setting)
        description = described(setting)
        if described(type(setting)(**description["init_args"])) != description:
            raise ValueError("its constructor makes another object of them")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must say its settings, numbers, truth values or strings, as the fields of a frozen dataclass, so "
            f"that checkpoints can hold them, but {type(setting).__name__} does not: {error}"
        ) from error
    return setting


def described(value: object) -> dict[str, Any]:
    """Describe an object by its class path and settings, as in YAML and checkpoints.

    Raises:
        ValueError: if it has settings that are not fields of a dataclass.
    """
    if is_dataclass(value):
        settings = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
        for name, setting in settings.items():
            if not _is_plain(setting):
                raise ValueError(f"{name} is {setting!r}")
    elif settings := dict(getattr(value, "__dict__", {})):
        raise ValueError(f"it keeps {', '.join(settings)} otherwise")
    return {"class_path": f"{type(value).__module__}.{type(value).__qualname__}", "init_args": settings}


def _is_plain(setting: Any) -> bool:
    if isinstance(setting, tuple):
        return all(map(_is_plain, setting))
    return setting is None or type(setting) in (bool, int, float, str)


def accepted_settings(class_: type) -> set[str]:
    """Return the names of the settings that a class takes, as the command line finds them through its bases."""
    parser = ArgumentParser()
    parser.add_class_arguments(class_, fail_untyped=False)
    return set(vars(parser.get_defaults())) - {"config"}


def described_wiring(wiring: Wiring | None) -> list[dict[str, Any]] | None:
    """Describe a wiring as a list of plain mappings."""
    if wiring is None:
        return None
    return [asdict(each) if isinstance(each, Connection) else dict(each) for each in wiring]
