"""Settings that are objects: a learning rule, a rate function, a wiring. Checkpoints hold them without code."""

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any, TypeVar

from lightning.pytorch.cli import instantiate_class

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
    if isinstance(setting, Mapping):
        class_path = str(setting["class_path"])
        try:
            setting = instantiate_class((), {"class_path": class_path, "init_args": setting.get("init_args") or {}})
        except (ImportError, AttributeError, KeyError, IndexError) as error:
            raise ValueError(
                f"{name} is of the class {class_path}, which cannot be found: start in the folder of its module, or "
                "put that on the Python path"
            ) from error
    if not isinstance(setting, kind):
        raise ValueError(f"{name} must be a {kind.__name__}, but is {setting!r}")
    try:
        hash(setting)
        described(setting)
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
    elif settings := dict(getattr(value, "__dict__", {})):
        raise ValueError(f"it keeps {', '.join(settings)} otherwise")
    return {"class_path": f"{type(value).__module__}.{type(value).__qualname__}", "init_args": settings}


def described_wiring(wiring: Wiring | None) -> list[dict[str, Any]] | None:
    """Describe a wiring as a list of plain mappings."""
    if wiring is None:
        return None
    return [asdict(each) if isinstance(each, Connection) else dict(each) for each in wiring]
