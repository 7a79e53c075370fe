"""A digest of the source of a class or function: the same whatever its comments and white space.

It is made of the syntax tree, in a form that does not depend on the version of Python.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import linecache
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from pyiron_storage.provenance.imported import text_of


def source_digest(obj: Any) -> str | None:
    """Return a digest of the source of a class or function; None where the source is not at hand.

    Examples
    --------
    >>> source_digest(source_digest) == source_digest(source_digest)
    True
    >>> source_digest(len) is None
    True
    """
    obj = obj.__func__ if isinstance(obj, types.MethodType) else obj
    if not isinstance(obj, (type, types.FunctionType)):
        return None
    try:
        known = _digests.get(obj, "")
    except TypeError:  # a metaclass whose classes cannot be hashed
        return _digest_now(obj)
    if known == "":
        known = _digests[obj] = _digest_now(obj)
    return known


_digests: WeakKeyDictionary[Any, str | None] = WeakKeyDictionary()
"""Reading a source costs half a millisecond; a class that is defined anew is another object."""


def _digest_now(obj: Any) -> str | None:
    if isinstance(obj, type) and text_of(obj.__module__, "__file__") is None:
        return None  # `inspect` would ask the module itself
    try:
        return _digest_of(_definition(obj) or ast.parse(textwrap.dedent(inspect.getsource(obj))).body[0])
    except (OSError, TypeError, SyntaxError, IndexError, RecursionError):
        return None


def _digest_of(tree: ast.AST) -> str:
    return hashlib.sha256(repr(_outline(tree)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def source_digest_in(file: Path, qualified: str) -> str | None:
    """Return the same digest of a class or function by its qualified name in a file, which is not imported."""
    try:
        found = _definitions(str(file), file.stat().st_mtime_ns).get(qualified)
        return None if found is None else _digest_of(found)
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None


def _outline(node: Any) -> Any:
    """A syntax tree as lists, without what newer versions of Python add as empty."""
    if isinstance(node, list):
        return list(map(_outline, node))
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(name, value) for name, value in ast.iter_fields(node) if name != "kind"]
    return [type(node).__name__, *[[name, _outline(value)] for name, value in fields if value not in (None, [])]]


def _definition(obj: Any) -> ast.AST | None:
    """The definition of a class or function in its module, which is parsed once for all that is in it."""
    file = text_of(obj.__module__, "__file__")
    if file is None or obj.__module__ == "__main__" or "<" in obj.__qualname__:
        return None
    try:
        return _definitions(file, Path(file).stat().st_mtime_ns).get(obj.__qualname__)
    except (OSError, ValueError, SyntaxError):
        return None


@functools.lru_cache(64)
def _definitions(file: str, _time: int) -> dict[str, ast.AST]:
    linecache.checkcache(file)
    return dict(_defined(ast.parse("".join(linecache.getlines(file))), ""))


def _defined(node: ast.AST, above: str) -> Iterator[tuple[str, ast.AST]]:
    """Every class and function that is defined outside functions, by its qualified name."""
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield above + inner.name, inner
            if isinstance(inner, ast.ClassDef):
                yield from _defined(inner, f"{above}{inner.name}.")
        elif isinstance(inner, (ast.If, ast.Try, ast.With)):
            yield from _defined(inner, above)
