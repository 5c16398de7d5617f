"""The API reference has no references to names that are not there, and can be written."""

import ast
import re
import runpy
import warnings
from importlib import import_module
from pathlib import Path

import pytest

import chaos_lightning

PACKAGE = Path(chaos_lightning.__file__).parent
ROLE = re.compile(r":(?:\w+:)?(?:class|meth|func|attr|mod|data|exc):`~?([^`]+)`")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def docstrings(tree):
    """Docstrings of a module and of all in it."""
    documented = [node for node in ast.walk(tree) if isinstance(node, (*DEFINITIONS, ast.Module))]
    return filter(None, map(ast.get_docstring, documented))


def defined(tree):
    """All names that a module defines: bare, and of a class's members also behind the name of the class."""
    for node in ast.walk(tree):
        if isinstance(node, DEFINITIONS):
            yield node.name
        if isinstance(node, ast.ClassDef):
            yield from (f"{node.name}.{member.name}" for member in node.body if isinstance(member, DEFINITIONS))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def is_there(target, known):
    """Whether a name is defined in the package, or found by its whole path."""
    if target.startswith("."):
        return target.rpartition(".")[2] in known
    if "." in target and target.split(".")[0] in ("chaos_lightning", "lightning", "torch", "torchmetrics"):
        for split in range(target.count("."), -1, -1):
            parts = target.split(".")
            try:
                found = import_module(".".join(parts[: split + 1]))
            except ImportError:
                continue
            for name in parts[split + 1 :]:
                found = getattr(found, name, None)
            return found is not None
    return target in known


def test_references_in_docstrings_are_to_names_that_are_there():
    trees = {path: ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
    known = {name for tree in trees.values() for name in defined(tree)} | {path.stem for path in trees}
    broken, count = [], 0
    for path, tree in trees.items():
        for text in docstrings(tree):
            for target in ROLE.findall(text):
                count += 1
                if not is_there(target.removesuffix("()"), known):
                    broken.append(f"{path.relative_to(PACKAGE)}: {target}")
    assert count > 100
    assert broken == []


def test_a_reference_to_a_name_that_is_not_there_is_found():
    assert is_there("chaos_lightning.metrics.WarningSigns", set())
    assert not is_there("chaos_lightning.metrics.WarningSings", set())
    assert not is_there("WarningSings", {"WarningSigns"})


def test_the_reference_is_written_with_all_public_names(tmp_path):
    pytest.importorskip("pdoc", reason="pdoc writes the reference: pip install pdoc")
    path = PACKAGE.parent / ".ci" / "api"
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # pdoc warns of what it cannot resolve
        runpy.run_path(str(path))["write"](tmp_path)
    page = (tmp_path / "chaos_lightning.html").read_text()
    assert all(f'id="{name}"' in page for name in chaos_lightning.__all__)
    assert len(list(tmp_path.rglob("*.html"))) > 12
