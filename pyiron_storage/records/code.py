"""Code that cannot be imported, kept by value: classes, functions and what else only cloudpickle can put away.

Its bytes stand beside the data of the objects that need it.  Looking at them here
runs nothing: what they would import is read from the opcodes of the pickle.
"""

from __future__ import annotations

import io
import itertools
import pickle
import pickletools
import platform
import sys
from collections.abc import Iterator
from typing import Any, Final

from pyiron_storage.errors import CannotImportError, DamagedRecordError
from pyiron_storage.records.document import Record
from pyiron_storage.records.structure import is_reference

PROTOCOL: Final = 5
"""Of pickle, for code and for what objects reduce to."""


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


def code_node(record: Record, entry: dict[str, Any]) -> dict[str, Any]:
    """The node with the code of an entry of the header: on a line of its own or, in old files, in the header."""
    code = entry["code"]
    if is_reference(code):
        code = record.node(code["$"])
    if type(code) is not dict or code.get("$") != "code":
        raise DamagedRecordError(f"{record.place}: the code of {entry.get('name')!r} is not where the record says.")
    return code


def unpickled(record: Record, node: dict[str, Any]) -> list[Any]:
    """Everything in the pickle of a node of code, which is run.

    Raises
    ------
    CannotImportError
        If it does not load with these packages.
    """
    file = io.BytesIO(bytes(record.bytes_at(node.get("at"))))
    unpickler, found = pickle.Unpickler(file), []
    try:
        while file.tell() < len(file.getbuffer()):
            found.append(unpickler.load())
    except Exception as error:
        raise CannotImportError(
            f"{record.place}: the code that is kept by value does not load: {type(error).__name__}: {error}. "
            "It may need the packages with which it was stored."
        ) from error
    return found


def from_value(record: Record, entry: dict[str, Any]) -> Any:
    """Return the class or function of an entry of the header of an old file, made from its bytes.

    Raises
    ------
    CannotImportError
        If it is byte code of another Python, or does not load with these packages.
    """
    code = code_node(record, entry)
    check_runs_here(record, entry["name"], code)
    return unpickled(record, code)[0]


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


def _opcodes(file: io.BytesIO) -> Iterator[Any] | None:
    """The opcodes of the next of several pickles that stand one behind the other; None where there is no more."""
    return pickletools.genops(file) if file.tell() < len(file.getbuffer()) else None


_CLOUDPICKLE: Final = "cloudpickle.cloudpickle"


def _modules_named(data: bytes) -> Iterator[str]:
    """The modules that the opcodes of a pickle name, among them those that cloudpickle imports as such."""
    pushed: list[str | None] = [None, None]
    memo: list[str | None] = []
    is_module = False
    file = io.BytesIO(data)
    opcodes = itertools.chain.from_iterable(iter(lambda: _opcodes(file), None))
    for opcode, argument, _ in opcodes:
        if opcode.name == "MEMOIZE":
            memo.append(pushed[-1])
            continue
        if opcode.name == "STACK_GLOBAL":
            module, name = pushed[-2:]
            yield str(module)
            is_module = (module, name) == (_CLOUDPICKLE, "subimport")
        elif opcode.name == "GLOBAL":
            yield str(argument).partition(" ")[0]
        text = memo[argument] if opcode.name in ("BINGET", "LONG_BINGET") else argument
        pushed.append(text if isinstance(text, str) else None)
        if is_module and isinstance(text, str):
            yield text
            is_module = False
