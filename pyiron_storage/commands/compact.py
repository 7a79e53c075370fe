"""``pyiron-storage compact``."""

from __future__ import annotations

from pyiron_storage.command_line import AsJSON, Backend, File, show, show_json
from pyiron_storage.looking.describing import byte_size, printable
from pyiron_storage.operations import compacting


def command(file: File, *, backend: Backend = None, json: AsJSON = False) -> None:
    """Give back the space in a file that nothing needs any more, and say its size before and after."""
    sizes = compacting.compact(file, backend=backend)
    if json:
        show_json({"file": file, **sizes._asdict()})
    else:
        show(f"{printable(file)}: {byte_size(sizes.before)} before, {byte_size(sizes.after)} after")
