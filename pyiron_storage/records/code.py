"""Code that cannot be imported, kept by value: classes, functions and what else only cloudpickle can put away.

Its bytes stand beside the data of the objects that need it.  Looking at them here
runs nothing: what they would import is read from the opcodes of the pickle.
"""

from __future__ import annotations

import pickletools
import platform
import sys
from collections.abc import Iterator
from typing import Any, Final

from pyiron_storage.errors import CannotImportError, DamagedRecordError
from pyiron_storage.records.document import Record

PROTOCOL: Final = 5


def by_value(obj: Any) -> bytes:
    """Return the cloudpickle bytes of a class, function or module."""
    import cloudpickle

    data: bytes = cloudpickle.dumps(obj, protocol=PROTOCOL)
    return data


def byte_code_version() -> str:
    """Which Python runs byte code that is made here: its implementation and minor version.

    Examples
    --------
    >>> byte_code_version() == f"{platform.python_implementation()} {sys.version_info[0]}.{sys.version_info[1]}"
    True
    """
    return f"{platform.python_implementation()} {sys.version_info[0]}.{sys.version_info[1]}"


def check_runs_here(record: Record, name: str, code: dict[str, Any]) -> None:
    """Refuse byte code of another Python, which would crash the interpreter, at once or when it is called.

    Raises
    ------
    CannotImportError
        If this is not the Python that made it, or nobody knows which one that was.
    """
    made, here = python_of(record, code), byte_code_version()
    if made != here:
        raise CannotImportError(
            f"{record.place}: the code of {name!r}, kept by value, is byte code of {made or 'an unknown Python'}, and "
            f"this is {here}, which cannot run it. Load it with {made or 'the Python that stored it'}, or define it "
            "in a module that can be imported. The data beside it can be browsed and loaded."
        )


def python_of(record: Record, code: dict[str, Any]) -> str | None:
    """Which Python code is for; where it does not say so, CPython in the version that made the record."""
    version = (record.header.get("environment") or {}).get("python")
    of_the_record = f"CPython {'.'.join(version.split('.')[:2])}" if isinstance(version, str) else None
    return code.get("python") or of_the_record


def from_value(record: Record, entry: dict[str, Any]) -> Any:
    """Return the class or function of an entry of the header, made from its bytes.

    Raises
    ------
    CannotImportError
        If it is byte code of another Python, or does not load with these packages.
    """
    import cloudpickle

    code = entry["code"] if isinstance(entry["code"], dict) else {}
    data = record.bytes_at(code.get("at"))
    check_runs_here(record, entry["name"], code)
    try:
        return cloudpickle.loads(data)
    except Exception as error:
        raise CannotImportError(
            f"{record.place}: the code of {entry['name']!r}, kept by value, does not load: {type(error).__name__}: "
            f"{error}. It may need the Python version and the packages with which it was stored."
        ) from error


def captured_modules(data: bytes | memoryview) -> list[str]:
    """Return the modules from which a pickle would import, read from its opcodes without running them.

    Examples
    --------
    >>> import pickle, textwrap
    >>> captured_modules(pickle.dumps(textwrap.dedent))
    ['textwrap']
    """
    try:
        modules = set(_modules_named(bytes(data)))
    except (ValueError, IndexError) as error:
        raise DamagedRecordError(f"The code that is kept by value is no pickle: {error}.") from error
    return sorted(modules - {"builtins", "copyreg", _CLOUDPICKLE})


_CLOUDPICKLE: Final = "cloudpickle.cloudpickle"


def _modules_named(data: bytes) -> Iterator[str]:
    """The modules that the opcodes of a pickle name, among them those that cloudpickle imports as such."""
    pushed: list[str | None] = [None, None]
    memo: list[str | None] = []
    is_module = False
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == "MEMOIZE":
            memo.append(pushed[-1])
            continue
        if opcode.name == "STACK_GLOBAL":
            module, name = pushed[-2:]
            yield str(module)
            is_module = (module, name) == (_CLOUDPICKLE, "subimport")
        elif opcode.name == "GLOBAL":
            yield str(argument).partition(" ")[0]
        text = memo[argument] if opcode.name in ("BINGET", "LONG_BINGET") else argument  # type: ignore[index]
        pushed.append(text if isinstance(text, str) else None)
        if is_module and isinstance(text, str):
            yield text
            is_module = False
