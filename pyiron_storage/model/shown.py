"""How storages and views show themselves: `print` gives a tree, a notebook shows it folded."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar

from pyiron_storage.errors import StorageError, UnsupportedOperationError

if TYPE_CHECKING:
    from pyiron_storage.looking.branches import Branch


class Shown:
    """What storages and views share: a tree as text and as HTML; `repr` stays one line."""

    _reading_makes_objects: ClassVar[bool] = False
    """Whether looking at what is inside would run code that is stored; then only the one line is shown."""

    @abstractmethod
    def _looking(self, path: str = "") -> AbstractContextManager[Branch]:
        """Look at it, or at a path in it, as one access.

        Raises
        ------
        PathNotFoundError
            If nothing is at the path.
        UnsupportedOperationError
            If looking inside would run stored code.
        """

    def _check_lookable(self, file: str) -> None:
        if self._reading_makes_objects:
            raise UnsupportedOperationError(
                f"{file}: a pickle runs code when it is read, so one cannot look inside. Load it where you "
                "trust it, and save it with the back-end 'hdf5' or 'json' to browse it."
            )

    def __str__(self) -> str:
        if self._reading_makes_objects:
            return repr(self)
        from pyiron_storage.looking.text import tree

        try:
            with self._looking() as branch:
                return tree(branch)
        except StorageError:  # closed or gone, as the one line says
            return repr(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: FBT001
        printer.text(repr(self) if cycle else str(self))

    def _repr_html_(self) -> str | None:
        if self._reading_makes_objects:
            return None
        from pyiron_storage.looking.html import fragment

        try:
            with self._looking() as branch:
                return fragment(branch)
        except StorageError:
            return None
