"""Rules for pandas: frames, series, indices, arrays and single values.

Each is written as the public pieces that it is made from, so that a file does not
depend on how one release of pandas is built inside: a frame as one array for each
column, an index as its values and name, a categorical as codes and categories.
What its pieces do not give back exactly goes by the pickle protocol, and so do
subclasses.  pandas is imported when the first such object is made, not before.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from pyiron_storage.errors import CannotImportError, DamagedRecordError
from pyiron_storage.paths import OtherKey, ReservedPart
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node
from pyiron_storage.records.encoder import Encoder, Refusal
from pyiron_storage.records.navigate import parts_of, rule_of
from pyiron_storage.records.parts import ArrayParts, ObjectParts, Parts
from pyiron_storage.records.places import Place, key_part
from pyiron_storage.records.rule import REGISTRY, Rule
from pyiron_storage.records.rules.objects import ObjectRule

Array = np.ndarray[Any, Any]
Pieces = dict[str, Any]

WIDE: Final = 100
"""Frames with more columns than this are kept in blocks; pandas calls them fragmented otherwise."""
by_protocol = ObjectRule()


# -- what is made from pieces ----------------------------------------------------


class PiecesRule(Rule):
    """``{"$":"...","nodes":{...}}``: an object that is made from named pieces, each a node.

    Parameters
    ----------
    name
        The name of the rule.
    take
        Gives the pieces of an object by name, or None where they do not make it again exactly.
    make
        Makes the object from the pieces, given by name.
    """

    def __init__(self, name: str, take: Callable[[Any], Pieces | None], make: Callable[..., Any]) -> None:
        self.name = name
        self._take = take
        self._make = make

    def fill_node(self, obj: Any, node: Node, encoder: Encoder) -> None:
        pieces = self._take(obj)
        if pieces is None:
            by_protocol.fill_node(obj, node, encoder)
            return
        node["nodes"] = {}
        fill_pieces(node["nodes"], pieces, encoder)
        self.let_cycles_close(node["nodes"], pieces, encoder)

    def let_cycles_close(self, nodes: dict[str, Node], pieces: Pieces, encoder: Encoder) -> None:
        """Let an array of objects stand apart: the reader makes it before what it may be in a cycle with."""
        for name, node in nodes.items():
            if _holds_objects(node):
                encoder.encode(pieces[name])  # what is met twice stands apart

    def parts(self, place: Place) -> Parts:
        return ObjectParts(_pieces_of(place), fixed=True)

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return restored(self.name, decoder, self._make, **decoded_pieces(node, decoder))


def fill_pieces(nodes: dict[str, Node], pieces: Pieces, encoder: Encoder, spell: Callable[[str], str] = str) -> None:
    """Put the nodes of some pieces into an object of nodes, and name their arrays after the whole.

    `spell` makes the name of a piece the part of a path that it has.
    """
    hint = encoder.hint
    for name, piece in pieces.items():
        encoder.hint = hint if name == "values" else f"{hint}_{name}"
        try:
            nodes[name] = encoder.encode(piece)
        except Refusal as refusal:
            refusal.parts.append(spell(name))
            raise
    encoder.hint = hint


def _reserved(name: str) -> ReservedPart:
    return ReservedPart(f"~{name}")


def _holds_objects(node: Node) -> bool:
    """Whether the node of an array has more than plain values among its items."""
    return type(node) is dict and (_has_containers(node) or (node.get("$") == "array" and _holds_columns(node)))


def _holds_columns(node: Node) -> bool:
    """Whether a column inside a node has more than plain values."""
    columns = [*node.get("columns", ()), *([node["values"]] if node.get("of") == "repeated" else [])]
    return any(c["of"] not in _OF_VALUES or _has_containers(c) or _holds_columns(c) for c in columns)


def _has_containers(node: Node) -> bool:
    return not {dict, list}.isdisjoint(map(type, node.get("items", ())))


_OF_VALUES: Final = ("constant", "number", "text", "mixed", "repeated", "nodes")
"""Kinds of columns that are plain values where their items and columns are."""


def decoded_pieces(node: Node, decoder: Decoder) -> Pieces:
    """Return the pieces of a node, restored."""
    pieces = decoder.decode(node.get("nodes"))
    if type(pieces) is not dict:
        raise DamagedRecordError(f"{decoder.record.place}: a {node['$']} is stored without its pieces.")
    return dict(pieces)


def _pieces_of(place: Place) -> Place:
    """The place of the pieces of what stands at a place."""
    return place.inner("nodes").follow()


def restored(what: str, decoder: Decoder, make: Callable[..., Any], /, *args: Any, **pieces: Any) -> Any:
    """Call what makes an object; say what is wrong where the pieces do not fit together."""
    try:
        return make(*args, **pieces)
    except ImportError as error:
        raise CannotImportError(
            f"{decoder.record.place}: to load this {what} something must be imported that cannot be: {error}. "
            "Install it, or read the parts as they are by browsing."
        ) from error
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        raise DamagedRecordError(
            f"{decoder.record.place}: no {what} can be made from what is stored: {type(error).__name__}: {error}"
        ) from error


def given(**pieces: Any) -> Pieces:
    """The pieces that are not None; the others are what `make` assumes."""
    return {name: piece for name, piece in pieces.items() if piece is not None}


def require(fits: Any, message: str) -> None:
    """Raise where pieces do not fit together; `restored` says where that was."""
    if not fits:
        raise ValueError(message)


@functools.cache
def _pandas() -> Any:
    return importlib.import_module("pandas")


# -- frames and series -----------------------------------------------------------


def _plain(array: Any) -> Any:
    """The array of a column or index as it is stored: numpy's own where that says all."""
    kind = type(array).__name__
    of_times = kind in ("DatetimeArray", "TimedeltaArray") and isinstance(array.dtype, np.dtype)
    if kind == "NumpyExtensionArray" or (of_times and getattr(array, "freq", None) is None):
        return np.asarray(array)
    return array


