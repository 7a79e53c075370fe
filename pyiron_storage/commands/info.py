"""``pyiron-storage info``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from pyiron_storage.backends.registry import backends
from pyiron_storage.command_line import AsJSON, Backend, File, OptionalPath, show, show_json
from pyiron_storage.looking.describing import byte_size, printable
from pyiron_storage.operations.browser import browse


def command(file: File, path: OptionalPath = "", *, backend: Backend = None, json: AsJSON = False) -> None:
    """Say what a file is, or what is at a path in it: kind, type, dtype, shape, size."""
    facts: dict[str, Any] = {"file": file, "back-end": backends.find(backend, file).name, "bytes": _size(Path(file))}
    with browse(file, path, backend=backend).look() as branch:
        facts |= {"path": branch.path} if path else {}
        facts |= {name: fact for name, fact in asdict(branch.info).items() if fact is not None}
        if branch.is_array:
            facts["chunks"] = branch.array().chunks
    if json:
        show_json(facts)
        return
    for name, fact in facts.items():
        if fact is not None:
            show(f"{name}:".ljust(11) + (byte_size(fact) if name == "bytes" else printable(str(fact))))


def _size(path: Path) -> int:
    """The bytes of a file, or of all files in a directory; none of what is not there, which opening it will say."""
    if path.is_dir():
        return sum(found.stat().st_size for found in path.rglob("*") if found.is_file())
    return path.stat().st_size if path.exists() else 0
