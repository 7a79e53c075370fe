"""Ctrl-C waits while HDF5 is at work, for an exception in the middle would leave it with a file that it cannot close.

Only Python's own reaction to SIGINT is put off, and only while it would strike inside
of HDF5 or between the steps of a commit; who has another handler keeps it.
"""

from __future__ import annotations

import functools
import signal
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, Final, TypeVar

_MAIN: Final = threading.main_thread().ident
_WHOLE: Final[set[CodeType]] = set()
"""The code of what comes to its end before an interrupt is raised."""
_Call = TypeVar("_Call", bound=Callable[..., Any])


class _State:
    waiting = False
    """Whether an interrupt waits to be raised."""


def let_interrupts_wait() -> None:
    """Begin to put off interrupts where they would do harm."""
    if threading.get_ident() == _MAIN and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _on_interrupt)


def raise_interrupt() -> None:
    """Raise the interrupt that waits, if one does and it may be raised here."""
    if _State.waiting and threading.get_ident() == _MAIN:
        _State.waiting = False
        raise KeyboardInterrupt


def never_interrupted(method: _Call) -> _Call:
    """Let an interrupt wait while a method runs; who calls it calls `raise_interrupt` when all is done."""
    _WHOLE.add(method.__code__)
    return method


def uninterrupted(call: Callable[..., Any]) -> Callable[..., Any]:
    """Let an interrupt wait until a method has come to its end."""

    def whole(*arguments: Any, **options: Any) -> Any:
        try:
            return call(*arguments, **options)
        finally:
            if _State.waiting and not _is_in_the_middle(sys._getframe(1)):
                raise_interrupt()

    _WHOLE.add(whole.__code__)
    return functools.wraps(call)(whole)


def _on_interrupt(number: int, frame: FrameType | None) -> None:
    if _is_in_the_middle(frame):
        _State.waiting = True
    else:
        signal.default_int_handler(number, frame)


def _is_in_the_middle(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code in _WHOLE:
            return True
        frame = frame.f_back
    return False
