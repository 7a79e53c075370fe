"""How the demonstration tells what it does: numbered steps, the lines that are run, their results and times."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from textwrap import indent
from time import perf_counter

from pyiron_storage import GenericStorage, NodeInfo

WIDTH = 110
_numbers = count(1)


def step(title: str) -> None:
    """Begin the next numbered step."""
    print(f"\n{next(_numbers)}. {title}\n", flush=True)


def tell(text: str) -> None:
    """Print a result, indented below the line of code that gave it."""
    print(indent(text, " " * 7), flush=True)


class shown:  # noqa: N801  reads as a statement: with shown(): ...
    """Print the one line of code that stands in the `with` block, and the time that it took.

    The line is taken from the source, so that what is printed is what is run.
    """

    def __enter__(self) -> None:
        caller = sys._getframe(1)
        code = linecache.getline(caller.f_code.co_filename, caller.f_lineno + 1).strip()
        print(f"   >>> {code}".ljust(WIDTH - 10), end="", flush=True)
        self.start = perf_counter()

    def __exit__(self, *_: object) -> None:
        print(f"{_duration(perf_counter() - self.start):>10}", flush=True)


def files_of(path: Path) -> list[Path]:
    """The file itself, or all files in a directory."""
    return [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())


def size(path: Path) -> str:
    """The size of a file, or of all files in a directory."""
    return kilobytes(sum(file.stat().st_size for file in files_of(path)))


def kilobytes(number: int) -> str:
    """A number of bytes for the reader."""
    return f"{number / 1000:,.1f} kB"


def tree(storage: GenericStorage, found: Iterable[tuple[str, NodeInfo]], depth: int) -> Iterator[str]:
    """Make lines of a tree from what `walk` yields; lists and objects of other packages are shown in one line."""
    closed = None
    for path, info in found:
        parts = path.split("/")
        if len(parts) > depth or (closed is not None and path.startswith(f"{closed}/")):
            continue
        closed = path if info.kind == "list" or info.type.startswith("ase.") else None
        described = repr(storage[path]) if info.kind == "value" else _described(info)
        yield f"{'  ' * (len(parts) - 1) + parts[-1]:<30}{described}"


def _described(info: NodeInfo) -> str:
    if info.same_as is not None:
        return f"the same object as {info.same_as}"
    if info.kind == "array":
        return f"array of {info.dtype}, {' x '.join(map(str, info.shape or ()))}"
    return f"{info.type} of {info.size}" if info.kind in ("list", "dict") else info.type


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
