"""How a file is compressed: a name and a level, as a back-end offers them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pyiron_storage.errors import CompressionTypeError, UnknownCompressionError
from pyiron_storage.option_checks import nearest

COMPRESSED_BYTES: Final = 4096
"""What is shorter is not compressed: it would hardly become smaller, and reading it would take longer."""


@dataclass(frozen=True)
class Compression:
    """A compression that a back-end offers.

    Attributes
    ----------
    name : str
        Such as ``"gzip"``.
    level : int or None
        How hard it tries; None for what is usual.
    """

    name: str
    level: int | None = None

    def __str__(self) -> str:
        return self.name if self.level is None else f"{self.name}, level {self.level}"


def checked_compression(given: Any, offered: Mapping[str, range | None], backend: str) -> Compression | None:
    """Return the compression that is asked for by a name, or by a name and a level; None for none.

    Parameters
    ----------
    given
        What the user says.
    offered
        The levels of each name that the back-end offers, None where it has no levels.
    backend
        The name of the back-end, for messages.

    Raises
    ------
    UnknownCompressionError
        If the back-end does not offer it; the message lists what it offers.
    """
    if given is None or isinstance(given, Compression):
        return given
    name, level = given if type(given) in (tuple, list) and len(given) == 2 else (given, None)
    if not offered:
        raise UnknownCompressionError(
            f"The back-end {backend!r} does not compress, and compression={given!r} was given. Leave it out, or use "
            "the back-end 'hdf5' or 'json'."
        )
    if not isinstance(name, str) or name not in offered:
        names = ", ".join(map(repr, offered))
        hint = nearest(name, offered) if isinstance(name, str) else ""
        raise (UnknownCompressionError if isinstance(name, str) else CompressionTypeError)(
            f"compression={given!r} is not known to the back-end {backend!r}. It offers {names}, alone or as "
            f"(name, level), and None.{hint}"
        )
    levels = offered[name]
    if level is not None and (levels is None or type(level) is not int or level not in levels):
        what = f"levels from {levels[0]} to {levels[-1]}" if levels else "no levels"
        raise UnknownCompressionError(f"compression={given!r}: {name!r} has {what}, and {level!r} was given.")
    return Compression("gzip" if name == "zlib" else name, level)
