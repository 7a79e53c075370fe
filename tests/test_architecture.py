"""Imports run one way: each folder makes use of those that stand before it, and of nothing behind."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyiron_storage

PACKAGE = Path(pyiron_storage.__file__).parent
LAYERS = (
    "errors",
    "option_checks",
    "public",
    "paths",
    "progress",
    "arrays",
    "files",
    "journal",
    "trusting",
    "provenance",
    "records",
    "looking",
    "model",
    "backends",
    "api",
    "operations",
    "command_line",
    "commands",
    "testing",
)
"""The folders and modules of the package, each below those that follow; docs/architecture.md says what each is for."""


def imported(source: str) -> Iterator[str]:
    """The layers that a module imports, at its top, in functions and for types alone."""
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != PACKAGE.name else [f"{node.module}.{it.name}" for it in node.names]
        elif isinstance(node, ast.Import):
            names = [it.name for it in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith(PACKAGE.name + "."))


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_nothing_above_it(layer):
    modules = sorted((PACKAGE / layer).rglob("*.py")) or [PACKAGE / f"{layer}.py"]
    above = LAYERS[LAYERS.index(layer) + 1 :]
    found = {(module.name, name) for module in modules for name in imported(module.read_text()) if name in above}
    assert found == set()


def test_each_folder_and_module_is_a_layer_and_described():
    found = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert found - {"__init__", "__pycache__"} == set(LAYERS)
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text()
    assert [layer for layer in LAYERS if f"`{layer}`" not in page and f"`{layer}.py`" not in page] == []
