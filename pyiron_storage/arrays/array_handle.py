"""`ArrayHandle`: an array in a storage, read and written in part without loading it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Final

import numpy as np

from pyiron_storage.arrays.native_array import Array, Box, NativeArray, Selection, Shape, select
from pyiron_storage.errors import (
    ArrayIndexError,
    ArrayShapeError,
    NotStorableError,
    StorageAttributeError,
    StorageError,
)
from pyiron_storage.public import public

PIECE_BYTES: Final = 2**26
"""Values that must be converted are written in pieces of this size."""


_OWN: Final = ("_find", "_reading", "_changing", "_file", "path")
"""The attributes of a handle itself, set once."""


class ArrayHandle:
    """An array in a storage: `storage.array(path)` gives it.

    It is resolved at each use, as views are: it always shows the array that is at
    the path now.  An index of ints, slices and an ellipsis reads what it asks for
    and nothing else, where the back-end can; any other index reads the whole first.

    Parameters
    ----------
    find : callable
        Finds the array.
    reading, changing : callable
        Begin an access and a transaction.
    file, path : str
        The file, and the path in it.

    Examples
    --------
    >>> import numpy as np, pyiron_storage as ps
    >>> with ps.open_storage("run.h5") as storage:
    ...     storage["positions"] = np.zeros((2, 3))
    ...     positions = storage.array("positions")
    ...     positions[0, 1:] = [0.5, 1.0]
    ...     positions.append([[1, 2, 3], [4, 5, 6]])
    ...     positions.shape, positions[::3].tolist()
    ((4, 3), [[0.0, 0.5, 1.0], [4.0, 5.0, 6.0]])
    """

    def __init__(
        self,
        find: Callable[[], NativeArray],
        reading: Callable[[], AbstractContextManager[None]],
        changing: Callable[[], AbstractContextManager[None]],
        file: str,
        path: str,
    ) -> None:
        self._find, self._reading, self._changing, self._file = find, reading, changing, file
        self.path = path
        """The path in the storage."""

    @public
    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _OWN or name in self.__dict__:
            raise StorageAttributeError(
                f"{self._file}: no attribute of the handle on {self.path!r} can be set. Entries are written by their "
                "index, handle[...] = values, and its length by append and resize; for another array store a new one."
            )
        object.__setattr__(self, name, value)

    # -- what it is ------------------------------------------------------------

    @property
    def shape(self) -> Shape:
        """The length along each axis."""
        with self._reading():
            return self._find().shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the entries."""
        with self._reading():
            return self._find().dtype

    @property
    def chunks(self) -> Shape | None:
        """The shape of the pieces in which the array is stored; None where it is stored as one."""
        with self._reading():
            return self._find().chunks

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries."""
        return Box.whole(self.shape).size

    @property
    def nbytes(self) -> int:
        """The number of bytes of all entries, in memory."""
        with self._reading():
            return self._find().nbytes

    def __len__(self) -> int:
        shape = self.shape
        if not shape:
            raise TypeError(f"{self._file}: {self.path!r} is an array without axes and has no length")
        return shape[0]

    def __repr__(self) -> str:
        try:
            with self._reading():
                found = self._find()
        except StorageError:
            return f"<handle on the array {self.path!r} of {self._file!r}, which is gone>"
        chunks = f", chunks {found.chunks}" if found.chunks else ""
        return f"<handle on the array {self.path!r} of {self._file!r}: shape {found.shape}, {found.dtype}{chunks}>"

    # -- reading -----------------------------------------------------------------

    @public
    def __getitem__(self, key: Any) -> Any:
        """Return entries, as numpy gives them, in memory of their own; of a structure also fields, by their names.

        Raises
        ------
        ArrayIndexError
            If the index is outside the array.
        """
        with self._reading():
            array = self._find()
            selection = self._selection(key, array)
            if selection is None:
                return self._indexed(_whole(array), key)
            return array.read(selection.box)[selection.index]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:  # noqa: FBT001
        if copy is False:
            raise ValueError(f"{self._file}: {self.path!r} is an array in a storage; numpy cannot have it uncopied")
        array: Array = self[...]
        return array if dtype is None else array.astype(dtype, copy=False)

    # -- writing -----------------------------------------------------------------

    @public
    def __setitem__(self, key: Any, values: Any) -> None:
        """Write entries in place; committed when the line is done.

        Raises
        ------
        ArrayIndexError, ArrayShapeError
            If the index is outside the array, or the values do not fit; nothing is changed then.
        NotStorableError
            If the dtype of the array cannot hold the values.
        ReadOnlyError
            If the storage was opened for reading.
        """
        with self._changing():
            array = self._find()
            selection = self._selection(key, array)
            if selection is None:
                self._write_indexed(array, key, values)
            else:
                self._write(array, selection, self._entries(values, array.dtype))

    def _indexed(self, whole: Array, key: Any) -> Any:
        try:
            return whole[key]
        except (IndexError, ValueError, TypeError) as error:
            raise ArrayIndexError(f"{self._file}: {self.path!r}: the index {key!r} is none for it: {error}.") from error

    def _write_indexed(self, array: NativeArray, key: Any, values: Any) -> None:
        """Write by any index of numpy: a mask, numbers in a list, a new axis, the names of fields."""
        whole = _whole(array)
        entries = self._entries(values, np.asarray(self._indexed(whole, key)).dtype)
        try:
            whole[key] = entries
        except ValueError as error:
            raise ArrayShapeError(f"{self._file}: {self.path!r}: {error}.") from error
        array.write(Box.whole(array.shape), whole)

    @public
    def append(self, values: Any) -> None:
        """Add rows at the end of the first axis, in place where the back-end can.

        Parameters
        ----------
        values : array-like
            Rows, with the shape of the array but for the first axis; or one row.

        Raises
        ------
        ArrayShapeError
            If they have another shape, or the array has no axes.

        Examples
        --------
        >>> import pyiron_storage as ps, numpy as np
        >>> storage = ps.MemoryStorage()
        >>> storage["energies"] = np.array([-3.70, -3.72])
        >>> storage.array("energies").append(-3.73)
        >>> storage["energies"].tolist()
        [-3.7, -3.72, -3.73]
        """
        self._append(values)

    def _append(self, values: Any, *, are_rows: bool = False) -> None:
        with self._changing():
            array = self._find()
            length = self._length(array)
            rows = self._entries(values, array.dtype)
            rows = rows[np.newaxis] if rows.shape == array.shape[1:] and not are_rows else rows
            if rows.shape[1:] != array.shape[1:] or not rows.ndim:
                raise ArrayShapeError(
                    f"{self._file}: what is appended to {self.path!r} has the shape (n, *{array.shape[1:]}) or "
                    f"{array.shape[1:]}, and {rows.shape} was given."
                )
            for _, part in Box.rows(length, rows.shape).pieces(array.dtype.itemsize, PIECE_BYTES):
                array.append(np.ascontiguousarray(rows[part], array.dtype))

    @public
    def extend(self, rows: Iterable[Any]) -> None:
        """Add many rows at the end of the first axis as one change, which costs little more than one row.

        Parameters
        ----------
        rows : iterable of array-like
            Rows, each with the shape of the array but for the first axis; an array is one of its rows.

        Raises
        ------
        ArrayShapeError
            If they have another shape, or the array has no axes; nothing is changed then.

        Examples
        --------
        >>> import pyiron_storage as ps, numpy as np
        >>> storage = ps.MemoryStorage()
        >>> storage["positions"] = np.zeros((0, 2))
        >>> storage.array("positions").extend([step, 0.5 * step] for step in range(3))
        >>> storage["positions"].tolist()
        [[0.0, 0.0], [1.0, 0.5], [2.0, 1.0]]
        """
        given = rows if isinstance(rows, np.ndarray) else list(rows)
        if len(given):
            self._append(given, are_rows=True)

    @public
    def resize(self, length: int) -> None:
        """Set the length along the first axis; what is added is zeros.

        Parameters
        ----------
        length : int
            The new length.

        Raises
        ------
        ArrayShapeError
            If it is negative, or the array has no axes.
        """
        with self._changing():
            array = self._find()
            if length < 0:
                raise ArrayShapeError(f"{self._file}: {self.path!r} cannot have the length {length}.")
            if length != self._length(array):
                array.resize((int(length), *array.shape[1:]))

    def _length(self, array: NativeArray) -> int:
        if not array.shape:
            raise ArrayShapeError(f"{self._file}: {self.path!r} has no axes, so it cannot become longer or shorter.")
        return array.shape[0]

    def _selection(self, key: Any, array: NativeArray) -> Selection | None:
        try:
            return select(key, array.shape)
        except StorageError as error:
            raise type(error)(f"{self._file}: {self.path!r}: {error}.") from None

    def _write(self, array: NativeArray, selection: Selection | None, values: Array) -> None:
        assert selection is not None
        try:
            laid_out = selection.laid_out(values)
        except ArrayShapeError as error:
            raise ArrayShapeError(f"{self._file}: {self.path!r}: {error}.") from None
        if selection.box.size and array.dtype.itemsize:
            limit = laid_out.nbytes if laid_out.dtype == array.dtype and laid_out.flags.c_contiguous else PIECE_BYTES
            for box, rows in selection.box.pieces(array.dtype.itemsize, limit):
                piece = laid_out[rows] if laid_out.ndim else laid_out
                array.write(box, np.ascontiguousarray(piece, array.dtype).reshape(box.counts))

    def _entries(self, values: Any, dtype: np.dtype[Any]) -> Array:
        """The values as an array whose entries the dtype holds; numbers may become other numbers, as in numpy."""
        try:
            entries = _converted(values, dtype)
        except (ValueError, TypeError) as error:
            raise self._refusal(dtype, str(error)) from error
        if not _holds(dtype, entries.dtype):
            raise self._refusal(dtype, f"{entries.dtype} was given")
        is_longer = dtype.kind in "SU" and entries.dtype.itemsize > dtype.itemsize
        if is_longer and (dtype.itemsize or any(entries.reshape(-1).tolist())):
            raise self._refusal(dtype, f"{entries.dtype} would be cut off")
        if _is_whole(dtype) and not np.array_equal(_back(entries.astype(dtype), entries.dtype), entries):
            raise self._refusal(dtype, "numbers outside that were given")
        return entries

    def _refusal(self, dtype: np.dtype[Any], why: str) -> NotStorableError:
        return NotStorableError(
            f"{self._file}: the values cannot be written into the array {self.path!r} of {dtype}: {why}. Nothing was "
            "changed. Convert them first, or store a new array."
        )


def _whole(array: NativeArray) -> Array:
    """All of an array, also of one without axes, to be indexed and changed."""
    return np.array(array.read(Box.whole(array.shape)), array.dtype).reshape(array.shape)


def _converted(values: Any, dtype: np.dtype[Any]) -> Array:
    """What was given as an array: with the dtype itself where that says how it is meant."""
    if isinstance(values, (np.ndarray, np.void)):
        return np.asarray(values)
    if dtype.names is not None:
        return np.asarray(values, dtype)  # tuples are entries
    given = np.asarray(values)
    is_text = given.dtype.kind in "SU"  # which numpy may take for dates
    return np.asarray(values, dtype) if is_text and dtype.kind in "mM" else given


def _is_whole(dtype: np.dtype[Any]) -> bool:
    """Whether the entries are whole numbers, of numpy or of a package."""
    return dtype.kind in "iu" or (dtype.isbuiltin == _OF_PACKAGE and "int" in dtype.name)


def _back(entries: Array, dtype: np.dtype[Any]) -> Array:
    """Entries as what they were made of, where a package defines them: numpy cannot compare them otherwise."""
    return entries.astype(dtype) if entries.dtype.isbuiltin == _OF_PACKAGE else entries


_OF_PACKAGE: Final = 2
"""What `numpy.dtype.isbuiltin` is where a package has registered the dtype."""


def _holds(dtype: np.dtype[Any], given: np.dtype[Any]) -> bool:
    """Whether numbers of one dtype may become numbers of another: not floats integers, not numbers text."""
    if dtype.names is not None or given.names is not None:
        return dtype == given or (dtype.names == given.names and bool(np.can_cast(given, dtype, "same_kind")))
    if dtype.isbuiltin == _OF_PACKAGE and given.kind in "biuf":
        return True
    if dtype.kind in "SU" and given.kind in "SU":
        return dtype.kind == given.kind
    if dtype.kind in "iu" and given.kind in "iu":
        return True
    return bool(np.can_cast(given, dtype, "same_kind"))
