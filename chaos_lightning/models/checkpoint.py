"""What this package writes into a checkpoint beside Lightning's own entries, and checks when it reads one."""

from typing import Any

FORMAT = 1
"""Version of the entries; raised when an older reader could misunderstand them."""

_KEY = "chaos_lightning"


def write_header(checkpoint: dict[str, Any], *, architecture: str, layer_sizes: list[int], optimizer: str) -> None:
    """Note in a checkpoint which network it holds and which optimiser trained it."""
    checkpoint[_KEY] = {
        "format": FORMAT,
        "architecture": architecture,
        "layer_sizes": layer_sizes,
        "optimizer": optimizer,
    }


def read_header(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """The entries of :func:`write_header`.

    Raises:
        ValueError: if there are none, or of an unknown format.
    """
    header = checkpoint.get(_KEY)
    if not isinstance(header, dict):
        raise ValueError("the checkpoint was not written by chaos_lightning")
    if header["format"] != FORMAT:
        raise ValueError(
            f"the checkpoint has format {header['format']}, but this version of chaos_lightning reads format {FORMAT}: "
            "use the version that wrote it"
        )
    return header


def check_architecture(checkpoint: dict[str, Any], expected: str) -> None:
    """Check which architecture a checkpoint holds.

    Raises:
        ValueError: if it is another one, saying which.
    """
    architecture = read_header(checkpoint)["architecture"]
    if architecture != expected:
        raise ValueError(f"the checkpoint holds a {architecture} network, but {expected} was asked for")
