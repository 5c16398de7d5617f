"""Explains a name that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches


def not_known(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that a name is not known, with the one that may have been meant and all known ones."""
    names = sorted(known)
    close = get_close_matches(name, names, 1, cutoff=0.4)
    meant = f"did you mean {close[0]}? " if close else ""
    return f"there is no {kind} {name}: {meant}Known are {', '.join(names)}"
