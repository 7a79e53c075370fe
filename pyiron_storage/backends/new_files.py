"""The files of one group of a JSON directory that no commit names yet.

They are there for nobody else, so what is undone is removed, and what is committed
outlasts a power cut only when it was synced before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from pyiron_storage.backends.file_names import directory_name, folded
from pyiron_storage.files.replacing import sync, written

COUNTED: Final = re.compile(r"(.+)-(\d+)\.")
"""The name of a file: the hint and a counter, before what says of which kind it is."""


class NewFiles:
    """What was made or made longer since the last commit.

    Parameters
    ----------
    path
        The directory of the group.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: list[Path] = []
        self.lengthened: dict[str, int] = {}
        """The files of arrays that became longer, with their lengths before."""
        self._directories: list[Path] = []
        self._counters: dict[str, int] = {}
        """The last counter of each name, in any case: one storage may be moved between file systems."""

    def make(self, name: str, suffix: str, known: Callable[[], Iterable[str]]) -> Path:
        """A name that no file has had, as far as one can see: the hint and a counter above those that are known."""
        self.make_directory()
        stem = directory_name(name)
        counter = self._last_counter(stem, known) + 1
        while (file := self.path / f"{stem}-{counter}.{suffix}").exists():
            counter += 1
        self._counters[folded(stem)] = counter
        self.files.append(file)
        return file

    def _last_counter(self, stem: str, known: Callable[[], Iterable[str]]) -> int:
        """The largest counter among the files of one name that are known here."""
        if not self._counters:
            for found in filter(None, map(COUNTED.match, known())):
                stem_known = folded(found[1])
                self._counters[stem_known] = max(int(found[2]), self._counters.get(stem_known, 0))
        return self._counters.get(folded(stem), 0)

    def make_directory(self) -> None:
        """Make the directory of the group, and those above it."""
        self._directories += [path for path in (self.path, *self.path.parents) if not path.exists()]
        self.path.mkdir(parents=True, exist_ok=True)

    @written
    def sync(self) -> None:
        """Wait until the disk has the files and their names."""
        files = {*self.files, *(self.path / name for name in self.lengthened)}
        for path in [file for file in files if file.exists()]:  # some may have been dropped again
            sync(path)
        for folder in {path.parent for path in (*files, *self._directories)}:
            sync(folder)

    def note_commit(self) -> None:
        """Note that what was made is committed, and stays."""
        self.files.clear()
        self._directories.clear()
        self.lengthened.clear()

    def undo(self) -> None:
        """Remove the files."""
        for file in self.files:
            file.unlink(missing_ok=True)

    def undo_directories(self) -> None:
        """Remove the directories, the innermost first, where they are empty."""
        for path in self._directories:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
