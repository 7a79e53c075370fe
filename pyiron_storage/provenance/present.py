"""What is here now of the modules, classes and functions that stored objects name, found without importing anything.

Finders say where a module is, distributions which version they have, and a source is parsed, not run.
"""

from __future__ import annotations

import ast
import functools
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import NamedTuple

from pyiron_storage.provenance.distributions import OWN, Package, package_at
from pyiron_storage.provenance.environment import own_version
from pyiron_storage.provenance.sources import source_digest_in


class Present(NamedTuple):
    """What is here of a module, class or function."""

    package: Package
    source: str | None
    """The digest of its source; None where that is not in a file, or not under this name."""


@functools.lru_cache(4096)
def present(name: str) -> Present | None:
    """Return what is here of ``module.qualified.name``; None where there is no such module.

    Modules are looked for where Python would, and then in the working directory.

    Examples
    --------
    >>> import numpy
    >>> present("numpy.ma.MaskedArray").package == ("numpy", numpy.__version__, True)
    True
    >>> present("no_such_module.Cell") is None
    True
    """
    root = name.partition(".")[0]
    spec, qualified = _module_in(name)
    if spec is None:
        return None
    if root == OWN:
        return Present(Package(OWN, own_version(), is_installed=True), None)
    file = Path(spec.origin) if spec.origin is not None and spec.has_location else None
    package = package_at(root, file) if file is not None else None
    source = source_digest_in(file, qualified) if file is not None and file.suffix == ".py" else None
    return Present(package or Package(None, _literal_version(root), is_installed=False), source)


def _module_in(name: str) -> tuple[ModuleSpec | None, str]:
    """The module that the longest beginning of a name stands for, and the rest of the name."""
    parts, found, done = name.split("."), None, 0
    path: list[str] | None = None
    for end, part in enumerate(parts, 1):
        inner = _spec(".".join(parts[:end]), path) if part.isidentifier() else None
        if inner is None:
            break
        found, done, path = inner, end, _search_locations(inner)
        if not path:
            break
    return found, ".".join(parts[done:])


def _spec(module: str, path: list[str] | None) -> ModuleSpec | None:
    """Where a module is; `path` are the folders of the package that it is in."""
    for finder in sys.meta_path:
        found = finder.find_spec(module, path) if hasattr(finder, "find_spec") else None
        if found is not None:
            return found
    return PathFinder.find_spec(module, [os.getcwd()]) if path is None else None  # noqa: PTH109


def _search_locations(spec: ModuleSpec) -> list[str]:
    try:
        return list(spec.submodule_search_locations or ())
    except KeyError:  # folders of a package without __init__.py in another one that is not imported
        return []


@functools.lru_cache(256)
def _literal_version(root: str) -> str | None:
    """The ``__version__`` of a module where it is written in its source as it is."""
    spec = _spec(root, None)
    try:
        tree = ast.parse(Path(str(spec.origin if spec else None)).read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == "__version__" for target in node.targets):
            return node.value.value if isinstance(node.value, ast.Constant) and type(node.value.value) is str else None
    return None
