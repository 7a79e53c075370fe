"""`check`: what of a file is whole, and a file of what is.

Nothing here imports a class or runs stored code.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pyiron_storage.backends.registry import Backend
from pyiron_storage.errors import StorageError
from pyiron_storage.files.locks import TIMEOUT
from pyiron_storage.files.replacing import confirm_name, exchange_names, free_name_beside, sync, take_rights
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.model.stored_object import GroupStore
from pyiron_storage.operations.exclusive import alone, remove_aside, storage_class
from pyiron_storage.operations.record_check import CANNOT_READ_HERE, RecordCheck, check_node, looks_like_a_record
from pyiron_storage.option_checks import checked_filename
from pyiron_storage.paths import Name, join
from pyiron_storage.public import public


class Finding(NamedTuple):
    """One thing that `check` found.

    Attributes
    ----------
    path : str
        Where in the file; empty for the file itself.
    kind : str
        ``"damaged"``; ``"unreadable"``: a package that it needs is not installed here, a
        later release wrote it, or it is no value at all; ``"unverified"``: it can be read and has no checksums, or
        not for all of it.
    message : str
        What was found.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> print(ps.Finding("run/forces", "unverified", "it has no checksums"))
    unverified: run/forces: it has no checksums
    """

    path: str
    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.path or 'the file'}: {self.message}"


@dataclass
class CheckReport:
    """What `check` found in a file; it is true where nothing is damaged.

    Attributes
    ----------
    filename : str
        The file.
    nodes, objects : int
        How many values and stored objects were compared.
    findings : list of Finding
        What is damaged, and what has no checksums to compare it with.
    saved : list of str
        After a repair: the paths of the values and objects that are in the file now.
    lost : list of str
        After a repair: the paths of what is not, or not in whole.
    damaged_file : str or None
        After a repair: where the file is as it was. None where nothing could be saved; then it is where it was.
    repair : bool
        Whether it was to be repaired, and needed to be.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> ps.save({"energy": -3.72}, "relax.h5")
    >>> print(ps.check("relax.h5"))
    relax.h5: 0 values and 1 objects are whole
    """

    filename: str
    nodes: int = 0
    objects: int = 0
    findings: list[Finding] = field(default_factory=list)
    saved: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    damaged_file: str | None = None
    repair: bool = False

    @property
    def damaged(self) -> list[Finding]:
        """The findings that say that something is not as it was written."""
        return [finding for finding in self.findings if finding.kind == "damaged"]

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damaged

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        if self.ok:
            first = f"{self.filename}: {self.nodes} values and {self.objects} objects are whole"
        else:
            first = f"{self.filename}: {len(self.damaged)} of what is in it is damaged"
        lines = [first, *(f"  {finding}" for finding in self.findings)]
        if self.damaged_file is not None:
            lines.append(
                f"  repaired: {len(self.saved)} saved, {len(self.lost)} lost or in part; the file as it was is"
            )
            lines[-1] += f" {self.damaged_file}"
            lines += [f"  lost: {path}" for path in self.lost]
        elif self.repair:
            lines.append("  not repaired: nothing of it can be saved; the file is as it was")
        return "\n".join(lines)

    def note(self, path: str, kind: str, what: object) -> None:
        """Add a finding."""
        self.findings.append(Finding(path, kind, str(what)))


@public
def check(
    filename: str | os.PathLike[str],
    *,
    repair: bool = False,
    backend: str | Backend | None = None,
    locking: bool = True,
    timeout: float = TIMEOUT,
) -> CheckReport:
    """Compare all that is in a file with its checksums; nothing is imported or run.

    Parameters
    ----------
    filename : path-like
        The file or directory.
    repair : bool
        Whether to put a file with what is whole in the place of a damaged one, which is
        kept under the name ``<filename>.damaged``. Of a damaged object the entries of its lists and
        dicts are kept that are whole; lost entries of a list become None. What is whole is copied as it is, and
        so is what merely cannot be read here.
    backend : str or Backend, optional
        The back-end where the suffix does not say it.
    locking, timeout
        As for `load`.

    Returns
    -------
    CheckReport
        Prints what was found; false where something is damaged.

    Raises
    ------
    StorageNotFoundError
        If there is no such file.
    StorageInUseError
        If it is to be repaired, and is open in this process or written by another.

    Examples
    --------
    >>> import numpy as np, pyiron_storage as ps
    >>> ps.save({"forces": np.zeros((10_000, 3))}, "run.h5")
    >>> report = ps.check("run.h5")
    >>> report.ok, report.findings
    (True, [])
    """
    found = storage_class(backend, filename)
    options = {"locking": locking, "timeout": timeout}
    path = checked_filename(filename)
    report = _checked(found, path, options)
    if repair and not report.ok:
        with alone(path, locking=locking, timeout=timeout):
            report = _repaired(found, path, options)
    return report


# -- checking --------------------------------------------------------------------------


def _checked(found: type[GenericStorage], path: Path, options: dict[str, Any]) -> CheckReport:
    report = CheckReport(str(path))
    _go_through(found, path, options, report, None)
    return report


def _go_through(
    found: type[GenericStorage], path: Path, options: dict[str, Any], report: CheckReport, target: GenericStorage | None
) -> None:
    try:
        storage, lost = found._open_damaged(str(path), **options)
        with storage:
            for name in lost:
                report.note(name, "damaged", "is not as it was written")
                report.lost.append(name)
            with storage._session.access, storage._session.shared.salvaging(verify=True):
                _Check(report).group(storage, target)
    except StorageError as error:
        if isinstance(error, FileNotFoundError):
            raise
        report.note("", "damaged", error)
        report.lost.append("")


class _Check:
    """Goes through a storage, and copies what is whole."""

    def __init__(self, report: CheckReport) -> None:
        self._report = report

    def group(self, storage: GenericStorage, target: GenericStorage | None) -> None:
        """Go through one group."""
        try:
            with storage._session.access:
                names = storage._raw_names()
            for name in storage._lost():
                self._note_lost(join((*storage._location, name)), "is not as it was written")
        except StorageError as error:
            self._note_lost(storage.path, error)
            return
        for name in names:
            try:
                with storage._session.access:  # each error of HDF5 gets its meaning
                    self._one(storage, Name(name), target)
            except CANNOT_READ_HERE as error:
                self._report.note(join((*storage._location, name)), "unreadable", error)
                self._save(storage, Name(name), target)
            except StorageError as error:
                self._note_lost(join((*storage._location, name)), error)

    def _note_lost(self, path: str, what: object) -> None:
        self._report.note(path, "damaged", what)
        self._report.lost.append(path)

    def _one(self, storage: GenericStorage, name: Name, target: GenericStorage | None) -> None:
        path = join((*storage._location, name))
        if storage._has_node(name):
            self._report.nodes += 1
            for message in check_node(storage, name):
                self._report.note(path, "unverified", message)
            self._save(storage, name, target)
            return
        inner = storage[name]
        if looks_like_a_record(inner):
            self._object(storage, name, inner, target)
        elif inner._has_record():
            self._report.note(path, "unverified", "another library wrote it, without checksums")
            self._save(storage, name, target)
        else:
            self.group(inner, None if target is None else target.create_group(name))

    def _save(self, storage: GenericStorage, name: Name, target: GenericStorage | None) -> None:
        if target is not None:
            storage._copy_to(name, target)
            self._report.saved.append(join((*storage._location, name)))

    def _object(
        self, storage: GenericStorage, name: Name, inner: GenericStorage, target: GenericStorage | None
    ) -> None:
        self._report.objects += 1
        for lost in inner._lost():
            self._note_lost(join((*inner._location, lost)), "is not as it was written")
        found = RecordCheck(inner, self._report.filename)
        for message in found.unreadable:
            self._report.note(inner.path, "unreadable", message)
        for message in found.unverified:
            self._report.note(inner.path, "unverified", message)
        for message in found.damaged:
            self._report.note(inner.path, "damaged", message)
        if not found.damaged:
            self._save(storage, name, target)
        elif target is not None:
            kept = found.salvaged()
            if kept.record is not None:
                kept.record.flush(GroupStore(target.create_group(name), self._report.filename))
                self._report.saved.append(inner.path)
            self._report.lost += [f"{inner.path}/{part}" if part else inner.path for part in kept.lost]


# -- repairing -----------------------------------------------------------------------------


def _repaired(found: type[GenericStorage], path: Path, options: dict[str, Any]) -> CheckReport:
    """Put a file with what is whole in the place of a damaged one."""
    report = CheckReport(str(path), repair=True)
    path = Path(os.path.realpath(path))
    aside = free_name_beside(path, alone=bool(options["locking"]))
    try:
        with found(aside, "w", **options) as target, target.transaction():  # type: ignore[call-arg]
            _go_through(found, path, options, report, target)
        if report.saved:
            report.damaged_file = str(_swap(aside, path))
    finally:
        remove_aside(aside)
    return report


def _swap(aside: Path, path: Path) -> Path:
    """Give a new file or directory the name of the old one, which gets another; return that."""
    kept, counter = path.with_name(f"{path.name}.damaged"), 1
    while kept.exists():
        counter += 1
        kept = path.with_name(f"{path.name}.damaged-{counter}")
    take_rights(path, aside)
    sync(aside)
    if path.is_dir():
        if not exchange_names(aside, path):
            path.rename(kept)
            aside.rename(path)
        else:
            aside.rename(kept)
    else:
        os.link(path, kept)
        os.replace(aside, path)
    confirm_name(path)
    return kept
