"""The installed distribution that a module belongs to, and its version.

`importlib.metadata.packages_distributions` reads what every distribution has
installed, which takes a tenth of a second.  Here the distribution with the name of
the module is tried first; the others are looked through only for a module whose
distribution has another name, and once.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from pyiron_storage.provenance.environment import own_version
from pyiron_storage.provenance.imported import text_of

OWN = "pyiron_storage"


class Package(NamedTuple):
    """What a module belongs to."""

    name: str | None
    """Of the distribution; None where there is none."""
    version: str | None
    """Of the distribution, else the ``__version__`` of the top-level module."""
    is_installed: bool
    """Whether the module's file came with the distribution, so that its version says what is in it."""


def is_standard(module: str) -> bool:
    """Whether a module comes with Python."""
    return module.partition(".")[0] in sys.stdlib_module_names


@functools.lru_cache(4096)
def package_of(module: str) -> Package:
    """Return what a module that is imported belongs to.

    Examples
    --------
    >>> import numpy
    >>> package_of("numpy.ma.core") == ("numpy", numpy.__version__, True)
    True
    """
    root = module.partition(".")[0]
    if root == OWN:
        return Package(OWN, own_version(), is_installed=True)
    file = _file_of(module) or _file_of(root)
    found = package_at(root, file) if file is not None else None
    if found is not None:
        return found
    return Package(None, text_of(root, "__version__"), is_installed=False)


def package_at(root: str, file: Path) -> Package | None:
    """Return what a file belongs to from which a module is imported; None for one that is no distribution's.

    Parameters
    ----------
    root : str
        The top-level module.
    file : Path
        The file, which need not be imported.
    """
    named = _by_name(root)
    if named is not None and _is_in(file, Path(str(named.locate_file("")))):
        return Package(named.name, named.version, is_installed=True)
    if named is not None and _is_editable(named, file):
        return Package(named.name, named.version, is_installed=False)
    found = _by_file(file)
    return Package(found.name, found.version, is_installed=True) if found is not None else None


def _file_of(module: str) -> Path | None:
    file = text_of(module, "__file__")
    return Path(file) if file is not None else None


@functools.lru_cache(256)
def _by_name(root: str) -> Distribution | None:
    try:
        return importlib.metadata.distribution(root)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return None


def _is_in(file: Path, folder: Path) -> bool:
    return file.is_relative_to(folder) or file.resolve().is_relative_to(folder.resolve())


def _is_editable(found: Distribution, file: Path) -> bool:
    """Whether a distribution only points to the folder in which the file is."""
    text = found.read_text("direct_url.json")
    where = json.loads(text) if text else {}
    if not where.get("dir_info", {}).get("editable"):
        return False
    return _is_in(file, Path(unquote(urlsplit(where["url"]).path)))


def _by_file(file: Path) -> Distribution | None:
    """The distribution that says that it has installed a file."""
    folders = [Path(entry) for entry in sys.path if entry and file.is_relative_to(entry)]
    folder = max(folders, key=lambda one: len(one.parts), default=None)
    if folder is None:
        return None
    name = file.relative_to(folder).as_posix()
    return next((found for found in _installed_in(str(folder)) if name in _files_of(found)), None)


@functools.lru_cache(64)
def _installed_in(folder: str) -> tuple[Distribution, ...]:
    return tuple(importlib.metadata.distributions(path=[folder]))


@functools.lru_cache(1024)
def _files_of(found: Distribution) -> frozenset[str]:
    """The files that a distribution has installed, relative to where it is installed."""
    return frozenset(_listed(found))


def _listed(found: Distribution) -> Iterator[str]:
    for line in (found.read_text("RECORD") or "").splitlines():
        yield line.rsplit(",", 2)[0].strip('"')
    for line in (found.read_text("installed-files.txt") or "").splitlines():
        yield line.removeprefix("../")
