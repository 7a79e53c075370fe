"""Frames and series: an array for each column, or one for all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from pyiron_storage.paths import OtherKey, ReservedPart
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node
from pyiron_storage.records.encoder import Encoder, Refusal
from pyiron_storage.records.navigate import parts_of, rule_of
from pyiron_storage.records.parts import ArrayParts, ObjectParts, Parts
from pyiron_storage.records.places import Place, key_part
from pyiron_storage.records.rule import Rule
from pyiron_storage.records.rules.pandas_objects.library import library, plain_array, register, unflagged
from pyiron_storage.records.rules.pieces import (
    Pieces,
    PiecesRule,
    by_protocol,
    decoded_pieces,
    fill_pieces,
    given,
    pieces_of,
    require,
    restored,
)

WIDE: Final = 100
"""Frames with more columns than this are kept in blocks; pandas calls them fragmented otherwise."""


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
        return restored(self.name, decoder, lambda: object.__new__(library().Series))

    def fill(self, shell: Any, node: Node, decoder: Decoder) -> None:
        restored(self.name, decoder, self._make, shell, **decoded_pieces(node, decoder))

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return Rule.decode(self, node, decoder)


def _take_series(series: Any) -> Pieces | None:
    if series._metadata != ["_name"]:
        return None
    return {"values": plain_array(series.array), **given(name=series.name), **_common_pieces(series)}


def _fill_series(
    series: Any, values: Any, index: Any, *, name: Any = None, attrs: Any = None, duplicates: bool = True
) -> None:
    require(isinstance(index, library().Index), "the index is no index")
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
            fill_pieces(node["nodes"], {**pieces, "values": unflagged(obj.to_numpy())}, encoder, _reserved)
        else:
            fill_pieces(node["nodes"], pieces, encoder, _reserved)
            node["items"] = []
            _fill_columns(node["items"], obj, encoder)

    def parts(self, place: Place) -> Parts:
        return FrameParts(place)

    def columns(self, place: Place) -> list[tuple[str, str, Place]]:
        parts = FrameParts(place)
        index = ("", _reserved("index"), parts.find(_reserved("index")))
        columns = [
            (_title(name), name, column) for name, column in parts.places() if not isinstance(name, ReservedPart)
        ]
        return [index, *columns] if columns else []

    def shell(self, node: Node, decoder: Decoder) -> Any:
        return restored(self.name, decoder, lambda: object.__new__(library().DataFrame))

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
    bare = library().DataFrame(frame, copy=False) if frame.attrs else frame  # each column gets a deep copy of attrs
    try:
        for label, column in bare.items():
            encoder.hint = label if type(label) is str else hint
            nodes.append(encoder.encode(plain_array(column.array)))
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
    pandas = library()
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
    return library().Series(values, index=index, dtype=object, copy=False)


def _reserved(name: str) -> ReservedPart:
    return ReservedPart(f"~{name}")


def _title(name: str) -> str:
    """What stands above a column: its label, without the marks that make it a part of a path."""
    return name.removeprefix("~:") if isinstance(name, OtherKey) else name


class FrameParts(Parts):
    """The columns of a frame by their labels, and under reserved names its index, its columns and its attrs.

    Where labels do not tell the columns apart, these are numbered under ``~items``.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._pieces = ObjectParts(pieces_of(place))

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
        rule, pieces = rule_of(place).name, ObjectParts(pieces_of(place))
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
        values = ObjectParts(pieces_of(values)).find("values").follow()
    elif rule != "array" or values.node["dtype"] != "|O":
        return iter(())
    return (key_part(place.record, place.follow().node) for _, place in parts_of(values).places())


register(FrameRule(), "DataFrame")
register(SeriesRule(), "Series")
