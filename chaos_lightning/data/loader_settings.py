"""Settings of a DataLoader, which data modules of this package do without."""

from collections.abc import Iterable
from inspect import signature

from torch.utils.data import DataLoader

LOADER_SETTINGS = frozenset(signature(DataLoader).parameters)


def unknown_settings(class_name: str, names: Iterable[str]) -> str:
    """Say what to do about settings that a data module does not know.

    Args:
        class_name: Name of the data module's class.
        names: Names of the settings.
    """
    names = list(names)
    sentence = f"{class_name} knows no {', '.join(names)}: leave {'it' if len(names) == 1 else 'them'} out"
    if not LOADER_SETTINGS.intersection(names):
        return sentence
    return (
        f"{sentence}. Settings of a DataLoader have no use here: all images are in memory, on the training device if "
        "there is room, minibatches are cut out of them without worker processes, in a random order that follows from "
        "seed"
    )
