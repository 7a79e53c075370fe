"""Interruptions for the tests: what a process does to its files, stopped or failing at each step in turn."""

import os
import shutil

STEPS = ("pwrite", "pwritev", "ftruncate", "replace", "rename", "unlink", "fsync", "open")
"""The calls of `os` by which files are changed."""


class Steps:
    """Calls `before` at each step; for ``with``, by the monkeypatch of pytest."""

    def __init__(self, monkeypatch, before, only=STEPS):
        self.monkeypatch, self.before, self.only, self.count = monkeypatch, before, only, 0

    def __enter__(self):
        self.context = self.monkeypatch.context()
        patch = self.context.__enter__()
        for name in self.only:
            patch.setattr(os, name, self.watched(getattr(os, name), name))
        return self

    def watched(self, call, name):
        def step(*arguments, **options):
            self.count += 1
            self.before(self.count, name)
            return call(*arguments, **options)

        return step

    def __exit__(self, *_):
        self.context.__exit__(None, None, None)


def snapshots(monkeypatch, folder, into, change):
    """Do `change`, and return copies of the folder as it was before each step and at the end."""
    copies = []

    def before(number, _):
        copies.append(into / str(number))
        with monkeypatch.context() as plain:
            for name in STEPS:
                plain.setattr(os, name, ORIGINAL[name])
            shutil.copytree(folder, copies[-1])

    with Steps(monkeypatch, before):
        change()
    shutil.copytree(folder, into / "end")
    return [*copies, into / "end"]


ORIGINAL = {name: getattr(os, name) for name in STEPS}
