"""Objects that are made from named pieces: how a library's own types are written by what is public of them.

Each piece is a node, so a file does not depend on how one release of the library is
built inside.  What its pieces do not give back exactly goes by the pickle protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pyiron_storage.errors import CannotImportError, DamagedRecordError
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node
from pyiron_storage.records.encoder import Encoder, Refusal
from pyiron_storage.records.parts import ObjectParts, Parts
from pyiron_storage.records.places import Place
from pyiron_storage.records.rule import Rule
from pyiron_storage.records.rules.objects import ObjectRule

Pieces = dict[str, Any]
by_protocol = ObjectRule()


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
        return ObjectParts(pieces_of(place), fixed=True)

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


def pieces_of(place: Place) -> Place:
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
