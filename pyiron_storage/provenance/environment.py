"""The environment in which something is stored: Python, platform and pyiron_storage."""

from __future__ import annotations

import functools
import sys
import sysconfig


@functools.cache
def environment() -> dict[str, str]:
    """Return what a record says of the process that made it; not to be changed.

    Examples
    --------
    >>> list(environment())
    ['python', 'platform', 'pyiron_storage']
    """
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "platform": sysconfig.get_platform(),
        "pyiron_storage": own_version(),
    }


def own_version() -> str:
    """The version of this library."""
    version: str = sys.modules["pyiron_storage"].__version__
    return version
