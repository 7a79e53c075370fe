"""`browse`: look at a file, as a tree that prints, and that folds in a notebook."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyiron_storage.backends.registry import Backend, at_path, backends
from pyiron_storage.looking.branches import Branch
from pyiron_storage.looking.html import fragment, page
from pyiron_storage.looking.text import tree
from pyiron_storage.paths import join, split
from pyiron_storage.public import public


class Browser:
    """A look at a file, or at a path in it; it is opened for each look and closed again.

    Parameters
    ----------
    filename : path-like
        The file or directory.
    path : str
        Where in it to begin.
    backend : str or Backend, optional
        The back-end where the suffix does not say it.
    **options
        As for `open_storage`.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> ps.save({"name": "relax", "cell": {"a": 3.6}}, "relax.h5")
    >>> ps.browse("relax.h5")["object/cell"]
    cell  dict, 1 entry
    └─ a  float  3.6
    """

    def __init__(
        self, filename: str | os.PathLike[str], path: str = "", backend: str | Backend | None = None, **options: Any
    ) -> None:
        self._filename, self._path = filename, path
        self._backend, self._options = backends.find(backend, filename), options

    @contextmanager
    def look(self) -> Iterator[Branch]:
        """Open the file and give the branch at the path, as long as a ``with`` block lasts."""
        with (
            self._backend.open(self._filename, "r", **self._options) as storage,
            storage._looking(at_path(storage, self._path)) as branch,
        ):
            yield branch

    def __getitem__(self, path: str) -> Browser:
        """Look at what is at a path below."""
        below = join([*split(self._path), *split(path)])
        found = Browser(self._filename, below, self._backend, **self._options)
        with found.look():
            return found

    def _ipython_key_completions_(self) -> list[str]:
        with self.look() as branch:
            return [child.name for child in branch.children()]

    def tree(self, **limits: int) -> str:
        """The tree as text; `depth`, `lines` and `entries` say how much of it."""
        with self.look() as branch:
            return tree(branch, **limits)

    def page(self, **limits: int) -> str:
        """The tree as a page of HTML that needs nothing else; `depth`, `lines` and `entries` say how much of it."""
        with self.look() as branch:
            name = os.fspath(self._filename)
            return page(branch, f"{name}: {self._path}" if self._path else name, **limits)

    def __repr__(self) -> str:
        return self.tree()

    def _repr_html_(self) -> str:
        with self.look() as branch:
            return fragment(branch)


@public
def browse(
    filename: str | os.PathLike[str], path: str = "", *, backend: str | Backend | None = None, **options: Any
) -> Browser:
    """Look at what is in a file: a tree that prints, and that folds and unfolds in a notebook.

    Nothing is imported and no stored code runs, and only what is shown is read, so
    that one can look at any file, of any size, from anywhere.

    Parameters
    ----------
    filename : path-like
        The file or directory.
    path : str
        Where in it to begin; without it at the top.
    backend : str or Backend, optional
        The back-end where the suffix does not say it.
    **options
        ``locking`` and ``timeout``, as for `load`.

    Returns
    -------
    Browser
        It prints as a tree; ``[path]`` goes on to what is at a path, and ``page()``
        gives a page of HTML.

    Raises
    ------
    StorageNotFoundError
        If there is no such file.
    PathNotFoundError
        If there is nothing at the path.
    UnsupportedOperationError
        If it is a pickle, which would run code.

    Examples
    --------
    >>> import numpy as np, pyiron_storage as ps
    >>> ps.save({"energy": -3.72, "steps": [1, 2, 3], "forces": np.zeros((4, 3))}, "relax.h5")
    >>> ps.browse("relax.h5")
    relax.h5  HDF5Storage, 1 entry
    └─ object  dict, 3 entries
       ├─ energy  float  -3.72
       ├─ steps   list, 3 entries  1, 2, 3
       └─ forces  float64 (4, 3), 96 B  0, 0, 0, …
    """
    found = Browser(filename, path, backend, **options)
    with found.look():
        return found
