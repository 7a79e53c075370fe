"""`MemoryStorage`: a storage in the memory of the process.

What is stored is a copy: what is changed afterwards, or in what comes back, does
not change it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from pyiron_storage.arrays.memory_layout import copied, is_fortran, stays_read_only
from pyiron_storage.arrays.native_array import Array, Box, NativeArray, Shape, resized
from pyiron_storage.backends.json_values import check_native
from pyiron_storage.files.interrupts import never_interrupted
from pyiron_storage.model.session import Location
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.trusting.admission import Trust

Tree = dict[str, Any]
"""Name -> value, or a `Tree` for a group."""


class MemoryStorage(GenericStorage):
    """A storage that lives as long as the process.

    Parameters
    ----------
    cloudpickle_fallback : bool
        Whether code that cannot be imported is kept as cloudpickle bytes, or refused.
    trust
        As for `open_storage`.

    Examples
    --------
    >>> import numpy as np
    >>> storage = MemoryStorage()
    >>> storage["forces"] = np.zeros((2, 3))
    >>> storage["forces"].shape
    (2, 3)
    """

    def __init__(self, *, cloudpickle_fallback: bool = True, trust: Trust = None) -> None:
        self._become(SharedTree({}), ())
        self._start("memory", in_memory=True, cloudpickle_fallback=cloudpickle_fallback, trust=trust)

    def _become(self, shared: SharedTree, names: Location) -> MemoryStorage:
        self._shared, self._names = shared, names
        return self

    def _inside(self, name: str) -> MemoryStorage:
        group = MemoryStorage.__new__(MemoryStorage)
        return group._become(self._shared, (*self._names, str(name)))

    @property
    def name(self) -> str:
        return self._names[-1] if self._names else "/"

    @property
    def _tree(self) -> Tree:
        """What this group holds, looked up at each use: it may be gone."""
        tree = self._shared.root
        for name in self._names:
            tree = tree[name]
            if not isinstance(tree, dict):
                raise KeyError(name)
        return tree

    def __getitem__(self, name: str) -> Any:
        found = self._tree[name]
        if isinstance(found, dict):
            return self._inside(name)
        return copy_of(found) if isinstance(found, np.ndarray) else found

    def _set(self, name: str, value: Any) -> None:
        check_native(value)
        self._shared.put(self._tree, str(name), copy_of(value) if isinstance(value, np.ndarray) else value)

    def __delitem__(self, name: str) -> None:
        self._shared.remove(self._tree, str(name))

    def create_group(self, name: str) -> MemoryStorage:
        if not isinstance(self._tree.get(name), dict):
            self._shared.put(self._tree, str(name), {})
        return self._inside(name)

    def list_nodes(self) -> list[str]:
        return [name for name, value in self._tree.items() if not isinstance(value, dict)]

    def list_groups(self) -> list[str]:
        return [name for name, value in self._tree.items() if isinstance(value, dict)]

    def _has_node(self, name: str) -> bool:
        return name in self._tree and not isinstance(self._tree[name], dict)

    def _has_group(self, name: str) -> bool:
        return isinstance(self._tree.get(name), dict)

    def _open_array(self, name: str) -> NativeArray:
        return MemoryArray(self._shared, self._tree, str(name))

    def _commit(self) -> None:
        self._shared.commit()

    def _rollback(self) -> None:
        self._shared.rollback()


class SharedTree:
    """What all groups of one storage share: the tree, and how to take changes back."""

    def __init__(self, root: Tree) -> None:
        self.root = root
        self._undo: list[Callable[[], None]] = []
        self._kept: set[int] = set()

    @never_interrupted
    def put(self, tree: Tree, name: str, value: Any) -> None:
        """Put a value or an empty group under a name."""
        if id(tree) not in self._kept:
            old = tree.get(name, _ABSENT)
            self._undo.append(lambda: tree.pop(name) if old is _ABSENT else tree.__setitem__(name, old))
        tree[name] = value

    @never_interrupted
    def change(self, array: Array, part: tuple[slice, ...], block: Array) -> None:
        """Put entries into an array of the tree."""
        old, changeable = array[part].copy(), array.flags.writeable
        array.flags.writeable = True  # read-only is what comes out of the storage

        def put_back() -> None:
            array.flags.writeable = True
            array[part] = old
            array.flags.writeable = changeable

        self._undo.append(put_back)
        array[part] = block
        array.flags.writeable = changeable

    @never_interrupted
    def remove(self, tree: Tree, name: str) -> None:
        """Take a name out; the whole group is kept once, for the order of its names."""
        if id(tree) not in self._kept:
            before = dict(tree)
            self._kept.add(id(tree))
            self._undo.append(lambda: _become(tree, before))
        del tree[name]

    def clear(self) -> None:
        """Empty the tree."""
        for name in list(self.root):
            self.remove(self.root, name)

    def commit(self) -> None:
        """Make the changes last."""
        self._undo.clear()
        self._kept.clear()

    def rollback(self) -> None:
        """Take the changes back, the last one first."""
        while self._undo:
            self._undo.pop()()
        self._kept.clear()


class MemoryArray(NativeArray):
    """An array of the tree, read and written in place."""

    def __init__(self, shared: SharedTree, tree: Tree, name: str) -> None:
        self._shared, self._tree, self._name = shared, tree, name
        self._array: Array = tree[name]
        self.dtype, self.shape, self.readonly = self._array.dtype, self._array.shape, not self._array.flags.writeable

    def read(self, box: Box) -> Array:
        part: Array = self._array[box.slices]
        return part.copy("F" if is_fortran(self._array) else "C")

    def write(self, box: Box, block: Array) -> None:
        self._shared.change(self._array, box.slices, block)

    def resize(self, shape: Shape) -> None:
        self._array = resized(self._array, shape)
        self._shared.put(self._tree, self._name, self._array)
        self.shape = shape


def copy_of(array: Array) -> Array:
    """An array in memory of its own: in its order, and read-only where it was."""
    copy = copied(array.T).T if is_fortran(array) else copied(array)
    copy.flags.writeable = not stays_read_only(array)
    return copy


def _become(tree: Tree, before: Tree) -> None:
    tree.clear()
    tree.update(before)


_ABSENT: Final = object()
