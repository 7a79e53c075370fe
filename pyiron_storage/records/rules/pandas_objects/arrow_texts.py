"""Columns of text between Arrow's memory and ours, without a Python string for each entry.

Where pyarrow is installed, pandas keeps text in Arrow arrays. What is written is the same
as for any list of text (see `columns.kinds.text`), byte for byte, so that it does not
matter who has pyarrow; Arrow joins the texts and takes them apart in C.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, Final

import numpy as np

from pyiron_storage.records.columns.column import encode_column
from pyiron_storage.records.columns.kinds.numbers import column_bytes, stored_bytes
from pyiron_storage.records.columns.kinds.shared import SAMPLE
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node
from pyiron_storage.records.dtypes import read_dtype
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.rule import REGISTRY, Rule
from pyiron_storage.records.structure import is_reference

LEAST_TEXTS: Final = 1000
"""With fewer, Arrow's fixed costs are more than those of a list."""
FEW: Final = SAMPLE // 8
"""With so few different texts in a sample, a column may be of few texts that come again."""


class ArrowTexts:
    """Texts in an Arrow array, none of them missing, to be written as a list of them is.

    Parameters
    ----------
    array : pyarrow.Array
        The texts, of the type ``large_string``.
    """

    def __init__(self, array: Any) -> None:
        self.array = array


def taken_from(array: Any, missing: np.ndarray[Any, Any] | None) -> ArrowTexts | None:
    """Return the texts of a pandas array, an empty one where one is missing; None where Arrow does not hold them."""
    if type(array).__name__ != "ArrowStringArray" or len(array) < LEAST_TEXTS:
        return None
    pyarrow = importlib.import_module("pyarrow")
    found = array.__arrow_array__()
    whole = found.combine_chunks() if isinstance(found, pyarrow.ChunkedArray) else found
    if isinstance(whole, pyarrow.ChunkedArray):  # of no chunks, or beyond what one holds
        return None
    whole = whole.cast(pyarrow.large_string())
    return ArrowTexts(whole.fill_null("") if missing is not None else whole)


class ArrowTextsRule(Rule):
    """Writes the nodes of a list of text; nothing is ever read back by this name."""

    name = "arrow texts"

    def encode(self, obj: ArrowTexts, encoder: Encoder) -> Node:
        few = len(set(obj.array.slice(0, SAMPLE).to_pylist())) <= FEW
        node = _repeated(obj.array, encoder) if few else _joined(obj.array, encoder)
        return encoder.encode(obj.array.to_pylist()) if node is None else node


def _joined(array: Any, encoder: Encoder) -> Node | None:
    """The column of texts between line ends; None where a text has one."""
    pyarrow = importlib.import_module("pyarrow")
    compute = importlib.import_module("pyarrow.compute")
    every = pyarrow.LargeListArray.from_arrays(pyarrow.array([0, len(array)], pyarrow.int64()), array)
    joined = np.frombuffer(
        compute.binary_join(every, pyarrow.scalar("\n", pyarrow.large_string()))[0].as_buffer(), "u1"
    )
    if int(np.count_nonzero(joined == _LINE_END)) != len(array) - 1:
        return None
    return {"$": "column", "count": len(array), "of": "text", **stored_bytes(joined, encoder)}


def _repeated(array: Any, encoder: Encoder) -> Node | None:
    """The column of few texts that come again and again; None where they are one, or too many."""
    coded = array.dictionary_encode()
    different = coded.dictionary.to_pylist()
    if not 1 < len(different) <= len(array) // 8:
        return None
    values = encode_column(different, 0, encoder)
    codes = encode_column(coded.indices.to_numpy().tolist(), 0, encoder)
    return {"$": "column", "count": len(array), "of": "repeated", "values": values, "codes": codes}


_LINE_END: Final = ord("\n")


# -- back ----------------------------------------------------------------------------------


def arrow_of(node: Node, decoder: Decoder) -> Any:
    """Return the Arrow array of a column of text; None where it is another node, or pyarrow is missing."""
    while is_reference(node):
        node = decoder.record.node(node["$"])
    if type(node) is not dict or node.get("$") != "column" or importlib.util.find_spec("pyarrow") is None:
        return None
    if node.get("of") == "text" and "lengths" not in node:
        return _split(node, decoder)
    return _chosen(node, decoder) if node.get("of") == "repeated" else None


def _split(node: dict[str, Node], decoder: Decoder) -> Any:
    pyarrow = importlib.import_module("pyarrow")
    data = column_bytes(node, decoder.record)
    whole = pyarrow.LargeStringArray.from_buffers(
        1, pyarrow.py_buffer(np.array([0, len(data)], np.int64)), pyarrow.py_buffer(data)
    )
    whole.validate(full=True)  # it is what a file says
    found = importlib.import_module("pyarrow.compute").split_pattern(whole, "\n").flatten()
    return found if len(found) == node["count"] else None


def _chosen(node: dict[str, Node], decoder: Decoder) -> Any:
    codes = node["codes"]
    if codes.get("of") != "number":
        return None
    pyarrow = importlib.import_module("pyarrow")
    numbers = np.frombuffer(column_bytes(codes, decoder.record), read_dtype(codes["dtype"], decoder.record.place))
    values = pyarrow.array(decoder.decode(node["values"]), pyarrow.large_string())
    if numbers.dtype.kind not in "iu" or len(numbers) != node["count"] or int(numbers.max(initial=0)) >= len(values):
        return None
    return values.take(pyarrow.array(numbers))


REGISTRY.add(ArrowTextsRule(), ArrowTexts)
