"""Whether the values and records of a storage are as they were written, and what is whole of a record that is not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any, Final

from pyiron_storage.arrays.checks import Check, text_description
from pyiron_storage.errors import FormatVersionError, MissingPackageError, StorageError, UnsupportedOperationError
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.model.stored_object import GroupStore
from pyiron_storage.paths import Name
from pyiron_storage.records.document import MAGIC, Record
from pyiron_storage.records.garbage import byte_holders
from pyiron_storage.records.salvage import Goodness, Salvaged, salvage

CANNOT_READ_HERE: Final = (MissingPackageError, FormatVersionError, UnsupportedOperationError)
"""What says that something cannot be read on this machine, which does not mean that it is damaged."""


def check_node(storage: GenericStorage, name: Name) -> list[str]:
    """Verify a native value; return what of it cannot be verified.

    Raises
    ------
    StorageError
        If it is not as it was written.
    """
    protection = storage._protection(name)
    if storage._info(name).kind == "array":
        array = storage._open_array(name)
        array.verify_all()
        if isinstance(protection, Check) and (unknown := protection.unknown(array.nbytes)):
            what = f"{unknown} of {-(-array.nbytes // protection.block)} blocks have no checksum, because they were "
            return [f"{what}changed in part; they have one again when the array is stored anew"]
    else:
        storage[name]
    return [] if protection else ["it has no checksums"]


def looks_like_a_record(group: GenericStorage) -> bool:
    """Whether a group is a record, perhaps a damaged one."""
    if not group._has_node("record"):
        return False
    with group._session.shared.salvaging(verify=None):
        try:
            text = group._read_text(Name("record"))
        except (StorageError, AttributeError, TypeError):
            return False
    return text.startswith(MAGIC) or group._protection(Name("record")) is not False


class RecordCheck:
    """Compares a record with its checksums and with itself.

    Parameters
    ----------
    group
        The group of the back-end in which the record lies.
    file
        The file, for messages.

    Attributes
    ----------
    damaged, unreadable, unverified : list of str
        What was found.
    """

    def __init__(self, group: GenericStorage, file: str) -> None:
        self._group, self._file = group, file
        self.damaged: list[str] = []
        self.unreadable: list[str] = []
        self.unverified: list[str] = []
        self._record: Record | None = None
        self._bad_arrays: set[str] = set()
        self._is_unreadable_text = False
        self._starts: list[int] = []
        with group._session.shared.salvaging(verify=None):
            self._text, self._is_good_text = self._bytes(Name("record"), "document")
            self._buffers, self._is_good_piece = self._bytes(Name("buffers"), "buffers")
        self._check_arrays()
        try:
            with group._session.shared.salvaging(verify=None):
                self._record = None if self._is_unreadable_text else Record(GroupStore(group, file))
        except CANNOT_READ_HERE as error:
            self.unreadable.append(str(error))
        except StorageError as error:
            self.damaged = self.damaged or [str(error)]
        if self._record is not None and not self.damaged:
            self._check_structure(self._record)

    def _bytes(self, name: Name, what: str) -> tuple[bytes, Callable[[int, int], bool]]:
        """The bytes of the document or the buffers, and whether those from an offset on are good."""
        if not self._group._has_node(name):
            return b"", lambda _, length: not length
        data, problem = b"", ""
        protection: Check | bool = False
        try:
            protection = self._group._protection(name)
            data = self._group._read_text(name) if name == "record" else self._group[name].tobytes()
        except CANNOT_READ_HERE as error:
            self.unreadable.append(f"its {what}: {error}")
            self._is_unreadable_text = self._is_unreadable_text or name == "record"
            return b"", lambda _, __: True
        except (StorageError, AttributeError, TypeError) as error:
            problem = f"the {what} cannot be read: {error}"
        if isinstance(protection, Check) and not problem:
            return data, self._comparison(protection, data, what)
        if problem:
            self.damaged.append(problem)
            return data, lambda _, length: not length
        if not protection:
            self.unverified.append(f"its {what} has no checksums")
        return data, lambda start, length: 0 <= start <= start + length <= len(data)

    def _comparison(self, check: Check, data: bytes, what: str) -> Callable[[int, int], bool]:
        bad = set(check.bad_blocks(data))
        is_text = what == "document"
        try:
            check.verify_head(text_description(data) if is_text else b'["|u1",[%d]]' % len(data), self._group.path)
        except StorageError:
            self.damaged.append(f"the {what} has other lines or another size than when it was written")
            first = min(bad, default=0) if is_text else 0
            bad |= set(range(first, -(-len(data) // check.block) + 1))
        else:
            if bad:
                self.damaged.append(f"{len(bad)} blocks of its {what} do not match their checksums")

        def is_good(start: int, length: int) -> bool:
            blocks = range(start // check.block, -(-(start + length) // check.block))
            return 0 <= start <= start + length <= len(data) and not any(block in bad for block in blocks)

        return is_good

    def _check_arrays(self) -> None:
        """Verify the native arrays; what else is wrong with them shows where they are named."""
        if not self._group._has_group("arrays"):
            return
        arrays = self._group[Name("arrays")]
        for name in [*arrays._raw_names(), *arrays._lost()]:
            try:
                messages = check_node(arrays, Name(name)) if name not in arrays._lost() else []
                self.unverified += [f"array {name!r}: {message}" for message in messages]
                is_good = name not in arrays._lost()
            except CANNOT_READ_HERE as error:
                is_good = True
                self.unreadable.append(f"array {name!r}: {error}")
            except (StorageError, KeyError) as error:
                is_good = False
                self.damaged.append(f"array {name!r}: {error}")
            if not is_good:
                self._bad_arrays.add(name)

    def _check_structure(self, record: Record) -> None:
        """Compare the record with itself: what its lines name is there."""
        names = set(record.store.list_arrays()) if record.store else set()
        try:
            for line in sorted(record.reachable()):
                self._check_line(record, line, names)
        except (StorageError, KeyError, TypeError, ValueError) as error:
            self.damaged.append(f"the document contradicts the format: {error}")

    def _check_line(self, record: Record, line: int, names: set[str]) -> None:
        node = record.parse(line)
        for holder in byte_holders(node):
            if not self._is_good_piece(*holder["at"]):
                self.damaged.append(f"line {line} names bytes {holder['at']}, beyond the buffers")
        waiting: list[Any] = [node]
        while waiting:
            inner = waiting.pop()
            if type(inner) is dict:
                if "$" in inner and type(inner.get("native")) is str and inner["native"] not in names:
                    self.damaged.append(f"the array {inner['native']!r} is missing")
                waiting.extend(inner.values())
            elif type(inner) is list:
                waiting.extend(inner)

    # -- what is whole ---------------------------------------------------------------

    def salvaged(self) -> Salvaged:
        """Return a record of what is whole."""
        if self._record is None:
            return Salvaged(None, [""])
        with self._group._session.shared.salvaging(verify=None):
            return salvage(self._record, Goodness(self._is_good_line, self._is_good_piece, self._is_good_array))

    def _is_good_line(self, line: int) -> bool:
        if not self._starts:
            self._starts = [0, *accumulate(len(text) + 1 for text in self._text.split(b"\n"))]
        if not 0 < line < len(self._starts) - 1:
            return False
        start = self._starts[line - 1]
        return self._is_good_text(start, self._starts[line] - start)

    def _is_good_array(self, name: str) -> bool:
        arrays = self._group[Name("arrays")] if self._group._has_group("arrays") else None
        return arrays is not None and name not in self._bad_arrays and arrays._has_node(name)
