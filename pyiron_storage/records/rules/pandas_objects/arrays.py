"""The extension arrays: what stands in a column or an index that is no array of numpy."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, Final

import numpy as np

from pyiron_storage.records.columns.kinds.utf8 import Texts, joined
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node
from pyiron_storage.records.rules.pandas_objects.arrow_texts import arrow_array, held_by_arrow, whole_texts
from pyiron_storage.records.rules.pandas_objects.frequencies import alias_of, period_alias, with_frequency
from pyiron_storage.records.rules.pandas_objects.library import library, plain_array, register, unflagged
from pyiron_storage.records.rules.pieces import Pieces, PiecesRule, given, require, restored

Array = np.ndarray[Any, Any]


def are_codes(codes: Any, length: int) -> bool:
    """Whether every entry of an array numbers one of `length` things or is -1; pandas would read beyond the end."""
    fits = isinstance(codes, np.ndarray) and codes.dtype.kind == "i" and codes.ndim == 1
    return fits and (codes.size == 0 or (int(codes.min()) >= -1 and int(codes.max()) < length))


def _take_moments(array: Any) -> Pieces:
    """``{"$":"datetimes","nodes":{"values":...}}``, in UTC; ``zone`` and ``freq``. ``timedeltas`` have no zone."""
    values = array.asi8.view(f"{array.dtype.kind}8[{array.unit}]")
    freq = alias_of(getattr(array, "freq", None))
    return {"values": values, **given(zone=getattr(array, "tz", None), freq=freq)}


def _make_datetimes(values: Array, zone: Any = None, freq: Any = None) -> Any:
    require(values.dtype.kind == "M", "the values are no times")
    index = library().DatetimeIndex(values, copy=False)
    if zone is not None:
        index = index.tz_localize("UTC").tz_convert(zone)
    return index.array if freq is None else with_frequency(index.array, freq)


def _make_timedeltas(values: Array, freq: Any = None) -> Any:
    require(values.dtype.kind == "m", "the values are no durations")
    array = library().TimedeltaIndex(values, copy=False).array
    return array if freq is None else with_frequency(array, freq)


def _take_periods(array: Any) -> Pieces | None:
    """``{"$":"periods","nodes":{"values":...,"freq":"M"}}``; the values are ordinals."""
    freq = period_alias(array.dtype)
    return None if freq is None else {"values": array.asi8, "freq": freq}


def _make_periods(values: Array, freq: str) -> Any:
    pandas = library()
    require(values.dtype == np.int64, "the ordinals are no integers")
    return pandas.arrays.PeriodArray(values, dtype=pandas.PeriodDtype(freq))


def _take_intervals(array: Any) -> Pieces:
    """``{"$":"intervals","nodes":{"left":...,"right":...,"closed":"right"}}``."""
    return {"left": plain_array(array.left.array), "right": plain_array(array.right.array), "closed": array.closed}


def _make_intervals(left: Any, right: Any, closed: str) -> Any:
    return library().arrays.IntervalArray.from_arrays(left, right, closed=closed)


def _take_categorical(array: Any) -> Pieces:
    """``{"$":"categorical","nodes":{"codes":...,"categories":...}}``, and ``"ordered":true``."""
    return {"codes": unflagged(array.codes), "categories": array.categories, **given(ordered=array.ordered or None)}


def _make_categorical(codes: Array, categories: Any, *, ordered: bool = False) -> Any:
    pandas = library()
    require(isinstance(categories, pandas.Index) and are_codes(codes, len(categories)), "the codes do not fit")
    dtype = pandas.CategoricalDtype()
    # As pickle does: in a cycle the categories are filled only later, so they cannot be looked at now.
    dtype.__setstate__({"categories": categories, "ordered": ordered})
    return pandas.Categorical.from_codes(codes, dtype=dtype, validate=False)


def _take_masked(array: Any) -> Pieces | None:
    """``{"$":"masked","nodes":{"values":...}}``, and ``mask`` where something is missing."""
    values, mask = getattr(array, "_data", None), getattr(array, "_mask", None)
    if type(values) is not np.ndarray or type(mask) is not np.ndarray:
        return None
    return {"values": values, **given(mask=mask if mask.any() else None)}


def _make_masked(values: Array, mask: Array | None = None) -> Any:
    arrays = library().arrays
    kinds = {"b": arrays.BooleanArray, "f": arrays.FloatingArray}
    mask = np.zeros(values.shape, bool) if mask is None else mask
    return kinds.get(values.dtype.kind, arrays.IntegerArray)(values, mask)


def _take_strings(array: Any) -> Pieces | None:
    """``{"$":"strings","nodes":{"values":["a",""],"mask":...}}``; ``mask`` where some are missing.

    ``"missing":"NA"`` where the dtype has that for them, and ``storage`` where it is not what the dtype has anyway.
    """
    missing = np.asarray(array.isna())
    mask = missing if missing.any() else None
    values = held_by_arrow(array, mask) or _listed(array, mask)
    if values is None:
        return None
    kind = "NA" if array.dtype.na_value is library().NA else None
    storage = array.dtype.storage if array.dtype.storage != _usual_storage(kind) else None
    return {"values": values, **given(mask=mask, missing=kind, storage=storage)}


def _listed(array: Any, mask: Array | None) -> Texts | list[str] | None:
    """The texts of an array, an empty one where one is missing; None where it holds something else.

    As a list where some are no valid Unicode.
    """
    texts = np.asarray(array, dtype=object)
    if mask is not None:
        texts = texts.copy()
        texts[mask] = ""
    values: list[str] = texts.tolist()
    return (joined(values) or values) if set(map(type, values)) <= {str} else None


class StringsRule(PiecesRule):
    """An array of text; what Arrow is to hold is handed to it without a Python string for each entry."""

    def __init__(self) -> None:
        super().__init__("strings", _take_strings, _make_strings)

    def decode(self, node: Node, decoder: Decoder) -> Any:
        nodes = node.get("nodes")
        texts = whole_texts(nodes.get("values"), decoder) if type(nodes) is dict and not decoder.stand_ins else None
        if texts is None:
            return super().decode(node, decoder)
        others = {name: decoder.decode(inner) for name, inner in nodes.items() if name != "values"}
        return restored(self.name, decoder, _make_strings, texts, **others)


def _storage(storage: str | None, missing: str | None) -> str:
    """What is to hold the texts here: pyarrow only where it is installed."""
    storage = storage or _usual_storage(missing)
    return "python" if importlib.util.find_spec("pyarrow") is None else storage


def _usual_storage(missing: str | None) -> str:
    """What holds texts where nothing is said: of the dtype `str` what pandas takes here, else Python."""
    return str(_text_dtype(None, None).storage) if missing is None else "python"


def _make_strings(
    values: Texts | list[str], mask: Any = None, missing: str | None = None, storage: str | None = None
) -> Any:
    dtype = _text_dtype(missing, _storage(storage, missing))
    count = len(values.lengths) if isinstance(values, Texts) else len(values)
    if mask is not None:
        require(isinstance(mask, np.ndarray) and mask.dtype == bool and mask.shape == (count,), "the mask is none")
    if isinstance(values, Texts) and dtype.storage == "pyarrow":
        return dtype.__from_arrow__(arrow_array(values, mask))
    array = np.array(values.listed() if isinstance(values, Texts) else values, dtype=object)
    require(array.ndim == 1, "the values are no texts")
    if mask is not None:
        array[mask] = None
    return library().array(array, dtype=dtype, copy=False)


def _text_dtype(missing: str | None, storage: str | None) -> Any:
    """The dtype of text that is kept in some way; None for what pandas takes here."""
    dtype = library().StringDtype
    if missing == "NA":
        return dtype(storage)
    try:
        return dtype(storage, na_value=np.nan)
    except TypeError:
        raise ImportError("pandas 2.3 or later, which has the dtype `str`") from None


def _take_sparse(array: Any) -> Pieces:
    """``{"$":"sparsearray","nodes":{"values":...,"indices":...,"length":9,"fill":0}}``, and ``"kind":"block"``."""
    pieces = {"values": array.sp_values, "indices": array.sp_index.to_int_index().indices}
    kind = "block" if array.kind == "block" else None
    return {**pieces, "length": array.sp_index.length, "fill": array.fill_value, **given(kind=kind)}


def _make_sparse(values: Array, indices: Array, length: int, fill: Any, kind: str = "integer") -> Any:
    pandas = library()
    require(values.ndim == indices.ndim == 1 and indices.dtype == np.int32, "the indices are no integers")
    make = pandas.arrays.SparseArray
    if hasattr(make, "from_indices"):
        return make.from_indices(values, indices, length, fill_value=fill, kind=kind, dtype=values.dtype)
    index = importlib.import_module("pandas._libs.sparse").IntIndex(length, indices)
    index = index.to_block_index() if kind == "block" else index
    return make(values, sparse_index=index, fill_value=fill, dtype=pandas.SparseDtype(values.dtype, fill))


def _take_arrow(array: Any) -> Pieces:
    """``{"$":"arrow","nodes":{"values":...}}``: the bytes of an Arrow stream with one column."""
    pyarrow = importlib.import_module("pyarrow")
    table = pyarrow.table({"": pyarrow.chunked_array(array.__arrow_array__())})
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return {"values": np.frombuffer(sink.getvalue(), np.uint8)}


def _make_arrow(values: Array) -> Any:
    pyarrow = importlib.import_module("pyarrow")
    if tuple(map(int, pyarrow.__version__.split(".")[:2])) < _SAFE_PYARROW:
        raise ImportError("pyarrow 14.1 or later, which runs nothing that a stream names")
    with pyarrow.ipc.open_stream(pyarrow.py_buffer(values)) as stream:
        return library().arrays.ArrowExtensionArray(stream.read_all().column(0))


_SAFE_PYARROW: Final = (14, 1)


def _take_numpy(array: Any) -> Pieces:
    """``{"$":"numpyarray","nodes":{"values":...}}``."""
    return {"values": np.asarray(array)}


def _make_numpy(values: Array) -> Any:
    return library().arrays.NumpyExtensionArray(values)


register(PiecesRule("datetimes", _take_moments, _make_datetimes), "DatetimeArray")
register(PiecesRule("timedeltas", _take_moments, _make_timedeltas), "TimedeltaArray")
register(PiecesRule("periods", _take_periods, _make_periods), "PeriodArray")
register(PiecesRule("intervals", _take_intervals, _make_intervals), "IntervalArray")
register(PiecesRule("categorical", _take_categorical, _make_categorical), "Categorical")
register(PiecesRule("masked", _take_masked, _make_masked), "IntegerArray", "FloatingArray", "BooleanArray")
register(StringsRule(), "StringArray", "ArrowStringArray")
register(PiecesRule("sparsearray", _take_sparse, _make_sparse), "SparseArray")
register(PiecesRule("arrow", _take_arrow, _make_arrow), "ArrowExtensionArray")
register(PiecesRule("numpyarray", _take_numpy, _make_numpy), "NumpyExtensionArray")
