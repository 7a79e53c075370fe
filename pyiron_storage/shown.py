"""How storages and views show themselves: `print` gives a tree, a notebook shows it folded."""

from __future__ import annotations

from typing import Any, ClassVar

from pyiron_storage.errors import StorageError


class Shown:
    """What storages and views share: a tree as text and as HTML; `repr` stays one line."""

    _reading_makes_objects: ClassVar[bool] = False
    """Whether looking at what is inside would run code that is stored; then only the one line is shown."""

    def __str__(self) -> str:
        if self._reading_makes_objects:
            return repr(self)
        from pyiron_storage.looking.branches import looking_at
        from pyiron_storage.looking.text import tree

        try:
            with looking_at(self) as branch:
                return tree(branch)
        except StorageError:  # closed or gone, as the one line says
            return repr(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: FBT001
        printer.text(repr(self) if cycle else str(self))

    def _repr_html_(self) -> str | None:
        if self._reading_makes_objects:
            return None
        from pyiron_storage.looking.branches import looking_at
        from pyiron_storage.looking.html import fragment

        try:
            with looking_at(self) as branch:
                return fragment(branch)
        except StorageError:
            return None
