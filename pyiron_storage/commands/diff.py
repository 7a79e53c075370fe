"""``pyiron-storage diff``."""

from __future__ import annotations

from dataclasses import asdict

from pyiron_storage.command_line import AsJSON, Target, file_and_path, leave, show, show_json
from pyiron_storage.operations.differences import diff

TROUBLE = 2
"""As with the diff of files of text: 1 says that they differ."""


def command(first: Target, second: Target, *, json: AsJSON = False) -> None:
    """Say what differs between two files, or between what is at a path in each.

    The exit code is 0 where nothing differs, 1 where something does, and 2 for trouble.
    """
    (old, path), (new, second_path) = file_and_path(first), file_and_path(second)
    changes = diff(old, new, path, second_path)
    if json:
        show_json([asdict(change) for change in changes])
    for change in [] if json else changes:
        show(str(change))
    if changes:
        leave(1)
