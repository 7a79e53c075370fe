"""How many bytes the arrays of a group, an object or a value have, without reading them."""

from __future__ import annotations

from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.paths import Name, split


def bytes_of_arrays(group: GenericStorage, path: str = "") -> int:
    """The bytes of all arrays at a path; 0 where they are not known, as in a part of an object.

    Examples
    --------
    >>> import numpy as np, pyiron_storage as ps
    >>> storage = ps.MemoryStorage()
    >>> storage["run"] = {"forces": np.zeros((10_000, 3)), "name": "relax"}
    >>> storage["nodes/positions"] = np.zeros((5, 3))
    >>> bytes_of_arrays(storage), bytes_of_arrays(storage, "nodes")
    (240120, 120)
    """
    parts = split(path)
    for part in parts[:-1]:
        if type(part) is not str or not group._has_group(part):
            return 0
        group = group[Name(part)]
    if parts and group._has_node(parts[-1]):
        found = group._info(Name(parts[-1]))
        return found.size if found.kind == "array" else 0
    if not parts:
        return _all(group)
    return _all(group[Name(parts[-1])]) if group._has_group(parts[-1]) else 0


def _all(group: GenericStorage) -> int:
    if group._is_foreign:
        return 0
    found = [group._info(Name(name)) for name in group.list_nodes() if name != "record"]
    inside = sum(_all(group[Name(name)]) for name in group.list_groups())
    return inside + sum(one.size for one in found if one.kind == "array")