def _common_pieces(obj: Any) -> Pieces:
    duplicates = None if obj.flags.allows_duplicate_labels else False
    return given(index=obj.index, attrs=obj.attrs or None, duplicates=duplicates)


def _set_common(obj: Any, attrs: dict[Any, Any] | None, *, duplicates: bool) -> None:
    if attrs is not None:
        require(type(attrs) is dict, "attrs are no dict")
        # The property copies the dict, which in a cycle is filled only later.
        object.__setattr__(obj, "_attrs", attrs)
        if obj.attrs is not attrs:
            obj.attrs = attrs
    if not duplicates:
        obj.flags.allows_duplicate_labels = False


class SeriesRule(PiecesRule):
    """``{"$":"series","nodes":{"values":...,"index":...}}``; ``name``, ``attrs``, ``duplicates`` where it has them."""

    def __init__(self) -> None:
        super().__init__("series", _take_series, _fill_series)

    def let_cycles_close(self, nodes: dict[str, Node], pieces: Pieces, encoder: Encoder) -> None:
        """They close at the series itself, which is made before it is filled."""

    def shell(self, node: Node, decoder: Decoder) -> Any:
        return restored(self.name, decoder, lambda: object.__new__(_pandas().Series))

    def fill(self, shell: Any, node: Node, decoder: Decoder) -> None:
        restored(self.name, decoder, self._make, shell, **decoded_pieces(node, decoder))

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return Rule.decode(self, node, decoder)


def _take_series(series: Any) -> Pieces | None:
    if series._metadata != ["_name"]:
        return None
    return {"values": _plain(series.array), **given(name=series.name), **_common_pieces(series)}


def _fill_series(
    series: Any, values: Any, index: Any, *, name: Any = None, attrs: Any = None, duplicates: bool = True
) -> None:
    require(isinstance(index, _pandas().Index), "the index is no index")
    series.__init__(values, index=index, dtype=values.dtype, name=name, copy=False)
    _set_common(series, attrs, duplicates=duplicates)


class FrameRule(Rule):
    """``{"$":"dataframe","nodes":{"columns":...,"index":...},"items":[...]}``, an array for each column.

    Many columns of one dtype are one array instead, ``values`` among the nodes.
    ``attrs`` and ``duplicates`` where it has them.
    """

    name = "dataframe"

    def fill_node(self, obj: Any, node: Node, encoder: Encoder) -> None:
        if obj._metadata:
            by_protocol.fill_node(obj, node, encoder)
            return
        node["nodes"] = {}
        pieces = {"columns": obj.columns, **_common_pieces(obj)}
        if _is_matrix(obj):
            fill_pieces(node["nodes"], {**pieces, "values": obj.to_numpy()}, encoder, _reserved)
        else:
            fill_pieces(node["nodes"], pieces, encoder, _reserved)
            node["items"] = []
            _fill_columns(node["items"], obj, encoder)

    def parts(self, place: Place) -> Parts:
        return FrameParts(place)

    def shell(self, node: Node, decoder: Decoder) -> Any:
        return restored(self.name, decoder, lambda: object.__new__(_pandas().DataFrame))

    def fill(self, shell: Any, node: Node, decoder: Decoder) -> None:
        pieces = decoded_pieces(node, decoder)
        if "items" in node:
            pieces["items"] = [decoder.decode(item) for item in decoder.array(node["items"])]
        restored(self.name, decoder, _fill_frame, shell, **pieces)


