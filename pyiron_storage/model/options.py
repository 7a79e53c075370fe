"""The options of saving and loading that mean the same for every back-end.

`save`, `load` and `open_storage` take them; a handle keeps them as its defaults.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from pyiron_storage.errors import InvalidOptionError
from pyiron_storage.model.metadata import plain_metadata
from pyiron_storage.provenance.loading import DEFAULT, Loading
from pyiron_storage.provenance.origins import Requirements

SAVING: Final = ("require_versions", "forbidden_modules", "metadata")
LOADING: Final = ("versions", "rename", "on_missing", "map_location")


def take_common(options: dict[str, Any]) -> dict[str, Any]:
    """Take the options that are common to all back-ends out of those that were given, and check them.

    Raises
    ------
    InvalidOptionError
        If one is not what it can be.
    """
    taken: dict[str, Any] = {name: options.pop(name) for name in (*SAVING, *LOADING) if name in options}
    modules = taken.get("forbidden_modules", ())
    if (
        isinstance(modules, str)
        or not isinstance(modules, Iterable)
        or not all(isinstance(module, str) for module in modules)
    ):
        raise InvalidOptionError(f"forbidden_modules is a tuple of names of modules, not {modules!r}.")
    if taken.get("metadata") is not None:
        taken["metadata"] = plain_metadata(taken["metadata"])
    Loading.of(taken)  # refuses what it cannot be
    return taken


def encoder_options(options: dict[str, Any]) -> dict[str, Any]:
    """What the options of a handle mean for the making of records."""
    chosen: dict[str, Any] = {key: options[key] for key in ("cloudpickle_fallback",) if key in options}
    if options.get("require_versions") or options.get("forbidden_modules"):
        modules = tuple(options.get("forbidden_modules", ()))
        chosen["requirements"] = Requirements(bool(options.get("require_versions")), modules)
    return chosen


def loading(options: dict[str, Any]) -> Loading:
    """What the options of a handle ask of a load."""
    return Loading.of(options) if any(name in options for name in LOADING) else DEFAULT
