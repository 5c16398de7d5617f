"""Trained networks that come with the package, by their names: ``--ckpt_path pretrained:mnist``."""

from pathlib import Path

PREFIX = "pretrained:"
"""Beginning of a name where a path may stand as well."""

_FOLDER = Path(__file__).parent


def pretrained_names() -> list[str]:
    """List the names of the networks."""
    return sorted(path.stem for path in _FOLDER.glob("*.safetensors"))


def pretrained_file(name: str) -> Path:
    """Return the file of a network, compact weights as ``export --compact true`` writes them.

    Raises:
        ValueError: if there is none of that name; the message lists the names.
    """
    if name not in pretrained_names():
        raise ValueError(
            f"there is no pretrained network {name}: {', '.join(pretrained_names())} come with the package"
        )
    return _FOLDER / f"{name}.safetensors"
