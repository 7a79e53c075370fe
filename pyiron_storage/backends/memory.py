"""`MemoryStorage`: a storage in the memory of the process.

What is stored is a copy: what is changed afterwards, or in what comes back, does
not change it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pyiron_storage.backends.json_values import check_native
from pyiron_storage.session import Session
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
        self._become({}, "/", [])
        self._own_session = Session(self, "memory", options={"cloudpickle_fallback": cloudpickle_fallback})

    def _become(self, tree: Tree, name: str, undo: list[tuple[Tree, Tree]]) -> MemoryStorage:
        self._tree, self._name, self._undo = tree, name, undo
        return self

    def _inside(self, tree: Tree, name: str) -> MemoryStorage:
        group = MemoryStorage.__new__(MemoryStorage)
        return group._become(tree, str(name), self._undo)

    @property
    def name(self) -> str:
        return self._name

    def __getitem__(self, name: str) -> Any:
        found = self._tree[name]
        if isinstance(found, dict):
            return self._inside(found, name)
        return found.copy() if isinstance(found, np.ndarray) else found

    def _set(self, name: str, value: Any) -> None:
        check_native(value)
        self._remember(name)
        self._tree[str(name)] = value.copy(order="K") if isinstance(value, np.ndarray) else value

    def __delitem__(self, name: str) -> None:
        self._remember(name)
        del self._tree[name]

    def create_group(self, name: str) -> MemoryStorage:
        if not isinstance(self._tree.get(name), dict):
            self._remember(name)
            self._tree[str(name)] = {}
        return self._inside(self._tree[name], name)

    def list_nodes(self) -> list[str]:
        return [name for name, value in self._tree.items() if not isinstance(value, dict)]

    def list_groups(self) -> list[str]:
        return [name for name, value in self._tree.items() if isinstance(value, dict)]

    def _has_node(self, name: str) -> bool:
        return name in self._tree and not isinstance(self._tree[name], dict)

    def _has_group(self, name: str) -> bool:
        return isinstance(self._tree.get(name), dict)

    def _remember(self, name: str) -> None:
        """Note how to take back a change under `name`: the tree, and what it held, in order where one goes."""
        known = dict(self._tree) if name in self._tree else {str(name): _ABSENT}
        self._undo.append((self._tree, known))

    def _commit(self) -> None:
        self._undo.clear()

    def _rollback(self) -> None:
        while self._undo:
            tree, known = self._undo.pop()
            if _ABSENT in known.values():
                for name in known:
                    tree.pop(name, None)
            else:
                tree.clear()
                tree.update(known)


class _Absent:
    """Stands for a name that was not there."""


_ABSENT = _Absent()
