"""What of a record nobody refers to any more, and how it is given up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pyiron_storage.records.document import Node, Record

_NATIVE: Final = re.compile(rb'"native":"([^"]*)"')


def collect(record: Record) -> None:
    """Empty the lines that cannot be reached, delete their arrays, and close up the buffers."""
    live = record.reachable()
    record.keep_lines(live)
    record.keep_arrays({name.decode() for line in live for name in _NATIVE.findall(record.raw(line))})
    _close_up_buffers(record, live)


def _close_up_buffers(record: Record, live: set[int]) -> None:
    """Write the buffers anew without the bytes that nobody names, when these are more than half."""
    old = record.close_up(sum(_lengths(record, live).values()))
    if old is None:
        return
    for line in live:
        for holder in byte_holders(record.node(line)):
            offset, length = holder["at"]
            holder["at"] = record.add_bytes(old[offset : offset + length])
            record.touch(line)


def _lengths(record: Record, live: set[int]) -> dict[tuple[int, int], int]:
    """How many bytes are named at each place of the buffers."""
    lines = (record.parse(line) for line in live if b'"at":[' in record.raw(line))
    places = [holder["at"] for line in lines for holder in byte_holders(line)]
    return {(at[0], at[1]): at[1] for at in places}


def byte_holders(node: Node) -> Iterator[dict[str, Any]]:
    """Every node below `node`, itself included, that names bytes of the buffers."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if type(node) is dict:
            if "$" in node and type(node.get("at")) is list:
                yield node
            waiting.extend(node.values())
        elif type(node) is list:
            waiting.extend(node)
