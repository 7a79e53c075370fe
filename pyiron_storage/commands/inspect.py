"""``pyiron-storage inspect``."""

from __future__ import annotations

from dataclasses import asdict

from pyiron_storage.command_line import AsJSON, Backend, File, show, show_json
from pyiron_storage.looking.describing import byte_size, printable
from pyiron_storage.operations.inspection import inspect


def command(file: File, *, backend: Backend = None, json: AsJSON = False) -> None:
    """List the code that a file keeps by value, and from which modules it imports; none of it is run."""
    parts = inspect(file, backend=backend)
    if json:
        show_json([asdict(part) for part in parts])
    for part in [] if json else parts:
        imports = f", imports {', '.join(part.modules)}" if part.modules else ""
        show(printable(f"{part.path}  {part.name}, {byte_size(part.size)}{imports}"))
