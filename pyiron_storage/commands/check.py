"""``pyiron-storage check``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from pyiron_storage.command_line import AsJSON, Backend, File, leave, show_json, show_lines
from pyiron_storage.operations import checking

TROUBLE = 2
"""1 says that something is damaged."""

Repair = Annotated[
    bool, typer.Option("--repair", help="Put what is whole in the place of a damaged file, which is kept beside it.")
]


def command(file: File, *, repair: Repair = False, backend: Backend = None, json: AsJSON = False) -> None:
    """Compare all that is in a file with its checksums.

    The exit code is 0 where all is whole, 1 where something was damaged, also where it is
    repaired now, and 2 for trouble.
    """
    report = checking.check(file, repair=repair, backend=backend)
    if json:
        findings = [finding._asdict() for finding in report.findings]
        show_json(asdict(report) | {"ok": report.ok, "findings": findings})
    else:
        show_lines(str(report))
    if not report.ok:
        leave(1)
