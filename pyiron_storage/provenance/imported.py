"""What imported modules have under a name, looked up without running anything of theirs.

Modules may have a ``__getattr__``, or stand for one that is imported when it is first
asked for something: such a question then imports, warns or fails where somebody only saves.
"""

from __future__ import annotations

import sys


def text_of(module: str, name: str) -> str | None:
    """Return a text that stands in an imported module, such as its ``__file__``; None where there is none.

    Examples
    --------
    >>> text_of("enum", "__name__"), text_of("enum", "__version__"), text_of("not_imported", "__file__")
    ('enum', None, None)
    """
    try:
        namespace = object.__getattribute__(sys.modules.get(module), "__dict__")
    except AttributeError:
        return None
    found = namespace.get(name)
    return found if isinstance(found, str) else None