def _is_matrix(frame: Any) -> bool:
    """Whether a frame is so wide, and so much of one dtype of numpy, that it is better stored as one array."""
    if len(frame.columns) <= WIDE:
        return False
    dtypes = set(frame.dtypes)
    return len(dtypes) == 1 and isinstance(dtypes.pop(), np.dtype)


def _fill_columns(nodes: list[Node], frame: Any, encoder: Encoder) -> None:
    hint = encoder.hint
    label: Any = None
    bare = _pandas().DataFrame(frame, copy=False) if frame.attrs else frame  # each column gets a deep copy of attrs
    try:
        for label, column in bare.items():
            encoder.hint = label if type(label) is str else hint
            nodes.append(encoder.encode(_plain(column.array)))
    except Refusal as refusal:
        refusal.parts.extend([label] if type(label) is str else [str(len(nodes)), _reserved("items")])
        raise
    encoder.hint = hint


def _fill_frame(
    frame: Any,
    columns: Any,
    index: Any,
    *,
    items: list[Any] | None = None,
    values: Any = None,
    attrs: Any = None,
    duplicates: bool = True,
) -> None:
    pandas = _pandas()
    require(isinstance(index, pandas.Index) and isinstance(columns, pandas.Index), "an index is no index")
    if items is not None:
        data = {number: _column(item, index) for number, item in enumerate(items)}
        frame.__init__(data, index=index, copy=len(data) > WIDE)
    else:
        require(isinstance(values, np.ndarray) and values.ndim == 2, "there are no columns")
        frame.__init__(values, index=index, dtype=values.dtype, copy=False)
    frame.columns = columns
    _set_common(frame, attrs, duplicates=duplicates)


def _column(values: Any, index: Any) -> Any:
    """A column as the constructor of frames takes it; of objects, it would guess a dtype for a bare array."""
    require(getattr(values, "ndim", 0) == 1, "a column is no array")
    if values.dtype != object:
        return values
    return _pandas().Series(values, index=index, dtype=object, copy=False)


