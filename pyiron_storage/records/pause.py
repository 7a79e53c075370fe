"""Pausing the garbage collector while very many objects are made.

Collecting in between looks at all of them again and again, and finds nothing:
it costs about as much as the work itself.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Leave the garbage collector off inside; on again afterwards where it was on before."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
