"""What an error means that arises while a record is read: that the record contradicts the format.

The rules take apart what they find without asking of each field whether it is there
and of its type, which would cost every load.  A field that is not raises KeyError,
TypeError or the like; a session asks at the end of each access and transaction what
such an error means, so that this is known in one place.  An error of a class or
function that a record names, of its ``__setstate__`` for instance, means itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, TypeVar

from pyiron_storage import errors
from pyiron_storage.errors import DamagedRecordError, StorageError
from pyiron_storage.records.document import Record
from pyiron_storage.trusting.admission import HARMLESS_CALLS

_Function = TypeVar("_Function", bound=Callable[..., Any])
_PACKAGE: Final = str(Path(errors.__file__).parent)
_READING: Final = tuple(f"{_PACKAGE}/{name}" for name in ("records/", "looking/", "operations/", "model/storable.py"))
"""Where records are read."""
_CALLED: Final = tuple(f"{_PACKAGE}/{name}" for name in ("paths.py", "arrays/", "trusting/", "provenance/"))
"""What reading calls, and others do too."""
_WRITING: Final = f"{_PACKAGE}/records/encoder.py"
_GRAFTING: Final = f"{_PACKAGE}/records/graft.py"
_LIBRARIES: Final = sys.stdlib_module_names | {
    "h5py",
    "numpy",
    "orjson",
    "pandas",
    "pyarrow",
    "pyiron_storage",
    "scipy",
}
"""What the rules call by themselves."""
_MEANS_DAMAGE: Final = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError),
    *(RuntimeError, StopIteration, TypeError, ValueError),
)
_DEEP: Final = 300
"""So many calls, one in the other, a record of ours never needs; fewer are too many where others called before."""
_calls: Final[set[CodeType]] = set()


def calls_what_is_named(function: _Function) -> _Function:
    """Mark a function that calls what a record names: an error of that is not one of the record."""
    _calls.add(function.__code__)
    return function


@calls_what_is_named
def call(function: Any, *arguments: Any, **options: Any) -> Any:
    """Call what a record names."""
    return function(*arguments, **options)


@calls_what_is_named
def new(function: type) -> Any:
    """Make an empty instance of a class that a record names."""
    return function.__new__(function)  # type: ignore[call-overload]


def meaning(error: BaseException, file: str) -> BaseException:
    """Return the error that says that a record is damaged, where this one means that; else itself.

    Parameters
    ----------
    error
        What was raised.
    file
        The file, where no record shows from which it was read.
    """
    if isinstance(error, StorageError) or not isinstance(error, _MEANS_DAMAGE):
        return error
    every = list(_frames(error))
    frames = _since_grafting(every)
    inside = [frame for frame in frames if _file(frame).startswith(_PACKAGE)]
    callers = [frame for frame in inside if not _file(frame).startswith(_CALLED)]
    is_reading = bool(callers) and _file(callers[-1]).startswith(_READING)
    is_too_deep_elsewhere = isinstance(error, RecursionError) and len(every) < _DEEP
    if not is_reading or is_too_deep_elsewhere or any(map(_is_anothers, frames)):
        return error
    return DamagedRecordError(
        f"{_place(inside) or file}: what is stored contradicts the format: {type(error).__name__}: "
        f"{str(error)[:200]}. It is damaged, or another program wrote it. ps.check(filename) says more."
    )


def _frames(error: BaseException) -> Iterator[FrameType]:
    """The calls that an error came through, the innermost last."""
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _since_grafting(frames: list[FrameType]) -> list[FrameType]:
    """The calls since something stored began to be copied, which is reading again; all of them where it did not."""
    begun = [number for number, frame in enumerate(frames) if _file(frame) == _GRAFTING]
    return frames[begun[0] :] if begun else frames


def _file(frame: FrameType) -> str:
    return frame.f_code.co_filename


def _is_anothers(frame: FrameType) -> bool:
    """Whether what is called does not belong to reading: it was named by a record, or something is being stored."""
    if frame.f_code in _calls:
        called = frame.f_locals.get("function")
        return f"{getattr(called, '__module__', '')}:{getattr(called, '__qualname__', '')}" not in HARMLESS_CALLS
    if _file(frame).startswith(_PACKAGE):
        return _file(frame) == _WRITING
    return str(frame.f_globals.get("__name__", _PACKAGE)).partition(".")[0] not in _LIBRARIES


def _place(frames: list[FrameType]) -> str:
    """File and path of the record that was read, as the innermost call knows it."""
    known = (value for frame in reversed(frames) for value in frame.f_locals.values())
    records = (value if isinstance(value, Record) else _record_of(value) for value in known)
    return next((record.place for record in records if record is not None), "")


def _record_of(value: Any) -> Record | None:
    """The record of a place, a decoder or a walk."""
    record = getattr(value, "record", None) if type(value).__module__.startswith("pyiron_storage.records") else None
    return record if isinstance(record, Record) else None
