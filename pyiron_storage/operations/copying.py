"""`copy`: from file to file and from back-end to back-end, without any class of what is stored.

What a record consists of, its document, its bytes and its arrays, is copied as it
is; whatever else lies in its group goes with it. Big arrays go in pieces.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from pyiron_storage.arrays.memory_layout import given
from pyiron_storage.arrays.native_array import Array, Box, NativeArray
from pyiron_storage.backends.registry import Backend, backends, in_object
from pyiron_storage.errors import StorageExistsError, UnsupportedOperationError
from pyiron_storage.files.locks import TIMEOUT
from pyiron_storage.model.array_sizes import bytes_of_arrays
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.model.views import View
from pyiron_storage.paths import METADATA, SIGNATURE, Name, check_name, escape, join, split
from pyiron_storage.progress import COPIED, Progress, expect, note, progress_of
from pyiron_storage.public import public

PIECE_BYTES: Final = 2**24
"""A larger array is copied in pieces of about this size."""


@public
def copy(
    source: str | os.PathLike[str] | GenericStorage,
    target: str | os.PathLike[str] | GenericStorage,
    path: str = "",
    target_path: str | None = None,
    *,
    backend: str | Backend | None = None,
    target_backend: str | Backend | None = None,
    replace: bool = False,
    compression: str | tuple[str, int] | None = None,
    durability: str = "power",
    locking: bool = True,
    timeout: float = TIMEOUT,
    progress: Progress = None,
) -> None:
    """Copy a file, or what is at a path in it, to another file, of the same or another back-end.

    No class is imported and no stored code runs. The target has all of it or, where
    something goes wrong, none.

    Parameters
    ----------
    source, target : path-like or storage
        The files, or storages that are open already. The target may exist.
    path : str
        What to copy; without it everything.
    target_path : str, optional
        Where to; without it to the same path.
    backend, target_backend : str or Backend, optional
        The back-ends where the suffixes do not say them.
    replace : bool
        Whether what is there in the target already is replaced; otherwise it is refused.
    compression, durability, locking, timeout
        As for `save`, for a target that is not open yet.
    progress : bool or callable, optional
        As for `save`; what is counted are the bytes of arrays.

    Raises
    ------
    StorageNotFoundError, PathNotFoundError
        If there is no such file, or nothing at the path.
    StorageExistsError
        If something is in the target already and `replace` is False.
    UnsupportedOperationError
        If one of them is a pickle file, which has nothing that could be copied.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> ps.save({"energy": -3.72, "cell": [3.6, 3.6]}, "a.h5")
    >>> ps.copy("a.h5", "a.jsondir")
    >>> ps.load("a.jsondir")
    {'energy': -3.72, 'cell': [3.6, 3.6]}
    >>> ps.copy("a.h5", "parts.json", "cell", "cells/copper")
    >>> ps.load("parts.json", "cells/copper")
    [3.6, 3.6]
    """
    with contextlib.ExitStack() as stack:
        name = source._session.file if isinstance(source, GenericStorage) else source
        stack.enter_context(progress_of(progress, "copying", name, COPIED))
        old = _opened(stack, source, backend, "r", {"locking": locking, "timeout": timeout})
        options = {"compression": compression, "durability": durability, "locking": locking, "timeout": timeout}
        new = _opened(stack, target, target_backend, "a", options)
        for storage in (old, new):
            if storage._reading_makes_objects:
                raise UnsupportedOperationError(
                    f"{storage._session.file}: a pickle file holds one object that only running it shows, so nothing "
                    "can be copied from or to it. Load it where you trust it, and save it anew."
                )
        stack.enter_context(old._session.access)
        stack.enter_context(new.transaction())
        old._session.flush()
        to = path if target_path is None else target_path
        Copy(replace=replace).run(old, in_object(old, path, loading=True) if path else "", new, to)


def _opened(
    stack: contextlib.ExitStack,
    storage: str | os.PathLike[str] | GenericStorage,
    backend: str | Backend | None,
    mode: str,
    options: dict[str, Any],
) -> GenericStorage:
    if isinstance(storage, GenericStorage):
        return storage
    return stack.enter_context(backends.find(backend, storage).open(storage, mode, **options))


class Copy:
    """One copying, which replaces what is there, or does not."""

    def __init__(self, *, replace: bool) -> None:
        self._replace = replace

    def run(self, source: GenericStorage, path: str, target: GenericStorage, target_path: str) -> None:
        """Copy what is at one path to another."""
        _refuse_overlap(source, path, target, target_path)
        if not path:
            expect(COPIED, lambda: bytes_of_arrays(source))
            self._all(source, self._room(target, target_path) if target_path else target)
            return
        group, rest = source._existing(split(path))
        if isinstance(group, View):
            self._part(group, rest, target, target_path)
            return
        if len(rest) > 1 or type(rest[0]) is not str or not group._has(rest[0]):
            raise group._missing(rest[0])
        name = Name(rest[0])
        expect(COPIED, lambda: bytes_of_arrays(group, escape(name)))
        into, to = self._place(target, target_path)
        self._one(group, name, into, to)

    # -- where to ---------------------------------------------------------------------

    def _place(self, target: GenericStorage, path: str) -> tuple[GenericStorage, Name]:
        """The group in the target that something goes into, and a name there that is free."""
        parts = split(path)
        group, rest = target._existing(parts)
        if isinstance(group, View):
            raise UnsupportedOperationError(
                f"{target._session.file}: {group.path!r} is inside an object, into which only a part of another object "
                "can be copied. Choose a path outside it."
            )
        for part in rest:
            check_name(part)
        for part in rest[:-1]:
            group = group.create_group(Name(part))
        self._make_free(group, rest[-1])
        return group, Name(rest[-1])

    def _make_free(self, group: GenericStorage, name: str) -> None:
        if group._has(name):
            if not self._replace:
                raise StorageExistsError(
                    f"{group._session.file}: there is something at {join((*group._location, name))!r} already. Copy to "
                    "another path, or say replace=True (on the command line --replace)."
                )
            group._remove(Name(name))

    def _room(self, target: GenericStorage, path: str) -> GenericStorage:
        """An empty group at a path."""
        group, name = self._place(target, path)
        return group.create_group(name)

    # -- what ---------------------------------------------------------------------------

    def _part(self, view: View, parts: list[str], target: GenericStorage, target_path: str) -> None:
        """Copy a part of an object, with all that it refers to, as an object of its own."""
        found = view._item(parts) if parts else view
        if target_path in target and not self._replace:
            raise StorageExistsError(
                f"{target._session.file}: there is something at {target_path!r} already. Copy to another path, or say "
                "replace=True (on the command line --replace)."
            )
        target._save(target_path, found, replace=self._replace)

    def _all(self, source: GenericStorage, target: GenericStorage) -> None:
        """Copy everything in a group."""
        for name in _names(source):
            self._make_free(target, name)
            self._one(source, Name(name), target, Name(name))

    def _one(self, source: GenericStorage, name: Name, target: GenericStorage, to: Name) -> None:
        """Copy one node, group or object to a name that is free."""
        if source._has_node(name):
            self._node(source, name, target, to)
            return
        group = source[name]
        if group._is_foreign or (group._session.in_memory and group._has_record()):
            target[escape(str(to))] = source._child(str(name))
        elif group._has_record():
            self._record(group, target.create_group(to))
        else:
            self._all(group, target.create_group(to))

    def _record(self, source: GenericStorage, target: GenericStorage) -> None:
        """Copy what a record consists of as it stands, whatever it is."""
        for name in map(Name, source.list_nodes()):
            found = source._info(name) if name != "record" else None
            if found is None or found.type == "str":
                target._write_text(name, source._read_text(name))
            elif found.kind == "array":
                self._array(source._open_array(name), target, name)
            else:
                target._set(name, source[name])
        for name in map(Name, source.list_groups()):
            self._record(source[name], target.create_group(name))

    def _node(self, source: GenericStorage, name: Name, target: GenericStorage, to: Name) -> None:
        found = source._info(name)
        if found.kind == "array" and found.size > PIECE_BYTES:
            self._array(source._open_array(name), target, to)
        else:
            target._put(to, target._prepare(str(to), source[name]))
            note(COPIED, found.size if found.kind == "array" else 0)

    def _array(self, source: NativeArray, target: GenericStorage, name: Name) -> None:
        """Copy an array; of a big one only a piece at a time is in memory."""
        if source.nbytes <= PIECE_BYTES:
            target._put(name, source.read(Box.whole(source.shape)))
            note(COPIED, source.nbytes)
            return
        try:
            new = None if source.readonly else target._new_array(name, source.dtype, source.shape)
        except TypeError:  # the back-end does not hold it natively, so it becomes an object there
            new = None
        if new is None:
            with _on_disk(source) as whole:
                target._put(name, whole)
            note(COPIED, source.nbytes)
            return
        for box in _pieces(source, new.chunks[0] if new.chunks else 1):
            new.write(box, np.ascontiguousarray(source.read(box)))
            note(COPIED, box.size * source.dtype.itemsize)


def _names(group: GenericStorage) -> list[str]:
    """All names in a group, those of its metadata and its signature among them."""
    reserved = [name for name in (METADATA, SIGNATURE) if group._has_node(name) or group._has_group(name)]
    return [*reserved, *group.list_nodes(), *group.list_groups()]


def _pieces(array: NativeArray, rows_of_a_chunk: int) -> Iterator[Box]:
    """Cut an array along its first axis into pieces of whole chunks."""
    if not array.in_parts:
        yield Box.whole(array.shape)
        return
    rows = array.shape[0]
    step = max(1, PIECE_BYTES * rows // array.nbytes)
    step = max(rows_of_a_chunk, step // rows_of_a_chunk * rows_of_a_chunk)
    rest = len(array.shape) - 1
    for first in range(0, rows, step):
        counts = (min(step, rows - first), *array.shape[1:])
        yield Box((first, *(0,) * rest), counts, (1,) * (rest + 1))


@contextlib.contextmanager
def _on_disk(source: NativeArray) -> Iterator[Array]:
    """An array as a memory map: of the file itself, or of a temporary one."""
    mapped = source.map() if source.chunks is None or not source.in_parts else None
    if mapped is not None:
        yield _as_read_only(np.asarray(mapped), kept=source.readonly)
        return
    with tempfile.TemporaryFile() as file:
        scratch = np.memmap(file, source.dtype, "w+", shape=source.shape)
        for box in _pieces(source, 1):
            scratch[box.slices] = source.read(box)
        yield _as_read_only(np.asarray(scratch), kept=source.readonly)


def _as_read_only(array: Array, *, kept: bool) -> Array:
    """A read-only view of an array, which it stays when it is stored, or is not."""
    if not kept:
        return given(array)
    view: Array = array[...]
    view.flags.writeable = False
    return view


def _refuse_overlap(source: GenericStorage, path: str, target: GenericStorage, target_path: str) -> None:
    """Refuse to copy something onto itself or into itself."""
    is_same = source._session.shared is target._session.shared  # which all handles on one file have in common
    there = [*target._location, *split(target_path)]
    here = [*source._location, *split(path)]
    if is_same and (there[: len(here)] == here or here[: len(there)] == there):
        raise UnsupportedOperationError(
            f"{source._session.file}: {join(here) or 'everything'} cannot be copied to {join(there) or 'itself'}, "
            "which is the same, inside it, or around it. Choose another path."
        )