class FrameParts(Parts):
    """The columns of a frame by their labels, and under reserved names its index, its columns and its attrs.

    Where labels do not tell the columns apart, these are numbered under ``~items``.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._pieces = ObjectParts(_pieces_of(place))

    def names(self) -> list[str]:
        return [*self._columns(), *map(_reserved, self._pieces.names())]

    def places(self) -> Iterator[tuple[str, Place]]:
        columns = self._columns()
        if columns == [_reserved("items")]:
            yield columns[0], self._all_columns()
        elif columns:
            yield from zip(columns, self._items().each(), strict=True)
        yield from ((_reserved(name), place) for name, place in self._pieces.places())

    def _columns(self) -> list[str]:
        if not self.place.node.get("items"):
            return []
        labels = list(self._labels())
        return labels if len(set(labels)) == len(self._items()) == len(labels) else [_reserved("items")]

    def _items(self) -> ArrayParts:
        return ArrayParts(self.place.inner("items"), fixed=True)

    def _labels(self) -> Iterator[str]:
        """What stands for each label in a path; nothing where labels are neither text nor objects nor a range."""
        place = self._pieces.find("columns").follow()
        rule, pieces = rule_of(place).name, ObjectParts(_pieces_of(place))
        if rule == "rangeindex":
            numbers = range(*[pieces.find(name).node for name in ("start", "stop", "step")])
            return (OtherKey(number) for number in numbers)
        return _texts(pieces.find("values").follow()) if rule == "index" else iter(())

    def find(self, part: str) -> Place:
        columns = self._columns() if type(part) is not ReservedPart else []
        if part in columns:
            return self._items().at(columns.index(part))
        if not part.startswith("~"):
            raise KeyError(part)
        name = part[1:]
        return self._all_columns() if name == "items" and "items" in self.place.node else self._pieces.find(name)

    def _all_columns(self) -> Place:
        """The columns by number, to be looked at as a tuple: none can be put or removed alone."""
        shown = {"~items": {"$": "tuple", "items": self.place.node["items"]}}
        return Place(self.place.record, self.place.line, shown, "~items", self.place.depth)


def _texts(values: Place) -> Iterator[str]:
    """The parts of paths that stand for the entries of an array of text or objects."""
    rule = rule_of(values).name
    if rule == "strings":
        values = ObjectParts(_pieces_of(values)).find("values").follow()
    elif rule != "array" or values.node["dtype"] != "|O":
        return iter(())
    return (key_part(place.record, place.follow().node) for _, place in parts_of(values).places())


# -- indices ---------------------------------------------------------------------


def _take_index(index: Any) -> Pieces:
    """``{"$":"index","nodes":{"values":...}}``; ``name`` and ``freq``. Its values say of which class it is."""
    freq = index.freq if type(index).__name__ in ("DatetimeIndex", "TimedeltaIndex") else None
    array = index.array if freq is None else type(index)(index, freq=None).array
    return {"values": _plain(array), **given(name=index.name, freq=_frequency(freq))}


def _make_index(values: Any, name: Any = None, freq: Any = None) -> Any:
    require(getattr(values, "ndim", 0) == 1, "the values are no array")
    index = _pandas().Index(values, dtype=values.dtype, name=name, copy=False)
    return index if freq is None else _with_frequency(index, freq)


def _frequency(freq: Any) -> Any:
    """The alias of a frequency where that gives it back, else itself."""
    if freq is None:
        return None
    try:
        same = _offset(freq.freqstr)
    except ValueError:
        return freq
    return freq.freqstr if type(same) is type(freq) and same == freq else freq


def _offset(alias: Any) -> Any:
    return _pandas().tseries.frequencies.to_offset(alias)


def _with_frequency(times: Any, freq: Any) -> Any:
    """Give an index or array its frequency, which it had and need not prove: that makes every entry anew."""
    offset = _offset(freq)
    for holder in (times, getattr(times, "array", times)):  # the one until pandas 3.0, the other since
        if hasattr(holder, "_freq"):
            holder._freq = offset
    if getattr(times, "freq", offset) != offset:
        times.freq = offset
    return times


def _take_range(index: Any) -> Pieces:
    """``{"$":"rangeindex","nodes":{"start":0,"stop":3,"step":1}}``, and ``name``."""
    return {"start": index.start, "stop": index.stop, "step": index.step, **given(name=index.name)}


def _make_range(start: int, stop: int, step: int, name: Any = None) -> Any:
    return _pandas().RangeIndex(start, stop, step, name=name)


def _take_levels(index: Any) -> Pieces:
    """``{"$":"multiindex","nodes":{"levels":[...],"codes":[...]}}``; the names are those of the levels."""
    return {"levels": list(index.levels), "codes": list(index.codes), **given(sortorder=index.sortorder)}


def _make_levels(levels: list[Any], codes: list[Array], sortorder: int | None = None) -> Any:
    pandas = _pandas()
    require(all(isinstance(level, pandas.Index) for level in levels) and len(levels) == len(codes), "a level is none")
    for level, numbers in zip(levels, codes, strict=True):
        require(_are_codes(numbers, len(level)) and len(numbers) == len(codes[0]), "the codes do not fit the levels")
    names = [level.name for level in levels]
    return pandas.MultiIndex(levels, codes, sortorder=sortorder, names=names, verify_integrity=False)


def _are_codes(codes: Any, length: int) -> bool:
    """Whether every entry of an array numbers one of `length` things or is -1; pandas would read beyond the end."""
    fits = isinstance(codes, np.ndarray) and codes.dtype.kind == "i" and codes.ndim == 1
    return fits and (codes.size == 0 or (int(codes.min()) >= -1 and int(codes.max()) < length))


# -- arrays ----------------------------------------------------------------------


def _take_moments(array: Any) -> Pieces:
    """``{"$":"datetimes","nodes":{"values":...}}``, in UTC; ``zone`` and ``freq``. ``timedeltas`` have no zone."""
    values = array.asi8.view(f"{array.dtype.kind}8[{array.unit}]")
    freq = _frequency(getattr(array, "freq", None))
    return {"values": values, **given(zone=getattr(array, "tz", None), freq=freq)}


def _make_datetimes(values: Array, zone: Any = None, freq: Any = None) -> Any:
    require(values.dtype.kind == "M", "the values are no times")
    index = _pandas().DatetimeIndex(values, copy=False)
    if zone is not None:
        index = index.tz_localize("UTC").tz_convert(zone)
    return index.array if freq is None else _with_frequency(index.array, freq)


def _make_timedeltas(values: Array, freq: Any = None) -> Any:
    require(values.dtype.kind == "m", "the values are no durations")
    array = _pandas().TimedeltaIndex(values, copy=False).array
    return array if freq is None else _with_frequency(array, freq)


def _take_periods(array: Any) -> Pieces | None:
    """``{"$":"periods","nodes":{"values":...,"freq":"M"}}``; the values are ordinals."""
    freq = _period_alias(array.dtype)
    return None if freq is None else {"values": array.asi8, "freq": freq}


def _period_alias(dtype: Any) -> str | None:
    alias = str(dtype).removeprefix("period[").removesuffix("]")
    return alias if _pandas().PeriodDtype(alias) == dtype else None


def _make_periods(values: Array, freq: str) -> Any:
    pandas = _pandas()
    require(values.dtype == np.int64, "the ordinals are no integers")
    return pandas.arrays.PeriodArray(values, dtype=pandas.PeriodDtype(freq))


def _take_intervals(array: Any) -> Pieces:
    """``{"$":"intervals","nodes":{"left":...,"right":...,"closed":"right"}}``."""
    return {"left": _plain(array.left.array), "right": _plain(array.right.array), "closed": array.closed}


def _make_intervals(left: Any, right: Any, closed: str) -> Any:
    return _pandas().arrays.IntervalArray.from_arrays(left, right, closed=closed)


def _take_categorical(array: Any) -> Pieces:
    """``{"$":"categorical","nodes":{"codes":...,"categories":...}}``, and ``"ordered":true``."""
    return {"codes": array.codes, "categories": array.categories, **given(ordered=array.ordered or None)}


def _make_categorical(codes: Array, categories: Any, *, ordered: bool = False) -> Any:
    pandas = _pandas()
    require(isinstance(categories, pandas.Index) and _are_codes(codes, len(categories)), "the codes do not fit")
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
    arrays = _pandas().arrays
    kinds = {"b": arrays.BooleanArray, "f": arrays.FloatingArray}
    mask = np.zeros(values.shape, bool) if mask is None else mask
    return kinds.get(values.dtype.kind, arrays.IntegerArray)(values, mask)


def _take_strings(array: Any) -> Pieces | None:
    """``{"$":"strings","nodes":{"values":["a",""],"mask":...}}``; ``mask`` where some are missing.

    ``"missing":"NA"`` where the dtype has that for them, and ``"storage":"pyarrow"``.
    """
    texts, missing = np.asarray(array, dtype=object), np.asarray(array.isna())
    mask = missing if missing.any() else None
    if mask is not None:
        texts = texts.copy()
        texts[mask] = ""
    values = texts.tolist()
    if not set(map(type, values)) <= {str}:
        return None
    kind = "NA" if array.dtype.na_value is _pandas().NA else None
    storage = "pyarrow" if array.dtype.storage != "python" else None
    return {"values": values, **given(mask=mask, missing=kind, storage=storage)}


def _make_strings(values: list[str], mask: Any = None, missing: str = "nan", storage: str = "python") -> Any:
    array = np.array(values, dtype=object)
    require(array.ndim == 1, "the values are no texts")
    if mask is not None:
        require(isinstance(mask, np.ndarray) and mask.dtype == bool and mask.shape == array.shape, "the mask is none")
        array[mask] = None
    return _pandas().array(array, dtype=_text_dtype(missing, storage), copy=False)


def _text_dtype(missing: str, storage: str) -> Any:
    dtype = _pandas().StringDtype
    if missing == "NA":
        return dtype(storage)
    if storage == "pyarrow" and importlib.util.find_spec("pyarrow") is None:
        storage = "python"  # to the user both are the dtype `str`
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
    pandas = _pandas()
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
        return _pandas().arrays.ArrowExtensionArray(stream.read_all().column(0))


_SAFE_PYARROW: Final = (14, 1)


def _take_numpy(array: Any) -> Pieces:
    """``{"$":"numpyarray","nodes":{"values":...}}``."""
    return {"values": np.asarray(array)}


def _make_numpy(values: Array) -> Any:
    return _pandas().arrays.NumpyExtensionArray(values)


# -- single values ---------------------------------------------------------------


class ConstantRule(Rule):
    """``{"$":"nat"}`` and ``{"$":"na"}``, of which there is one each."""

    def __init__(self, name: str, attribute: str) -> None:
        self.name = name
        self._attribute = attribute

    def encode(self, obj: Any, encoder: Encoder) -> Node:
        return {"$": self.name}

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return restored(self.name, decoder, lambda: getattr(_pandas(), self._attribute))


def _take_timestamp(moment: Any) -> Pieces:
    """``{"$":"timestamp","nodes":{"time":"2024-05-01T12:00:00.000","unit":"ms"}}``, in UTC, and ``zone``."""
    return {"time": str(moment.asm8), "unit": moment.unit, **given(zone=moment.tz)}


def _make_timestamp(time: str, unit: Any, zone: Any = None) -> Any:
    moment = _pandas().Timestamp(np.datetime64(time, unit))
    return moment if zone is None else moment.tz_localize("UTC").tz_convert(zone)


def _take_timedelta(duration: Any) -> Pieces:
    """``{"$":"duration","nodes":{"number":1500,"unit":"ms"}}``."""
    return {"number": duration.asm8.astype(np.int64).item(), "unit": duration.unit}


def _make_timedelta(number: int, unit: Any) -> Any:
    return _pandas().Timedelta(np.timedelta64(number, unit))


def _take_period(period: Any) -> Pieces | None:
    """``{"$":"period","nodes":{"ordinal":651,"freq":"M"}}``."""
    freq = _period_alias(_pandas().PeriodDtype(period.freq))
    return None if freq is None else {"ordinal": period.ordinal, "freq": freq}


def _make_period(ordinal: int, freq: str) -> Any:
    return _pandas().Period(ordinal=ordinal, freq=freq)


def _take_interval(interval: Any) -> Pieces:
    """``{"$":"interval","nodes":{"left":0,"right":1,"closed":"right"}}``."""
    return {"left": interval.left, "right": interval.right, "closed": interval.closed}


def _make_interval(left: Any, right: Any, closed: str) -> Any:
    return _pandas().Interval(left, right, closed=closed)


# -- which rule is for which class -----------------------------------------------


def named(package: str, *names: str) -> Callable[[type], bool]:
    """Whether a class is one of a package that has one of these names, found without importing it."""
    return lambda cls: cls.__name__ in names and cls.__module__.partition(".")[0] == package


_INDICES: Final = (
    "Index",
    "DatetimeIndex",
    "TimedeltaIndex",
    "PeriodIndex",
    "IntervalIndex",
    "CategoricalIndex",
)
_RULES: Final[list[tuple[Rule, tuple[str, ...]]]] = [
    (FrameRule(), ("DataFrame",)),
    (SeriesRule(), ("Series",)),
    (PiecesRule("index", _take_index, _make_index), _INDICES),
    (PiecesRule("rangeindex", _take_range, _make_range), ("RangeIndex",)),
    (PiecesRule("multiindex", _take_levels, _make_levels), ("MultiIndex",)),
    (PiecesRule("datetimes", _take_moments, _make_datetimes), ("DatetimeArray",)),
    (PiecesRule("timedeltas", _take_moments, _make_timedeltas), ("TimedeltaArray",)),
    (PiecesRule("periods", _take_periods, _make_periods), ("PeriodArray",)),
    (PiecesRule("intervals", _take_intervals, _make_intervals), ("IntervalArray",)),
    (PiecesRule("categorical", _take_categorical, _make_categorical), ("Categorical",)),
    (PiecesRule("masked", _take_masked, _make_masked), ("IntegerArray", "FloatingArray", "BooleanArray")),
    (PiecesRule("strings", _take_strings, _make_strings), ("StringArray", "ArrowStringArray")),
    (PiecesRule("sparsearray", _take_sparse, _make_sparse), ("SparseArray",)),
    (PiecesRule("arrow", _take_arrow, _make_arrow), ("ArrowExtensionArray",)),
    (PiecesRule("numpyarray", _take_numpy, _make_numpy), ("NumpyExtensionArray",)),
    (PiecesRule("timestamp", _take_timestamp, _make_timestamp), ("Timestamp",)),
    (PiecesRule("duration", _take_timedelta, _make_timedelta), ("Timedelta",)),
    (PiecesRule("period", _take_period, _make_period), ("Period",)),
    (PiecesRule("interval", _take_interval, _make_interval), ("Interval",)),
    (ConstantRule("nat", "NaT"), ("NaTType",)),
    (ConstantRule("na", "NA"), ("NAType",)),
]
for _rule, _names in _RULES:
    REGISTRY.add(_rule, predicate=named("pandas", *_names))
