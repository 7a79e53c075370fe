"""The signature of a record: what of it was put there by this user, or by one whose key is known.

A signature stands for the document, for each block of the buffers and for each
array that holds no numbers.  So a part is verified when it is read, and a change of
a part signs a few digests anew.  What was not verified is never signed: the digest of
a block that nobody looked at stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pyiron_storage.arrays.native_array import NativeArray
from pyiron_storage.errors import UntrustedError
from pyiron_storage.records.seal import DIGEST_BYTES, FORMAT, Seal
from pyiron_storage.records.signed_array import SignedArray
from pyiron_storage.records.signed_names import arrays_without_numbers
from pyiron_storage.trusting.keys import known_key, process_key, signing_key
from pyiron_storage.trusting.signature import BLOCK_BYTES, blocks, digest, fields_of, is_by, signed

if TYPE_CHECKING:
    from pyiron_storage.records.document import Record

Array = np.ndarray[Any, Any]
Read = Callable[[int, int], memoryview]
"""Gives the buffers between two bytes."""


class SignatureBroken(UntrustedError):
    """Something that was signed is no longer what it was, and somebody relies on it."""


class Signing:
    """Whether a record is trusted, and its signature.

    Attributes
    ----------
    relied_on
        Whether somebody runs what it names because it is signed.
    seal
        The digests, as far as they are verified; None where there is no signature to keep.
    changed
        Whether something that was signed is another now.
    """

    names_nothing: ClassVar[Callable[[Record], bool]]
    """Whether nothing that a record names could run, found by looking at all of it; set where records are walked."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._trusted: bool | None = True
        self.relied_on = False
        self.seal: Seal | None = None
        self.changed = record.store is None
        self.text: bytes | None = None
        """The signature as it is written; None where there is none."""
        self._keeps = False
        self._dirty: set[int] = set()
        self._verified: set[int] = set()

    def copy(self, record: Record) -> Signing:
        """The signing of a copy of the record: whoever signed it has signed that as well."""
        copied = Signing(record)
        copied.trusted, copied.text, copied._dirty = self.trusted, self.text, set(self._dirty)
        if self.seal is not None:
            copied.seal = replace(self.seal, buffers=list(self.seal.buffers), arrays=dict(self.seal.arrays))
        copied._keeps = not self._record.changed and not (self.trusted and self._in_memory)
        return copied

    @property
    def trusted(self) -> bool:
        """Whether all in it that names code was put there by this user or is signed by a known key."""
        if self._trusted is None:
            self._trusted = Signing.names_nothing(self._record)
        return self._trusted

    @trusted.setter
    def trusted(self, trusted: bool) -> None:
        self._trusted = trusted

    # -- reading -----------------------------------------------------------------

    def open(self, document: bytes) -> None:
        """Look whether a record that was read is signed; one that names nothing needs no signature."""
        if not self._record.header["types"]:
            return
        assert self._record.store is not None
        self.text = self._record.store.read_signature()
        fields = fields_of(self.text) if self.text is not None else {}
        key = known_key(fields["key"]) if fields else None
        if key is not None and is_by(fields, key) and fields.get("signature") == FORMAT:
            self.seal = Seal.read(fields)
        if self.seal is not None and self.seal.text != digest(document):
            self.seal = None
        self._trusted = True if self.seal is not None else None

    @property
    def _in_memory(self) -> bool:
        return self._record.store is not None and self._record.store.in_memory

    def check(self, data: memoryview, start: int, stop: int, *, first: int = 0, kept: bool = True) -> None:
        """Verify the blocks in which some bytes of the buffers lie.

        Parameters
        ----------
        data
            The buffers, from the byte `first` on.
        start, stop
            Between which bytes of the buffers.
        first
            Where the data begin.
        kept
            Whether the data stay as they are, so that they need not be verified again.
        """
        if self.seal is None or stop <= start:
            return
        for number in range(start // BLOCK_BYTES, min(-(-stop // BLOCK_BYTES), len(self.seal.buffers))):
            if number in self._dirty or (kept and number in self._verified):
                continue
            at = number * BLOCK_BYTES
            block = data[at - first : min(at + BLOCK_BYTES, self.seal.size) - first]
            if digest(block) != self.seal.buffers[number]:
                self._break()
                return
            if kept:
                self._verified.add(number)

    def check_size(self, size: int) -> None:
        """Verify how many bytes the buffers have, which are read anew."""
        self._verified.clear()
        if self.seal is not None and self.seal.size != size:
            self._break()

    def check_array(self, name: str, array: Array) -> None:
        """Verify an array that was read, if it is signed."""
        if self.seal is not None and name in self.seal.arrays and blocks(_bytes(array)) != self.seal.arrays[name]:
            self._break()

    def check_blocks(self, name: str, start: int, data: Any) -> None:
        """Verify some whole blocks of an array that is signed."""
        if self.seal is not None:
            first, found = start // BLOCK_BYTES * DIGEST_BYTES, blocks(data)
            if found != self.seal.arrays[name][first : first + len(found)]:
                self._break()

    def put_blocks(self, name: str, start: int, data: Any) -> None:
        """Take some blocks of an array for what they are now."""
        self.changed = True
        if self.seal is not None:
            first, found, known = start // BLOCK_BYTES * DIGEST_BYTES, blocks(data), self.seal.arrays[name]
            self.seal.arrays[name] = known[:first] + found + known[first + len(found) :]

    def cut_blocks(self, name: str, stop: int) -> None:
        """Forget the blocks of an array from a byte on."""
        if self.seal is not None:
            self.seal.arrays[name] = self.seal.arrays[name][: stop // BLOCK_BYTES * DIGEST_BYTES]

    def _break(self) -> None:
        """Note that the record is not what was signed."""
        self.trusted, self.seal = False, None
        if self.relied_on:
            self.relied_on = False
            raise SignatureBroken(f"{self._record.place}: it was changed after it was signed.")

    # -- changing ------------------------------------------------------------------

    def distrust(self) -> None:
        """Note that something which names code was put in, of which nobody knows whose it is."""
        self.trusted, self.seal, self.changed = False, None, True

    def approve(self) -> None:
        """Take all of the record for trusted, as the user says, and sign it."""
        if not self.trusted:
            self.trusted, self.seal, self.changed = True, None, True

    def touch(self, start: int, stop: int, read: Read) -> None:
        """Note that bytes of the buffers are about to be changed; what stands beside them is verified first."""
        self.changed |= self.text is not None
        if self.seal is None:
            return
        last = min(stop, self.seal.size)
        wanted = set(range(start // BLOCK_BYTES, -(-last // BLOCK_BYTES))) - self._dirty
        for number in sorted(wanted):
            at = number * BLOCK_BYTES
            end = min(at + BLOCK_BYTES, self.seal.size)
            self.check(read(at, end), at, end, first=at, kept=False)
            if self.seal is None:
                return
        self._dirty |= wanted

    def forget_buffers(self) -> None:
        """Note that the buffers are written anew, in another order."""
        if self.seal is not None:
            self.seal.size, self.seal.buffers = 0, []
            self._dirty.clear()
            self._verified.clear()
            self.changed = True

    def begin_part(self, name: str, array: NativeArray) -> NativeArray:
        """An array that is about to be read or changed in part: one that is signed follows what is changed."""
        return SignedArray(array, name, self) if self.seal is not None and name in self.seal.arrays else array

    # -- writing -------------------------------------------------------------------

    def renew(self, document: bytes | None, count: Callable[[], int], read: Read, new: dict[str, Array]) -> None:
        """Bring the digests up to what is going to be written, where the record is to be signed.

        Parameters
        ----------
        document
            The document, where it was changed.
        count
            Says how many bytes the buffers have.
        read
            Gives the buffers between two bytes, as they are now.
        new
            The arrays that are new.
        """
        if self._keeps:
            return
        is_signed = new.keys() if self.seal is None else new.keys() & self.seal.arrays.keys()
        self.changed |= document is not None or bool(is_signed)
        if not self.changed or not self._record.names_code or not self.trusted:
            self.seal = None if self.changed else self.seal
            return
        if self.seal is None:
            self.seal = Seal()
            document = self._record.text()
        if document is not None:
            self.seal.text = digest(document)
            self._renew_arrays(new)
        else:
            self.seal.arrays.update({name: blocks(_bytes(new[name])) for name in is_signed})
        self._renew_buffers(self.seal, count(), read)

    def _renew_buffers(self, seal: Seal, size: int, read: Read) -> None:
        count = -(-size // BLOCK_BYTES)
        if size != seal.size:
            self._dirty.update(range(seal.size // BLOCK_BYTES, count))
        seal.size = size
        seal.buffers = [*seal.buffers[:count], *[b""] * (count - len(seal.buffers))]
        for number in self._dirty:
            at = number * BLOCK_BYTES
            seal.buffers[number] = digest(read(at, min(size, at + BLOCK_BYTES)))
        self._dirty.clear()
        self._verified.clear()

    def _renew_arrays(self, new: dict[str, Array]) -> None:
        assert self.seal is not None
        known, self.seal.arrays = self.seal.arrays, {}
        for name in arrays_without_numbers(self._record):
            if name in new or name not in known:
                array = new[name] if name in new else self._record.array(name)
                self.seal.arrays[name] = blocks(_bytes(array))
            else:
                self.seal.arrays[name] = known[name]

    def write(self, *, moved: bool) -> None:
        """Sign what was changed, or take the signature away where it no longer holds; then write it."""
        store = self._record.store
        assert store is not None
        before = None if moved else self.text
        if self.changed and not self._keeps:
            key = (process_key() if self._in_memory else signing_key()) if self.seal is not None else None
            self.text = signed(self.seal.fields(), key) if self.seal is not None and key is not None else None
        if self.text != before:
            store.write_signature(self.text)
        self.changed = self._keeps = False


def _bytes(array: Array) -> memoryview:
    """The bytes of an array, in C order."""
    contiguous = np.ascontiguousarray(array)
    return contiguous.reshape(-1).view(np.uint8).data if contiguous.nbytes else memoryview(b"")
