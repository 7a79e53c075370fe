"""What the project promises of itself: imports run one way, docs are true, and import is light."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pyiron_storage as ps

ROOT = Path(ps.__file__).parent
DOCS = ROOT.parent / "docs"


def imports_of(path):
    """The modules of the package that a module imports when it is imported."""
    tree = ast.parse(path.read_text())
    type_checking = {
        inner
        for node in tree.body
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in tree.body:
        for inner in [node] if not isinstance(node, ast.If) else []:
            if inner in type_checking:
                continue
            if isinstance(inner, ast.ImportFrom) and (inner.module or "").startswith("pyiron_storage"):
                for alias in inner.names:
                    module = f"{inner.module}.{alias.name}"
                    yield module if module_path(module).exists() else inner.module
            elif isinstance(inner, ast.Import):
                yield from (alias.name for alias in inner.names if alias.name.startswith("pyiron_storage."))


def module_path(module):
    path = ROOT.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def test_imports_have_no_cycles():
    graph = {path: {module_path(name) for name in imports_of(path)} for path in ROOT.rglob("*.py")}
    finished, on_the_way = set(), []

    def visit(path):
        assert path not in on_the_way, " -> ".join(str(p.relative_to(ROOT)) for p in [*on_the_way, path])
        if path in finished:
            return
        on_the_way.append(path)
        for imported in graph[path]:
            visit(imported)
        finished.add(on_the_way.pop())

    for path in graph:
        visit(path)


def public_objects():
    for name in ps.__all__:
        thing = getattr(ps, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            yield name, thing


@pytest.mark.parametrize(
    ("name", "thing"), list(public_objects()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_public_name_is_documented(name, thing):
    text = inspect.getdoc(thing)
    assert text
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return
    if name.endswith("View"):
        thing = ps.View  # its kinds share the example
    assert ">>>" in inspect.getdoc(thing), f"{name} has no example"
    if inspect.isfunction(thing):
        assert "Parameters" in text
        for parameter in inspect.signature(thing).parameters:
            assert parameter.lstrip("*") in text, f"{name} does not say what {parameter} is"


def test_import_loads_nothing_heavy():
    code = """
import sys, numpy, h5py, time
start = time.process_time()
import pyiron_storage
heavy = {"pandas", "scipy", "ase", "fsspec", "cloudpickle", "h5io", "pytest"}
print(time.process_time() - start, sorted(heavy & set(sys.modules)))
"""
    seconds, heavy = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT.parent).split(maxsplit=1)
    assert heavy.strip() == "[]"
    assert float(seconds) < 1.5  # 0.15 s on a quiet machine


def test_the_changelog_knows_the_version():
    text = (ROOT.parent / "CHANGELOG.md").read_text()
    assert "## Unreleased" in text or f"## {ps.__version__}" in text


def test_docs_link_to_files_that_exist():
    for page in [ROOT.parent / "README.md", *DOCS.glob("*.md")]:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
