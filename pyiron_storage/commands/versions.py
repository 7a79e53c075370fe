"""``pyiron-storage versions``."""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from typing import Annotated, Any, NamedTuple

import typer

from pyiron_storage.command_line import AsJSON, Backend, File, OptionalPath, leave, show, show_json
from pyiron_storage.looking.describing import printable
from pyiron_storage.operations import recorded_versions
from pyiron_storage.operations.present_versions import Comparison, compare
from pyiron_storage.operations.recorded_versions import ObjectVersions, TypeVersion
from pyiron_storage.provenance.environment import environment

TROUBLE = 2
"""1 says that something does not fit."""
NAMED = 3
"""So many classes and functions of a package are named."""
NOTES = {
    "same": "",
    "version": "another version",
    "source": "another source",
    "missing": "not found",
    "by value": "kept in the file",
    "unknown": "not compared",
}


class Policy(Enum):
    """What `--check` asks for."""

    COMPATIBLE = "compatible"
    EXACT = "exact"


Check = Annotated[
    Policy | None,
    typer.Option("--check", help="Exit with 1 where something would be refused by load(..., versions=...)."),
]


class Compared(NamedTuple):
    """A class, function or module: what was recorded, what is here, and whether that fits; None where nobody asked."""

    recorded: TypeVersion
    here: Comparison
    fits: bool | None


def command(
    file: File, path: OptionalPath = "", *, check: Check = None, backend: Backend = None, json: AsJSON = False
) -> None:
    """Show with which versions the objects in a file were made, beside those that are here.

    Nothing is imported. With --check the exit code is 0 where all fit, 1 where some do not, and 2
    for trouble.
    """
    objects = recorded_versions.versions(file, path, backend=backend)
    compared = [[_compared(found, check) for found in one.types] for one in objects]
    if json:
        show_json([_plain(*pair) for pair in zip(objects, compared, strict=True)])
    elif objects:
        _show(objects, compared)
    else:
        show(printable(f"{file}: nothing is recorded"))
    if any(one.fits is False for types in compared for one in types):
        leave(1)


def _compared(found: TypeVersion, check: Policy | None) -> Compared:
    here = compare(found)
    return Compared(found, here, None if check is None else here.fits(found, check.value))


def _plain(made: ObjectVersions, types: list[Compared]) -> dict[str, Any]:
    listed = [asdict(one.recorded) | asdict(one.here) | {"fits": one.fits} for one in types]
    return {"path": made.path, "environment": dict(made.environment), "here": environment(), "types": listed}


def _show(objects: list[ObjectVersions], compared: list[list[Compared]]) -> None:
    for made, types in zip(objects, compared, strict=True):
        told = ", ".join(f"{name} {version}" for name, version in made.environment.items())
        show(printable(f"{made.path}: {told or 'nothing is recorded'}"))
        rows = _rows(types)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            show("  " + "  ".join(map(str.ljust, row, widths)).rstrip())


def _rows(types: list[Compared]) -> list[tuple[str, ...]]:
    """One row for what is of one package and compares alike; without what comes with Python."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for one in types:
        if one.recorded.by_value or one.here.state != "unknown" or one.recorded.version or one.recorded.source:
            alike.setdefault(_facts(one), []).append(printable(one.recorded.name))
    return [(*facts, _listed(names)) for facts, names in alike.items()]


def _facts(one: Compared) -> tuple[str, ...]:
    found, note = one.recorded, NOTES[one.here.state]
    commit = f"commit {found.commit[:10]}{', changed' if found.changed else ''}" if found.commit else "-"
    saved = found.package or found.name.partition(".")[0], found.version or commit, f"here {one.here.current or '-'}"
    return (*map(printable, saved), f"{note}, does not fit" if one.fits is False else note)


def _listed(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
