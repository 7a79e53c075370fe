"""``pyiron-storage html``."""

from __future__ import annotations

from pyiron_storage.command_line import Backend, File, OptionalPath, Output, output_file, show
from pyiron_storage.operations.browser import browse


def command(file: File, path: OptionalPath = "", *, output: Output = None, backend: Backend = None) -> None:
    """Write a page that shows what is in a file, folds without a script, and needs no other file.

    Its name is that of the file with .html behind it, where --output does not say another.
    """
    page = output_file(output, f"{file.rstrip('/')}.html")
    page.write_text(browse(file, path, backend=backend).page(), encoding="utf-8")
    show(str(page))
