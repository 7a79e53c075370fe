"""Code that cannot be imported, kept by value: classes, functions and what else only cloudpickle can put away.

Its bytes stand beside the data of the objects that need it.  Looking at them here
runs nothing: what they would import is read from the opcodes of the pickle.
"""

from __future__ import annotations

import pickletools
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


def from_value(record: Record, entry: dict[str, Any]) -> Any:
    """Return the class or function of an entry of the header, made from its bytes.

    Raises
    ------
    CannotImportError
        If the bytes do not load with this Python and these packages.
    """
    import cloudpickle

    data = record.bytes_at(entry["code"].get("at") if isinstance(entry["code"], dict) else None)
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
