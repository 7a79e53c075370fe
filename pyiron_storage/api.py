"""`save`, `load`, `delete` and `open_storage`: what most people need."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyiron_storage.backends.registry import OBJECT, Backend, backends
from pyiron_storage.errors import OptionTypeError, UnknownBackendError
from pyiron_storage.files.locks import TIMEOUT
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.progress import Progress
from pyiron_storage.provenance.comparing import Policy
from pyiron_storage.public import public
from pyiron_storage.trusting.admission import Trust


@public
def save(
    obj: Any,
    filename: str | os.PathLike[str],
    path: str = OBJECT,
    *,
    backend: str | Backend | None = None,
    replace: bool = False,
    metadata: Mapping[str, Any] | None = None,
    cloudpickle_fallback: bool = True,
    require_versions: bool = False,
    forbidden_modules: tuple[str, ...] = (),
    compression: str | tuple[str, int] | None = None,
    durability: str = "power",
    locking: bool = True,
    timeout: float = TIMEOUT,
    progress: Progress = None,
) -> None:
    """Save an object in a file: in place of a value or object that is at `path`, leaving everything else.

    Parameters
    ----------
    obj : object
        Anything that pickle or cloudpickle can take apart.
    filename : path-like
        The suffix says the back-end: ``.h5``, ``.json``, ``.jsondir`` (or an existing
        directory), ``.pkl``, ...
    path : str
        Where in the file; names joined by ``/``.
    backend : str or Backend, optional
        The back-end where the suffix does not say it.
    replace : bool
        Whether a group that is at `path` goes with all that is in it; otherwise it is refused.
    metadata : mapping of str, optional
        What is said about the object: names with plain values, which are read and changed
        without loading it, and by which `find` finds it; see `Metadata`.
    cloudpickle_fallback : bool
        Whether code that cannot be imported is kept as cloudpickle bytes; if
        False it is refused, with the path of the first culprit.
    require_versions : bool
        Whether each class and function must come with Python, from a module that has a
        version, or from a file that is as in a git commit; what does not is refused.
    forbidden_modules : tuple of str
        Modules, with what is below them, from which no class or function may come, such
        as ``("__main__",)``: what a later program could not import is refused.
    compression : str or (str, int), optional
        How arrays and documents are compressed, with a level where there are some:
        ``"gzip"`` or ``("gzip", 9)``, ``"zstd"``, ... `docs/backends.md` lists what each
        back-end offers. Reading needs no option.
    durability : {"power", "process"}
        What the change outlasts once this returns: a power cut, or only the death of
        this process, which is faster.
    locking : bool
        Whether other processes are kept out while the file is written; False for file
        systems without locks.
    timeout : float
        For how many seconds to wait for them at most.
    progress : bool or callable, optional
        By default a bar shows how far it is where stderr is a terminal or a notebook and
        this lasts over a second. True shows one in any case, False none. A function is
        called with the bytes that are done, and of how many, as far as that is known.

    Raises
    ------
    UnknownCompressionError
        If the back-end does not offer the compression.
    NotStorableError
        If the object, or something in it, cannot be stored; the file is as before.
    StorageExistsError
        If a group that is not empty is at `path`, and `replace` is False.
    LockTimeoutError
        If another process writes to the file for too long.
    StorageWriteError
        If the system cannot write, for instance to a full disk; the file is as before.
    UnknownBackendError
        If no back-end is known for the suffix.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> ps.save({"energy": -3.72, "steps": [1, 2, 3]}, "relax.h5")
    >>> ps.load("relax.h5", "energy")
    -3.72
    """
    _found_for(obj, filename, backend).dump(
        obj,
        filename,
        path,
        replace=replace,
        metadata=metadata,
        cloudpickle_fallback=cloudpickle_fallback,
        require_versions=require_versions,
        forbidden_modules=forbidden_modules,
        compression=compression,
        durability=durability,
        locking=locking,
        timeout=timeout,
        progress=progress,
    )


def _found_for(obj: Any, filename: Any, backend: str | Backend | None) -> Backend:
    """The back-end to save an object with; where the two are exchanged, the error says so."""
    try:
        return backends.find(backend, filename)
    except (OptionTypeError, UnknownBackendError) as error:
        names_a_file = isinstance(obj, str | os.PathLike) and backends.known(Path(obj)) is not None
        if names_a_file and backend is None:
            raise type(error)(
                f"{error} The object comes first, ps.save(obj, filename), and {str(obj)!r} was given as the object. "
                "Are the two exchanged?"
            ) from None
        raise


@public
def load(
    filename: str | os.PathLike[str],
    path: str = OBJECT,
    *,
    backend: str | Backend | None = None,
    mmap: bool = False,
    verify: bool = False,
    trust: Trust = None,
    versions: Policy = "warn",
    rename: Mapping[str, str] | None = None,
    on_missing: str = "error",
    map_location: Any = None,
    metadata: Mapping[str, Any] | None = None,
    locking: bool = True,
    timeout: float = TIMEOUT,
    progress: Progress = None,
) -> Any:
    """Load an object, or a part of one: only this part is read.

    Parameters
    ----------
    filename : path-like
        The file or directory.
    path : str
        Where in the file. A path that is no top-level name is looked up inside
        ``object``, where `save` puts things.
    backend : str or Backend, optional
        The back-end where the suffix does not say it.
    mmap : bool
        Whether big arrays come back as read-only `numpy.memmap`, whose entries are
        read when they are used. What cannot be mapped (small or compressed arrays,
        those that were made longer in an HDF5 file, back-ends without files) comes
        as an ordinary array. A map keeps its values, whichever process changes the file.
    verify : bool
        Whether arrays of more than 64 kB are compared with their checksums too; smaller ones
        and all else always are. `check` does so for a whole file.
    trust : "data", "all" or list of str, optional
        What may run: ``"data"`` nothing, so that plain values, arrays, dates, tables and
        their like load; names of packages, which admit their classes, and full names of
        classes and functions; ``"all"`` anything. By default, all that is signed by a
        key of this user, and else what the configuration admits; `docs/trust.md` says more.
    versions : {"warn", "ignore", "compatible", "exact"} or callable
        What becomes of packages that have another version than when the object was
        stored: a warning, once for each; nothing; an error where the release numbers
        promise no compatibility; an error always. Or a function of the saved and the
        current version that says whether to go on.
    rename : mapping of str to str, optional
        Classes, functions and modules that have moved, old name to new one; see
        `register_rename`.
    on_missing : {"error", "raw"}
        Whether a class that cannot be imported is an error, or its objects come as
        `RawObject`, which show what is stored of them and are saved again as they were.
    map_location : str, torch.device, mapping or callable, optional
        Where tensors of torch are put, as `torch.load` takes it. By default where they were,
        or, with a warning, on the CPU where that device is not here.
    metadata : mapping, optional
        What the object must carry: equal values, or functions that say True of them.
    locking : bool
        Whether commits of other processes are kept out meanwhile; False for file
        systems without locks.
    timeout : float
        For how many seconds to wait for such a commit at most.
    progress : bool or callable, optional
        As for `save`.

    Returns
    -------
    object
        The object itself, never a view.

    Raises
    ------
    StorageNotFoundError
        If there is no such file.
    PathNotFoundError
        If there is nothing at the path; the message lists what is.
    DamagedRecordError
        If what is read is not as it was written.
    UntrustedError
        If the object needs classes, functions or code that are not admitted; it lists
        them, and nothing was run.
    CannotImportError
        If a class or function that the object needs cannot be imported.
    VersionMismatchError
        If `versions` refuses the version that a package has now.
    MetadataMismatchError
        If it does not carry the `metadata`.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> ps.save([{"name": "a"}, {"name": "b"}], "list.h5")
    >>> ps.load("list.h5", "1/name")
    'b'
    >>> ps.load("list.h5")
    [{'name': 'a'}, {'name': 'b'}]
    """
    return backends.find(backend, filename).load(
        filename,
        path,
        mmap=mmap,
        verify=verify,
        trust=trust,
        versions=versions,
        rename=rename,
        on_missing=on_missing,
        map_location=map_location,
        metadata=metadata,
        locking=locking,
        timeout=timeout,
        progress=progress,
    )


@public
def delete(
    filename: str | os.PathLike[str],
    path: str | None = None,
    *,
    backend: str | Backend | None = None,
    durability: str = "power",
    locking: bool = True,
    timeout: float = TIMEOUT,
) -> None:
    """Delete a part of a file, or the file.

    Parameters
    ----------
    filename : path-like
        The file or directory.
    path : str, optional
        What to delete in it; without it, the whole file goes.
    backend : str or Backend, optional
        The back-end where the suffix does not say it.
    durability, locking, timeout
        As for `save`.

    Raises
    ------
    StorageNotFoundError
        If there is no such file.
    PathNotFoundError
        If there is nothing at the path.
    FileKindError
        If the file is not one of this back-end: it is not deleted then.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> ps.save({"a": 1, "b": 2}, "pair.h5")
    >>> ps.delete("pair.h5", "a")
    >>> ps.load("pair.h5")
    {'b': 2}
    >>> ps.delete("pair.h5")
    """
    backends.find(backend, filename).delete(filename, path, durability=durability, locking=locking, timeout=timeout)


@public
def open_storage(
    filename: str | os.PathLike[str], mode: str = "a", *, backend: str | Backend | None = None, **options: Any
) -> GenericStorage:
    """Open a file or directory as a storage.

    Parameters
    ----------
    filename : path-like
        The file or directory.
    mode : {"a", "r", "w", "x"}
        ``"a"`` reads and writes, and makes the file at the first write; ``"r"``
        reads; ``"w"`` begins with an empty one; ``"x"`` wants that there is none yet.
    backend : str or Backend, optional
        The back-end where the suffix does not say it.
    **options
        Defaults for what is saved and loaded through the handle, with the meaning that
        they have in `save` and `load`: ``metadata`` (of what is saved),
        ``cloudpickle_fallback``, ``require_versions``,
        ``forbidden_modules``, ``compression``, ``durability`` (here by default ``"process"``),
        ``trust``, ``versions``, ``rename``, ``on_missing``, ``locking`` and ``timeout``. The
        handles of one process on one file share its locks; the first of them says whether
        there are any.

    Returns
    -------
    GenericStorage
        Use it in a ``with`` statement, which closes it. Each assignment is
        committed when its line is done; `GenericStorage.transaction` makes many one.
        Other threads may use it too. Pickled, it opens the file again in the process
        that unpickles it.

    Raises
    ------
    StorageNotFoundError, StorageExistsError
        If the file is missing for ``"r"``, or there for ``"x"``.
    FileKindError
        If the file is of another kind.
    UnknownBackendError
        If no back-end is known for the suffix.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> with ps.open_storage("project.h5") as storage:
    ...     storage["nodes/relax"] = {"outputs": {"energy": -3.72}}
    ...     storage["nodes/relax"]["outputs"]["energy"] = -3.73
    >>> ps.load("project.h5", "nodes/relax/outputs/energy")
    -3.73
    """
    return backends.find(backend, filename).open(filename, mode, **options)
