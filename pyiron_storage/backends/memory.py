"""`MemoryStorage`: a storage in the memory of the process.

What is stored is a copy: what is changed afterwards, or in what comes back, does
not change it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pyiron_storage.backends.json_values import check_native
from pyiron_storage.session import Location
from pyiron_storage.storage import GenericStorage

Tree = dict[str, Any]
"""Name -> value, or a `Tree` for a group."""


class MemoryStorage(GenericStorage):
    """A storage that lives as long as the process.

    Parameters
    ----------
    cloudpickle_fallback : bool
        Whether code that cannot be imported is kept as cloudpickle bytes, or refused.

    Examples
    --------
    >>> import numpy as np
    >>> storage = MemoryStorage()
    >>> storage["forces"] = np.zeros((2, 3))
    >>> storage["forces"].shape
    (2, 3)
    """

    def __init__(self, *, cloudpickle_fallback: bool = True) -> None:
        self._become(SharedTree({}), ())
        self._start("memory", cloudpickle_fallback=cloudpickle_fallback)

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
        return found.copy() if isinstance(found, np.ndarray) else found

    def _set(self, name: str, value: Any) -> None:
        check_native(value)
        self._shared.remember(self._tree, str(name))
        self._tree[str(name)] = value.copy(order="K") if isinstance(value, np.ndarray) else value

    def __delitem__(self, name: str) -> None:
        self._shared.remember(self._tree, str(name))
        del self._tree[name]

    def create_group(self, name: str) -> MemoryStorage:
        if not isinstance(self._tree.get(name), dict):
            self._shared.remember(self._tree, str(name))
            self._tree[str(name)] = {}
        return self._inside(name)

    def list_nodes(self) -> list[str]:
        return [name for name, value in self._tree.items() if not isinstance(value, dict)]

    def list_groups(self) -> list[str]:
        return [name for name, value in self._tree.items() if isinstance(value, dict)]

    def _has_node(self, name: str) -> bool:
        return name in self._tree and not isinstance(self._tree[name], dict)

    def _has_group(self, name: str) -> bool:
        return isinstance(self._tree.get(name), dict)

    def _commit(self) -> None:
        self._shared.commit()

    def _rollback(self) -> None:
        self._shared.rollback()


class SharedTree:
    """What all groups of one storage share: the tree, and how to take changes back."""

    def __init__(self, root: Tree) -> None:
        self.root = root
        self._undo: list[tuple[Tree, str, Tree | None]] = []

    def remember(self, tree: Tree, name: str) -> None:
        """Note what is about to change: all of a group where a name in it is replaced, for the order of its names."""
        self._undo.append((tree, name, dict(tree) if name in tree else None))

    def clear(self) -> None:
        """Empty the tree."""
        for name in list(self.root):
            self.remember(self.root, name)
            del self.root[name]

    def commit(self) -> None:
        """Make the changes last."""
        self._undo.clear()

    def rollback(self) -> None:
        """Take the changes back, the last one first."""
        while self._undo:
            tree, name, before = self._undo.pop()
            if before is None:
                tree.pop(name, None)
            else:
                tree.clear()
                tree.update(before)
