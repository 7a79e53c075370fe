"""Where a class or function comes from: what the header of a record says beside its name."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from pyiron_storage.provenance.commits import commit_of
from pyiron_storage.provenance.distributions import is_standard, package_of
from pyiron_storage.provenance.imported import text_of
from pyiron_storage.provenance.sources import source_digest


def origin_of(obj: Any, name: str) -> dict[str, Any]:
    """Return the fields that say which version of a class, function or module this is.

    Parameters
    ----------
    obj : object
        The class, function or module.
    name : str
        ``module:qualified.name``, or ``module``.

    Returns
    -------
    dict
        ``package`` and ``version`` of what is installed; ``version``, ``commit``, ``changed``
        and ``source`` of other modules, as far as there are any; nothing for what
        comes with Python.

    Examples
    --------
    >>> import collections, numpy
    >>> origin_of(collections.OrderedDict, "collections:OrderedDict")
    {}
    >>> origin_of(numpy.ufunc, "numpy:ufunc") == {"package": "numpy", "version": numpy.__version__}
    True
    """
    module, _, qualified = name.partition(":")
    if is_standard(module):
        return {}
    fields, is_installed = _origin_of_module(module)
    if is_installed or not qualified:
        return fields
    source = source_digest(obj)
    return fields | {"source": source} if source else fields


@functools.lru_cache(4096)
def _origin_of_module(module: str) -> tuple[dict[str, Any], bool]:
    package = package_of(module)
    fields: dict[str, Any] = {"package": package.name, "version": package.version}
    if not package.is_installed:
        file = text_of(module, "__file__")
        commit = commit_of(file) if file is not None else None
        fields |= {"commit": commit.name, "changed": commit.is_changed or None} if commit else {}
    return {field: value for field, value in fields.items() if value is not None}, package.is_installed


@dataclass(frozen=True)
class Requirements:
    """What is asked of the classes and functions of an object when it is stored.

    Attributes
    ----------
    require_versions : bool
        Whether each must come with Python, from a module that has a version, or be as in a commit.
    forbidden_modules : tuple of str
        Modules, with what is below them, from which none may come.
    """

    require_versions: bool = False
    forbidden_modules: tuple[str, ...] = ()

    def refusal(self, name: str, entry: dict[str, Any]) -> str | None:
        """Say why a class or function may not be stored; None where it may."""
        module = name.partition(":")[0]
        for forbidden in self.forbidden_modules:
            if module == forbidden or module.startswith(f"{forbidden}."):
                return f"{name!r} is in {forbidden!r}, which forbidden_modules= excludes. Define it in another module."
        is_known = is_standard(module) or "version" in entry or ("commit" in entry and "changed" not in entry)
        if self.require_versions and not is_known:
            what = "a commit, but its file differs from it" if "commit" in entry else "no version"
            return f"{name!r} is in a module with {what}, and require_versions=True. {_ADVICE}"
        return None


_ADVICE = "Install the package that it is in, give it a __version__, or commit the file."
NO_REQUIREMENTS = Requirements()
