"""Names of HDF5 links for names of nodes and groups, which may be any text."""

from __future__ import annotations

import re
from typing import Final


def link_name(name: str) -> bytes:
    """The name of the HDF5 link for a node or group.

    ``/`` cannot be in one and is written ``%2F``; the ``%`` of a name that has ``%2F`` or ``%25`` is written ``%25``.
    """
    return _SPECIAL.sub(lambda found: "%2F" if found[0] == "/" else "%25", name).encode()


def plain_name(link: bytes) -> str:
    """The name of the node or group behind an HDF5 link."""
    return _ESCAPED.sub(lambda found: "/" if found[1] == "F" else "%", link.decode("utf-8", "surrogateescape"))


_SPECIAL: Final = re.compile(r"/|%(?=2[5F])")
_ESCAPED: Final = re.compile(r"%2([5F])")
