"""All that is in an HDF5 file, copied as it is: links, shared objects, references, types, attributes.

HDF5 copies the root with everything below it in one step, `H5Ocopy`, which keeps links of all kinds, objects
that have several names, committed types, storage and filters. It leaves out what refers to an
object by its address in the file: object and region references, with which dimension
scales are attached, too. These are then written anew, by the names of what they
refer to. To copy name by name, as one copies to another kind of storage, loses all of that.
"""

from __future__ import annotations

from typing import Any, Final

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5o, h5r, h5s, h5t

_ASIDE: Final = b"\xffcopied"
"""The name of the copied root until its members have moved up; no name of a node gives it."""


def copy_whole(source: h5g.GroupID, target: h5g.GroupID) -> None:
    """Copy all that is in the root of one HDF5 file to the empty root of another."""
    h5o.copy(source, b".", target, _ASIDE)
    copied = h5g.open(target, _ASIDE)
    for link in list(h5py.Group(copied).id):
        target.move(_ASIDE + b"/" + link, link)
    for name in attribute_names(copied):
        copy_attribute(h5a.open(copied, name), target, name)
    target.unlink(_ASIDE)
    _References(source, target).renew()


def copy_attribute(attribute: Any, target: Any, name: bytes) -> None:
    """Copy an attribute with its type and shape to another object of the same file."""
    kind, space = attribute.get_type(), attribute.get_space()
    new = h5a.create(target, name, kind, space)
    if space.get_simple_extent_type() != h5s.NULL:
        values, memory = _buffer(attribute.shape, attribute.dtype, kind)
        attribute.read(values, memory)
        new.write(values, memory)


def _buffer(shape: tuple[int, ...], dtype: np.dtype[Any], kind: Any) -> tuple[np.ndarray[Any, Any], Any]:
    """An array to read values into and write them from, and their type in memory: their very bytes, where possible."""
    if dtype.hasobject or _has_references(kind):
        return np.empty(shape, dtype), None
    return np.empty(shape, f"V{kind.get_size()}"), kind


def attribute_names(found: Any) -> list[bytes]:
    """The names of the attributes of a group, dataset or committed type."""
    return [h5a.open(found, index=index).name for index in range(h5a.get_num_attrs(found))]


def _has_references(kind: Any) -> bool:
    """Whether values of an HDF5 type are references, or hold some."""
    sort = kind.get_class()
    if sort == h5t.COMPOUND:
        return any(_has_references(kind.get_member_type(number)) for number in range(kind.get_nmembers()))
    if sort in (h5t.VLEN, h5t.ARRAY):
        return _has_references(kind.get_super())
    return bool(sort == h5t.REFERENCE)


class _References:
    """Writes the references in a copied file anew."""

    def __init__(self, source: h5g.GroupID, target: h5g.GroupID) -> None:
        self._source, self._target = source, target
        self._names = {h5o.get_info(source).addr: b"/"}
        h5o.visit(source, self._note)

    def _note(self, name: bytes) -> None:
        self._names.setdefault(h5o.get_info(self._source, name).addr, name)

    def renew(self) -> None:
        """Write all references again, each to what it refers to in the copy."""
        for name in self._names.values():
            old, new = h5o.open(self._source, name), h5o.open(self._target, name)
            for attribute in attribute_names(old):
                self._renew(h5a.open(old, attribute), h5a.open(new, attribute))
            if isinstance(old, h5d.DatasetID):
                self._renew_dataset(old, new)

    def _renew(self, old: Any, new: Any) -> None:
        if old.shape is not None and _has_references(old.get_type()):
            values = np.empty(old.shape, old.dtype)
            old.read(values)
            new.write(self._renewed(values))

    def _renew_dataset(self, old: Any, new: Any) -> None:
        if old.shape is not None and _has_references(old.get_type()):
            values = np.empty(old.shape, old.dtype)
            old.read(h5s.ALL, h5s.ALL, values)
            new.write(h5s.ALL, h5s.ALL, self._renewed(values))

    def _renewed(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The same values with references into the copy."""
        renewed = values.copy()
        if values.dtype.names:
            for field in values.dtype.names:
                if values.dtype[field].hasobject:
                    renewed[field] = self._renewed(values[field])
        elif values.dtype.hasobject:
            for index in np.ndindex(values.shape):
                renewed[index] = self._entry(values[index])
        return renewed

    def _entry(self, entry: Any) -> Any:
        if isinstance(entry, h5r.Reference):
            return self._reference(entry)
        return self._renewed(entry) if isinstance(entry, np.ndarray) and entry.dtype.hasobject else entry

    def _reference(self, reference: Any) -> Any:
        """The reference to the same in the copy; one to nothing, where what it led to was deleted."""
        name = self._name_of(reference) if reference else None
        if name is None:
            return type(reference)()
        if not isinstance(reference, h5r.RegionReference):
            return h5r.create(self._target, name, h5r.OBJECT)
        return h5r.create(self._target, name, h5r.DATASET_REGION, h5r.get_region(reference, self._source))

    def _name_of(self, reference: Any) -> bytes | None:
        """The name of what a reference leads to; None where that was deleted, for a reference keeps nothing alive."""
        try:
            return self._names.get(h5o.get_info(h5r.dereference(reference, self._source)).addr)
        except (ValueError, RuntimeError, KeyError, OSError):
            return None
