"""The user's configuration folder, and the names that the user always admits.

The folder holds ``key``, the folder ``keys`` with more keys to verify with, and
``config.toml``, in which ``trust = ["ase", "my_package.function"]`` admits names.
"""

from __future__ import annotations

import os
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Final

from pyiron_storage.errors import InvalidTrustError

CONFIGURATION: Final = "config.toml"
WRITABLE_BY_OTHERS: Final = 0o022

_known: dict[tuple[str, int], tuple[str, ...]] = {}


def folder() -> Path:
    """The user's configuration folder, whether or not it exists."""
    return _folder_in(os.environ.get("XDG_CONFIG_HOME") or "~/.config", os.environ.get("HOME"))


@lru_cache(16)
def _folder_in(above: str, home: str | None) -> Path:
    """The folder, for what the environment says."""
    try:
        return Path(above).expanduser() / "pyiron_storage"
    except RuntimeError:  # there is no home
        return Path(os.devnull) / "pyiron_storage"  # where nothing can be


def admitted_names() -> tuple[str, ...]:
    """The names that the user always admits.

    Raises
    ------
    InvalidTrustError
        If the file is none that can be read, or others may write to it.
    """
    path = folder() / CONFIGURATION
    try:
        state = os.stat(path)  # noqa: PTH116  at every load
    except OSError:
        return ()
    key = str(path), state.st_mtime_ns
    if key not in _known:
        if os.name == "posix" and state.st_mode & WRITABLE_BY_OTHERS:
            raise InvalidTrustError(f"{path} can be written to by others. Take that away: chmod go-w {path}")
        _known[key] = _read(path)
    return _known[key]


def _read(path: Path) -> tuple[str, ...]:
    try:
        names = tomllib.loads(path.read_text()).get("trust", [])
    except (OSError, ValueError) as error:
        raise InvalidTrustError(f'{path} cannot be read: {error}. It is TOML, such as: trust = ["ase"]') from error
    if type(names) is not list or not all(type(name) is str for name in names):
        raise InvalidTrustError(f'{path}: trust is {names!r}, and a list of names is expected: trust = ["ase"]')
    return tuple(names)
