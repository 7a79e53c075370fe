"""The rule ``code``: the functions and classes of a record that are kept by value, on a line of their own.

``items`` are the data that they hold, and ``at`` is the pickle of the code, which says
at its end what fills its gaps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pyiron_storage.records.code import check_runs_here, unpickled
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node
from pyiron_storage.records.parts import ArrayParts, Parts
from pyiron_storage.records.places import Place
from pyiron_storage.records.rule import REGISTRY, Rule


class Code:
    """What was made of the code of a record: its functions and classes, and what their gaps are."""

    def __init__(self, objects: tuple[Any, ...], gaps: tuple[tuple[Any, str, Any, int], ...]) -> None:
        self.objects, self.gaps = objects, gaps


class CodeRule(Rule):
    """``{"$":"code","at":[...],"python":"CPython 3.11","fields":[...],"items":[...]}``."""

    name = "code"

    def shell(self, node: Node, decoder: Decoder) -> Code:
        check_runs_here(decoder.record, "what is in it", node)
        objects, gaps = unpickled(decoder.record, node)[-1]
        return Code(objects, gaps)

    def fill(self, shell: Code, node: Node, decoder: Decoder) -> None:
        held = [decoder.decode(item) for item in decoder.array(node.get("items", []))]
        for owner, kind, key, number in shell.gaps:
            _FILL[kind](owner, key, held[number])

    def parts(self, place: Place) -> Parts:
        return ArrayParts(place.inner("items"), fixed=True) if "items" in place.node else Parts()


def _fill_global(function: Any, name: str, value: Any) -> None:
    function.__globals__[name] = value


def _fill_cell(function: Any, number: int, value: Any) -> None:
    function.__closure__[number].cell_contents = value


def _fill_default(function: Any, number: int, value: Any) -> None:
    defaults = list(function.__defaults__)
    defaults[number] = value
    function.__defaults__ = tuple(defaults)


def _fill_keyword(function: Any, name: str, value: Any) -> None:
    function.__kwdefaults__ = {**(function.__kwdefaults__ or {}), name: value}


_FILL: Final[dict[str, Callable[[Any, Any, Any], None]]] = {
    "attribute": setattr,
    "global": _fill_global,
    "cell": _fill_cell,
    "default": _fill_default,
    "keyword": _fill_keyword,
}

REGISTRY.add(CodeRule())
