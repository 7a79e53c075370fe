"""``pyiron-storage show``."""

from __future__ import annotations

import numpy as np

from pyiron_storage.arrays.native_array import Box
from pyiron_storage.command_line import AsJSON, Backend, File, Path, show, show_json, show_lines
from pyiron_storage.looking.branches import Branch
from pyiron_storage.looking.describing import byte_size, label
from pyiron_storage.looking.plain import plain
from pyiron_storage.looking.text import tree
from pyiron_storage.operations.browser import browse

READ_BYTES = 2**28
"""A larger array is described, not read."""


def command(file: File, path: Path, *, backend: Backend = None, json: AsJSON = False) -> None:
    """Print the value, the numbers, or the tree of what is at a path.

    With --json all of it is printed; numbers that JSON lacks are text, such as "nan".
    """
    with browse(file, path, backend=backend).look() as branch:
        if json:
            show_json(plain(branch))
        elif branch.info.kind == "value":
            show_lines(_text(branch))
        elif branch.is_array and branch.info.size <= READ_BYTES:
            array = branch.array()
            show_lines(np.array2string(array.read(Box.whole(array.shape)), max_line_width=100))
        elif branch.is_array:
            show(
                f"{label(branch)}: more than {byte_size(READ_BYTES)}; 'plot' draws it, and ps.open_storage reads parts"
            )
        else:
            show(tree(branch))


def _text(branch: Branch) -> str:
    value = branch.value()
    return value if isinstance(value, str) else repr(value) if isinstance(value, bytes) else str(value)
