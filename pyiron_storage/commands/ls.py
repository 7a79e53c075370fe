"""``pyiron-storage ls``."""

from __future__ import annotations

from dataclasses import asdict

from pyiron_storage.command_line import AsJSON, Backend, File, OptionalPath, show, show_json
from pyiron_storage.looking.describing import label, printable
from pyiron_storage.operations.browser import browse


def command(file: File, path: OptionalPath = "", *, backend: Backend = None, json: AsJSON = False) -> None:
    """List what is directly in a file or at a path in it."""
    with browse(file, path, backend=backend).look() as branch:
        children = branch.children()
        if json:
            show_json([{"name": child.name, **asdict(child.info)} for child in children])
            return
        width = max((len(printable(child.name)) for child in children), default=0)
        for child in children:
            show(f"{printable(child.name).ljust(width)}  {label(child)}")
