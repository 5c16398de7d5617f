"""The table of commands: what each does, and where it lies. It imports none of them, for that takes seconds."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Literal, NamedTuple


class Command(NamedTuple):
    """A command of ``chaos-lightning``.

    Attributes:
        summary: a line about it.
        kind: ``trainer`` for a method of Lightning's trainer; ``experiment`` for one that trains many generators and
            hands options of fit on, with a ``main`` in its module; ``function`` for any other, a function of its name.
        module: the module that holds it.
    """

    summary: str
    kind: Literal["trainer", "function", "experiment"]
    module: str

    def attribute(self, name: str) -> Callable[..., Any]:
        """Import a function of the command's module."""
        function: Callable[..., Any] = getattr(import_module(self.module), name)
        return function


COMMANDS = {
    "fit": Command("train a network", "trainer", "chaos_lightning.commands.cli"),
    "validate": Command("measure a network against validation images", "trainer", "chaos_lightning.commands.cli"),
    "test": Command("measure a network against test images", "trainer", "chaos_lightning.commands.cli"),
    "predict": Command("generate images into a file", "trainer", "chaos_lightning.commands.cli"),
    "complete": Command("fill in hidden parts of images", "function", "chaos_lightning.commands.complete"),
    "report": Command("draw what a trained network does", "function", "chaos_lightning.report"),
    "chaos": Command("hold a network's chaos against theory", "function", "chaos_lightning.chaos"),
    "measure": Command("measure the images of any generator", "function", "chaos_lightning.commands.measure"),
    "classifier": Command("train the network of features", "function", "chaos_lightning.commands.classifier"),
    "export": Command("write trained weights as .safetensors", "function", "chaos_lightning.commands.export"),
    "sweep": Command("compare networks with other settings", "experiment", "chaos_lightning.commands.sweep.command"),
    "compare": Command("compare generators of any kind", "experiment", "chaos_lightning.commands.compare.command"),
    "scaling": Command("fit cost and quality against size", "function", "chaos_lightning.commands.scaling"),
    "configs": Command("list the configs that come with it", "function", "chaos_lightning.commands.shipped_configs"),
}
"""Name of each command to what is known of it, in the order of the help."""
