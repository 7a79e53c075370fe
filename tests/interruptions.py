"""Interruptions for the tests: what a process does to its files, stopped or failing at each step in turn."""

import io
import os
import shutil

WRITES = ("pwrite", "pwritev", "ftruncate", "replace", "rename", "fsync", "mkdir", "utime", "open", "write")
"""The calls by which content and names are written: of `os`, and `write` of what `open` opens for writing."""
STEPS = (*WRITES, "unlink", "rmdir")
"""All calls by which files are changed."""


class Steps:
    """Calls `before` at each step; for ``with``, by the monkeypatch of pytest."""

    def __init__(self, monkeypatch, before, only=STEPS):
        self.monkeypatch, self.before, self.only, self.count = monkeypatch, before, only, 0

    def __enter__(self):
        self.context = self.monkeypatch.context()
        patch = self.context.__enter__()
        for name in set(self.only) - {"open", "write"}:
            patch.setattr(os, name, self.watched(ORIGINAL[name], name))
        patch.setattr(os, "open", self.opened_by_number)
        patch.setattr(io, "open", self.opened)
        return self

    def step(self, name):
        self.count += 1
        self.before(self.count, name)

    def watched(self, call, name):
        def step(*arguments, **options):
            self.step(name)
            return call(*arguments, **options)

        return step

    def opened_by_number(self, path, flags, *arguments, **options):
        if flags & (os.O_CREAT | os.O_TRUNC):
            self.step("open")
        return ORIGINAL["open"](path, flags, *arguments, **options)

    def opened(self, file, mode="r", *arguments, **options):
        if not set(mode) & set("wxa+"):
            return OPEN(file, mode, *arguments, **options)
        self.step("open")
        return Written(OPEN(file, mode, *arguments, **options), self)

    def __exit__(self, *_):
        self.context.__exit__(None, None, None)


class Written:
    """A file that is written, each write a step."""

    def __init__(self, file, steps):
        self._file, self._steps = file, steps

    def write(self, data):
        self._steps.step("write")
        return self._file.write(data)

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        self._file.__enter__()
        return self

    def __exit__(self, *error):
        return self._file.__exit__(*error)


def snapshots(monkeypatch, folder, into, change):
    """Do `change`, and return copies of the folder as it was before each step and at the end."""
    copies = []

    def before(number, _):
        copy = into / str(number)
        copies.append(copy)
        with monkeypatch.context() as plain:
            plain.setattr(io, "open", OPEN)
            for name, call in ORIGINAL.items():
                plain.setattr(os, name, call)
            shutil.copytree(folder, copy)  # what is collected meanwhile may take steps of its own

    with Steps(monkeypatch, before):
        change()
    shutil.copytree(folder, into / "end")
    return [*copies, into / "end"]


ORIGINAL = {name: getattr(os, name) for name in STEPS if name != "write"}
OPEN = io.open
