"""Text that Arrow holds for pandas, taken from its memory and put there, without a Python string for each entry.

Where pyarrow is installed, pandas keeps text in Arrow arrays.  What is written is the
same, byte for byte, as where it is not, and is read by either.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from pyiron_storage.records.columns.kinds.utf8 import Texts, texts_of
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node
from pyiron_storage.records.structure import is_reference

Array = np.ndarray[Any, Any]


def held_by_arrow(array: Any, missing: Array | None) -> Texts | None:
    """Return the texts of a pandas array, an empty one where one is missing; None where Arrow does not hold them."""
    if type(array).__name__ != "ArrowStringArray":
        return None
    pyarrow = importlib.import_module("pyarrow")
    found = array.__arrow_array__()
    whole = found.combine_chunks() if isinstance(found, pyarrow.ChunkedArray) else found
    if isinstance(whole, pyarrow.ChunkedArray):  # of no chunks, or beyond what one holds
        whole = pyarrow.concat_arrays([chunk.cast(pyarrow.large_string()) for chunk in whole.chunks] or [_none()])
    whole = whole.cast(pyarrow.large_string())
    texts = _texts(whole)
    if missing is not None and texts.lengths[missing].any():
        texts = _texts(whole.fill_null(""))
    return texts


def _none() -> Any:
    pyarrow = importlib.import_module("pyarrow")
    return pyarrow.array([], pyarrow.large_string())


def _texts(whole: Any) -> Texts:
    """The texts of an Arrow array, in its own memory."""
    if not len(whole):
        return Texts(np.empty(0, np.uint8), np.empty(0, np.int64))
    _, offsets, data = whole.buffers()
    ends = np.frombuffer(offsets, np.int64)[whole.offset : whole.offset + len(whole) + 1]
    written = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    return Texts(written[ends[0] : ends[-1]], np.diff(ends))


def whole_texts(node: Node, decoder: Decoder) -> Texts | None:
    """Return the texts of a node in one piece of memory; None where they are written in another way."""
    while is_reference(node):
        node = decoder.record.node(node["$"])
    return texts_of(node, decoder) if type(node) is dict and node.get("of") == "utf8" else None


def arrow_array(texts: Texts, missing: Array | None) -> Any:
    """Return the Arrow array of texts, over their memory."""
    pyarrow = importlib.import_module("pyarrow")
    ends = np.zeros(len(texts.lengths) + 1, np.int64)
    np.cumsum(texts.lengths, out=ends[1:])
    valid = None if missing is None else pyarrow.py_buffer(np.packbits(~missing, bitorder="little"))
    return pyarrow.LargeStringArray.from_buffers(
        len(texts.lengths), pyarrow.py_buffer(ends), pyarrow.py_buffer(texts.data), valid
    )
