"""Whether what was given to a function is what it can be: filenames, choices, numbers, names of options.

What is of the wrong type is a `TypeError`, what is of the right type and means nothing a
`ValueError`, both as `StorageError`; a name that nothing has is told beside the nearest.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from pathlib import Path
from typing import Any, Final

import numpy as np

from pyiron_storage.errors import InvalidFilenameError, InvalidOptionError, OptionTypeError


def checked_filename(filename: Any) -> Path:
    """Return the path of a file that was given.

    Raises
    ------
    OptionTypeError
        If it is no path.
    InvalidFilenameError
        If it names no file.
    """
    if not isinstance(filename, str | os.PathLike):
        hint = f" Perhaps {os.fsdecode(filename)!r} is meant." if isinstance(filename, bytes) else ""
        raise OptionTypeError(
            f"A filename is text or a path, such as 'run.h5', and {_shown(filename)} was given.{hint}"
        )
    text = os.fspath(filename)
    if not isinstance(text, str):
        raise OptionTypeError(f"A filename is text or a path, such as 'run.h5', and {_shown(filename)} was given.")
    if not text or "\0" in text:
        raise InvalidFilenameError(f"{text!r} names no file.")
    return Path(text).expanduser()


def check_choice(name: str, value: Any, choices: Iterable[str]) -> None:
    """Refuse an option that is none of the texts that it can be.

    Raises
    ------
    InvalidOptionError
        If it is another text; `OptionTypeError` if it is no text.
    """
    choices = list(choices)
    if type(value) is str and value in choices:
        return
    listed = ", ".join(map(repr, choices))
    if not isinstance(value, str):
        raise OptionTypeError(f"{name}= is one of {listed}, not {_shown(value)}.")
    raise InvalidOptionError(f"{name}={value!r} is not one of {listed}.{nearest(value, choices)}")


def check_names(names: Iterable[str], known: Iterable[str], function: str) -> None:
    """Refuse options that a function does not have.

    Raises
    ------
    OptionTypeError
        If there is one; the message names those that there are.
    """
    known = list(known)
    for name in names:
        if name not in known:
            raise OptionTypeError(
                f"{function} has no option {name!r}.{nearest(name, known)} It has: {', '.join(sorted(known))}."
            )


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence that says what was probably meant; empty where nothing is near."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def check_values(options: Mapping[str, Any]) -> None:
    """Refuse values of the options that mean the same everywhere, where they are not what they can be.

    Raises
    ------
    InvalidOptionError
        If one is not; `OptionTypeError` if it is of another type.
    """
    for name, value in options.items():
        check = CHECKS.get(name)
        if check is not None:
            check(name, value)


def _check_switch(name: str, value: Any) -> None:
    if not isinstance(value, bool | np.bool_):
        raise OptionTypeError(f"{name}= is True or False, not {_shown(value)}.")


def _check_seconds(name: str, value: Any) -> None:
    if not isinstance(value, Real) or isinstance(value, bool):
        raise OptionTypeError(f"{name}= is a number of seconds, such as 10, not {_shown(value)}.")
    if math.isnan(value) or value < 0:
        raise InvalidOptionError(f"{name}={value!r} is no number of seconds, which is 0 or more.")


def _check_progress(name: str, value: Any) -> None:
    if value is not None and not isinstance(value, bool | np.bool_) and not callable(value):
        raise OptionTypeError(
            f"{name}= is True, False, None or a function of what is done and in all, not {_shown(value)}."
        )


def _shown(value: Any) -> str:
    """A value as a message shows it, with its type."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  somebody else's __repr__
        text = "something"
    short = text if len(text) <= LONGEST else text[:LONGEST] + "..."
    return f"{short} of type {type(value).__name__}"


LONGEST: Final = 60
SWITCHES: Final = ("locking", "mmap", "verify", "replace", "repair", "sign", "cloudpickle_fallback", "require_versions")
CHECKS: Final[dict[str, Callable[[str, Any], None]]] = {
    **dict.fromkeys(SWITCHES, _check_switch),
    "timeout": _check_seconds,
    "progress": _check_progress,
}
"""How the value of an option is checked that means the same in all functions."""
