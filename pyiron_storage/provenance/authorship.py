"""Who stores something, and when: what is filled into metadata."""

from __future__ import annotations

import datetime
import functools
import getpass


def now() -> str:
    """The time, to the second, in UTC, as ISO 8601 writes it.

    Examples
    --------
    >>> len(now()), now()[-1]
    (20, 'Z')
    """
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@functools.cache
def user() -> str | None:
    """The name of the user; None where the system has none, as in some containers."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return None


def authorship() -> dict[str, str]:
    """What is filled into the metadata of what is new."""
    name = user()
    return {"created": now()} | ({"creator": name} if name else {})
