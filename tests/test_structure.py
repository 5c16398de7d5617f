"""Imports run one way: each part may use only those named for it."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "chaos_lightning"
MAY_IMPORT = {
    "version": set(),
    "pretrained": set(),
    "files": {"pretrained"},
    "pixels": set(),
    "shapes": set(),
    "pictures": set(),
    "dynamics": set(),
    "experiments": {"files"},
    "functional": {"pixels"},
    "data": {"functional", "pixels", "shapes"},
    "learning": {"dynamics"},
    "theory": {"dynamics"},
    "sampling": {"dynamics", "functional", "shapes"},
    "metrics": {"functional", "shapes"},
    # Of dynamics what makes two wirings equal, and what draws frozen couplings again.
    "checkpoints": {"data", "dynamics", "files", "version"},
    "features": {"files"},
    "callbacks": {"dynamics", "features", "files", "metrics", "pictures", "pixels", "shapes", "version"},
    "models": {
        *("checkpoints", "data", "dynamics", "functional", "learning", "metrics", "pretrained", "sampling", "shapes"),
    },
    # Of dynamics baselines take the random numbers, of models the base of all generators.
    "baselines": {"dynamics", "data", "models", "pixels", "sampling"},
    "trainer": {"callbacks", "models", "sampling"},
    "report": {
        "checkpoints",
        "data",
        "dynamics",
        "files",
        "functional",
        "metrics",
        "models",
        "pictures",
        "pixels",
        "shapes",
        "version",
    },
    "chaos": {
        "checkpoints",
        "data",
        "dynamics",
        "files",
        "functional",
        "models",
        "pictures",
        "report",
        "theory",
    },
    "commands": {
        "baselines",
        "callbacks",
        "chaos",
        "checkpoints",
        "data",
        "dynamics",
        "experiments",
        "features",
        "files",
        "functional",
        "metrics",
        "models",
        "pictures",
        "pixels",
        "report",
        "shapes",
        "trainer",
        "version",
    },
    "__main__": {"commands"},
    "__init__": {"data", "dynamics", "learning", "models", "pictures", "sampling", "version"},
}


def imported_names(source, package):
    """The dotted names in this package that a module imports, however it does so.

    Args:
        source: of the module.
        package: dotted name of the package that it lies in.
    """
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*parents, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            # What is in the braces of an f-string can be any part, so the module must stand above them all.
            names = [ast.unparse(node.args[0]).lstrip("f").strip("'")]
        yield from (name for name in names if name.startswith("chaos_lightning."))


def imported_parts(source, package):
    """The parts of this package that a module imports."""
    return {name.split(".")[1] for name in imported_names(source, package)}


def package_of(path):
    """Dotted name of the package that a module lies in."""
    return ".".join(["chaos_lightning", *path.relative_to(PACKAGE).parts[:-1]])


def parts():
    """Name of each part to its modules."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        below = path.relative_to(PACKAGE)
        found.setdefault(below.parts[0].removesuffix(".py"), []).append(path)
    return found


def known(imports):
    """Those that are parts: the package's own names are those of its classes, and come from models and data."""
    names = parts()
    return {name if name in names else "__init__" for name in imports if not name.startswith("{")}


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_part_imports_only_what_is_below_it(part):
    imports = set()
    for path in parts()[part]:
        imports |= known(imported_parts(path.read_text(), package_of(path)))
    assert imports - {part} <= MAY_IMPORT[part]


def test_what_a_part_may_import_may_not_import_it():
    for part, below in MAY_IMPORT.items():
        reached, left = set(), set(below)
        while left:
            reached |= left
            left = set().union(*(MAY_IMPORT[name] for name in left)) - reached
        assert part not in reached


@pytest.mark.parametrize("part", ["commands", "experiments"])
def test_within_a_part_imports_run_one_way_too(part):
    modules = {f"{package_of(path)}.{path.stem}": path for path in parts()[part]}
    graph = {}
    for module, path in modules.items():
        names = set(imported_names(path.read_text(), package_of(path)))
        graph[module] = {other for other in modules if other in names or any(n.startswith(f"{other}.") for n in names)}
    assert any(graph.values())
    TopologicalSorter(graph).prepare()  # raises a CycleError


def test_every_part_is_listed():
    assert set(parts()) == set(MAY_IMPORT)


@pytest.mark.parametrize(
    ("source", "imported"),
    [
        ("import chaos_lightning.models", {"models"}),
        ("from chaos_lightning import OneLayer, models", {"OneLayer", "models"}),
        ("from chaos_lightning.models.base import SAMPLING", {"models"}),
        ("from .. import models", {"models"}),
        ("from ..models import base", {"models"}),
        ("from . import queue", {"experiments"}),
        ("importlib.import_module('chaos_lightning.models.base')", {"models"}),
        ("import lightning", set()),
    ],
)
def test_imports_of_every_kind_are_seen(source, imported):
    assert imported_parts(source, "chaos_lightning.experiments") == imported


def test_the_public_names_leave_the_limits_of_the_trainer_as_lightning_has_them():
    # typing keeps the first of Union[int, float] and Union[float, int], so that another package imported before
    # Lightning would make the command line read a limit of 1 batch as 1.0, all batches.
    code = (
        "from chaos_lightning import ChaoticGenerator, Task, MNISTDataModule, CentredHebbian\n"
        "from lightning.pytorch import Trainer\nimport inspect\n"
        "print(inspect.signature(Trainer.__init__).parameters['limit_predict_batches'].annotation)"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert printed.strip() in ("typing.Union[int, float, NoneType]", "int | float | None")
