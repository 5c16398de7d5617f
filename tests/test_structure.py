"""Imports run one way: each part may use only those named for it."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "chaos_lightning"
MAY_IMPORT = {
    "dynamics": set(),
    "learning": {"dynamics"},
    "functional": set(),
    "metrics": {"functional"},
    "data": set(),
    "callbacks": {"files", "metrics"},
    "models": {"dynamics", "files", "learning", "functional", "metrics", "data"},  # data only for the types of batches
    "baselines": {"dynamics", "data", "models"},  # of dynamics the random numbers, of models what generators share
    "sweep": {"dynamics", "functional", "metrics", "callbacks", "models", "cli"},
    "compare": {
        "baselines",
        "callbacks",
        "cli",
        "data",
        "files",
        "functional",
        "measure",
        "metrics",
        "models",
        "sweep",
    },
    "report": {"dynamics", "functional", "metrics", "data", "models", "version"},
}


def imported_parts(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            if name.startswith("chaos_lightning."):
                yield name.split(".")[1]


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_part_imports_only_what_is_below_it(part):
    files = list((PACKAGE / part).rglob("*.py"))
    assert files
    imports = {imported for path in files for imported in imported_parts(path)} - {part}
    assert imports <= MAY_IMPORT[part]


def test_every_part_is_listed():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert folders == set(MAY_IMPORT)
