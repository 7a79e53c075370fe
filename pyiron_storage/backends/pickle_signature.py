"""The signature behind a pickle, and the loading of a pickle that names only what is admitted.

`pickle.load` stops at the end of the pickle and does not see what follows: the text of
the signature, its length in four bytes, the lowest first, and a mark.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Iterator
from typing import Any, Final

from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.records.wants import Want, untrusted
from pyiron_storage.trusting.admission import Admission, dotted
from pyiron_storage.trusting.keys import known_key, signing_key
from pyiron_storage.trusting.signature import digest, fields_of, is_by, signed

MARK: Final = b"\x89pySign\n"
LENGTH_BYTES: Final = 4
PATH: Final = "object"


def with_signature(data: bytes) -> bytes:
    """A pickle and its signature behind it."""
    text = signed({"pickle": digest(data).hex()}, signing_key())
    return data + text + len(text).to_bytes(LENGTH_BYTES, "little") + MARK


def opened(data: bytes) -> tuple[bytes, bool]:
    """The pickle without what stands behind it, and whether a known key signed it."""
    if not data.endswith(MARK):
        return data, False
    end = len(data) - len(MARK) - LENGTH_BYTES
    start = end - int.from_bytes(data[max(0, end) : end + LENGTH_BYTES], "little")
    if not 0 < start <= end:
        return data, False
    fields, content = fields_of(data[start:end]), data[:start]
    key = known_key(fields["key"]) if fields else None
    return content, key is not None and is_by(fields, key) and fields.get("pickle") == digest(content).hex()


def loads(data: bytes, admission: Admission, file: str, *, trusted: bool) -> Any:
    """Load a pickle.

    Raises
    ------
    UntrustedError
        If it names what is not admitted; it lists everything that it names.
    """
    if admission.everything or (admission.signed and trusted):
        return pickle.loads(data)
    return _Unpickler(data, admission, file).load()


class _Unpickler(pickle.Unpickler):
    """Imports what is admitted."""

    def __init__(self, data: bytes, admission: Admission, file: str) -> None:
        super().__init__(io.BytesIO(data))
        self._data, self._admission, self._file = data, admission, file

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}:{name}"
        if not self._admits(full):
            refused = [Want(PATH, dotted(named)) for named in _all_names(self._data) if not self._admits(named)]
            is_default = self._admission.signed
            why = "the pickle is not signed by a key that is known here." if is_default else "trust= does not admit it."
            raise untrusted(refused, self._file, why, self._admission.names)
        return self._admission.imported(full)

    def _admits(self, name: str) -> bool:
        try:
            return self._admission.admits(name)
        except (ImportError, AttributeError, ValueError):
            return True  # it is admitted, and cannot be imported


def wants_of(data: bytes) -> list[Want]:
    """What a pickle names, read from its opcodes without running them."""
    return [Want(PATH, dotted(name)) for name in _all_names(data)]


def _all_names(data: bytes) -> list[str]:
    try:
        return list(dict.fromkeys(_names(data)))
    except (ValueError, IndexError, KeyError) as error:
        raise DamagedRecordError(f"The pickle does not load: {error}.") from error


def _names(data: bytes) -> Iterator[str]:
    """Each ``module:name`` that the opcodes name; of texts that are put together in another way, ``?``."""
    pushed: list[str | None] = [None, None]
    memo: dict[int, str | None] = {}
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
            memo[len(memo) if opcode.name == "MEMOIZE" else argument] = pushed[-1]  # type: ignore[index]
            continue
        if opcode.name == "STACK_GLOBAL":
            yield ":".join(part or "?" for part in pushed[-2:])
        elif opcode.name in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ":", 1)
        is_memo = opcode.name in ("GET", "BINGET", "LONG_BINGET")
        text = memo.get(argument) if is_memo else argument  # type: ignore[arg-type]
        pushed.append(text if isinstance(text, str) else None)
