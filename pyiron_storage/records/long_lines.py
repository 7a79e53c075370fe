"""Keeping lines short: what is too long stands on lines of its own.

A long list or object goes on over several lines (``parts``), and a long thing inside
another is referred to.  Texts are put together from the texts of what they hold, so
that little is written more than twice to find out how long it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import orjson

from pyiron_storage.records.document import LINE_BYTES, Node, Record, dump, reference
from pyiron_storage.records.structure import is_container, is_reference, long_fields, slots

PIECE: Final = 64
"""So many entries are written together."""

Unit = tuple[bytes, int]
"""The text of some entries, without brackets, and how many they are."""


def shorten(record: Record, node: Node) -> Node:
    """Put what is too long below a node on lines of its own; return what stands for the node."""
    return orjson.loads(shortened_text(record, node)) if _is_long(node) else node


def shortened_text(record: Record, node: Node) -> bytes:
    """The text of a node, after what is too long below it was put on lines of its own."""
    if not is_container(node):
        return dump(node)
    if type(node) is list or "$" not in node:
        return _spread(record, node, lambda entry: _apart(record, entry))
    text = dump(node)
    if len(text) <= LINE_BYTES:
        return text
    for holder, key in list(slots(node)):
        if _is_long(holder[key]):
            holder[key] = orjson.loads(_apart(record, holder[key]))
    for holder, key in long_fields(node):
        holder[key] = orjson.loads(_spread(record, holder[key], dump))
    return dump(node)


def _is_long(node: Node) -> bool:
    if type(node) is str:
        return len(node) > LINE_BYTES
    return is_container(node) and not is_reference(node) and len(dump(node)) > LINE_BYTES


def _apart(record: Record, child: Node) -> bytes:
    """The text of a child, or of a reference to its own line where it is long."""
    text = dump(child)
    if len(text) <= LINE_BYTES:
        return text
    text = shortened_text(record, child)
    return dump(reference(_new_line(record, text))) if len(text) > LINE_BYTES // 4 else text


def _spread(record: Record, entries: Any, tell: Callable[[Node], bytes]) -> bytes:
    """The text of an array or object of nodes; of ``parts``, where it is long and put on several lines.

    `tell` gives the text of an entry among long ones.
    """
    opening, closing = (b"[", b"]") if type(entries) is list else (b"{", b"}")
    lines = [(opening + b",".join(texts) + closing, count) for texts, count in _lines(_units(entries, tell))]
    if len(lines) < 2:
        return lines[0][0] if lines else opening + closing
    return dump({"$": "parts", "lines": [[_new_line(record, text), count] for text, count in lines]})


def _units(entries: Any, tell: Callable[[Node], bytes]) -> Iterator[Unit]:
    """The texts of the entries: of some together, or of each where these are long."""
    for piece in _pieces(entries):
        text = dump(piece)
        if len(text) <= LINE_BYTES:
            yield text[1:-1], len(piece)
        elif type(piece) is list:
            yield from ((tell(entry), 1) for entry in piece)
        else:
            yield from ((dump(key) + b":" + tell(entry), 1) for key, entry in piece.items())


def _pieces(entries: Any) -> Iterator[Any]:
    """An array or object cut into some with few entries each."""
    make, every = (list, entries) if type(entries) is list else (dict, list(entries.items()))
    return (make(every[start : start + PIECE]) for start in range(0, len(every), PIECE))


def _lines(units: Iterable[Unit]) -> Iterator[tuple[list[bytes], int]]:
    """What stands on one line each: as many texts as there is room for, and the number of their entries."""
    texts: list[bytes] = []
    entries = length = 0
    for text, count in units:
        if texts and length + len(text) > LINE_BYTES:
            yield texts, entries
            texts, entries, length = [], 0, 0
        texts.append(text)
        entries += count
        length += len(text) + 1
    if texts:
        yield texts, entries


def _new_line(record: Record, text: bytes) -> int:
    line = record.new_line(None)
    record.write_line(line, text)
    return line
