"""Ctrl-C waits while HDF5 is at work, for an exception in the middle would leave it with a file that it cannot close.

Only Python's own reaction to SIGINT is put off, and only while it would strike inside
of HDF5 or between the steps of a commit; who has another handler keeps it.
"""

from __future__ import annotations

import functools
import signal
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, Final, TypeVar

_MAIN: Final = threading.main_thread().ident
_CALLBACKS: Final[set[CodeType]] = set()
_Call = TypeVar("_Call", bound=Callable[..., Any])


class _State:
    depth = 0
    """How many uninterrupted calls are under way in the main thread, one in the other."""
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


def called_by_hdf5(callback: _Call) -> _Call:
    """Mark a method that HDF5 calls."""
    _CALLBACKS.add(callback.__code__)
    return callback


def uninterrupted(call: Callable[..., Any]) -> Callable[..., Any]:
    """Let an interrupt wait until a method has come to its end."""

    @functools.wraps(call)
    def whole(*arguments: Any, **options: Any) -> Any:
        if threading.get_ident() != _MAIN:
            return call(*arguments, **options)
        _State.depth += 1
        try:
            return call(*arguments, **options)
        finally:
            _State.depth -= 1
            if _State.waiting and not _State.depth:
                raise_interrupt()

    return whole


def _on_interrupt(number: int, frame: FrameType | None) -> None:
    if _State.depth or _is_called_by_hdf5(frame):
        _State.waiting = True
    else:
        signal.default_int_handler(number, frame)


def _is_called_by_hdf5(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code in _CALLBACKS:
            return True
        frame = frame.f_back
    return False
