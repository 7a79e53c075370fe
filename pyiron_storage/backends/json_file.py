"""`JSONFileStorage`: a whole storage in one indented JSON file, for small things that people read.

The file is read when it is opened and replaced as a whole at each commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import orjson

from pyiron_storage.arrays.checks import Check
from pyiron_storage.backends.json_checks import damaged_entries, entry_sums, verify_entries
from pyiron_storage.backends.json_values import from_json, to_json
from pyiron_storage.backends.memory import MemoryStorage, SharedTree, Tree
from pyiron_storage.backends.opening import (
    OpenFile,
    begins_anew,
    checked_path,
    is_durable,
    open_file,
    read_only,
    reopening,
    signature,
)
from pyiron_storage.errors import DamagedRecordError, FileKindError, FormatVersionError
from pyiron_storage.files.locks import TIMEOUT
from pyiron_storage.files.replacing import replace_file
from pyiron_storage.files.system_errors import reading
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.paths import Name, escape
from pyiron_storage.records.document import MAGIC, ROOT
from pyiron_storage.trusting.admission import Trust

FORMAT: Final = 1


class JSONFileStorage(MemoryStorage):
    """A storage in one JSON file.

    Parameters
    ----------
    filename : path-like
        The file.
    mode : {"a", "r", "w", "x"}
        As for `open_storage`.
    cloudpickle_fallback : bool
        Whether code that cannot be imported is kept as cloudpickle bytes, or refused.
    durability, locking, timeout, trust
        As for `open_storage`.

    Examples
    --------
    >>> with JSONFileStorage("settings.json") as storage:
    ...     storage["settings"] = {"cutoff": 5.0}
    >>> JSONFileStorage("settings.json", "r")["settings/cutoff"]
    5.0
    """

    def __init__(
        self,
        filename: Any,
        mode: str = "a",
        *,
        cloudpickle_fallback: bool = True,
        durability: str = "process",
        locking: bool = True,
        timeout: float = TIMEOUT,
        trust: Trust = None,
    ) -> None:
        path = checked_path(filename, mode, is_kind=lambda path: path.is_file(), kind="a file")
        self._durable = is_durable(durability)
        self._file = open_file(JSONFile, path, locking=locking, timeout=timeout)
        self._become(self._file.tree, ())
        self._start(
            str(path),
            shared=self._file.shared,
            read_only=read_only(mode),
            cloudpickle_fallback=cloudpickle_fallback,
            durability=durability,
            locking=locking,
            timeout=timeout,
            trust=trust,
        )
        if begins_anew(mode):
            self._begin_anew(self._shared.clear)

    @classmethod
    def _open_damaged(cls, filename: str, **options: Any) -> tuple[GenericStorage, list[str]]:
        content = _read_content(Path(filename), filename)
        check = content.get("check")
        lost = [entry[1] for entry in damaged_entries(check, entries(content))]
        storage = WholeParts(is_checked=check is not None)
        storage._shared.root.update(_whole_tree(content, "", set(lost), lost, filename))
        return storage, lost

    def _compact(self) -> None:
        """Nothing to do: each commit writes the file anew."""

    def _begin_access(self) -> None:
        self._file.refresh()

    def _begin(self) -> None:
        self._file.begin()

    def _commit(self) -> None:
        groups = _content(self._shared.root)
        content = {"pyiron_storage": FORMAT, "kind": "file", "check": entry_sums(entries(groups)), **groups}
        text = orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        replace_file(
            self._file.real_path,
            lambda file: file.write(text),
            durable=self._durable,
            alone=self._file.patience is not None,
        )
        self._file.note_state()
        super()._commit()
        self._file.give_back()

    def _rollback(self) -> None:
        super()._rollback()
        self._file.give_back()

    def _close(self) -> None:
        self._file.release()

    def _reopening(self) -> Any:
        return reopening(JSONFileStorage, self._file, self._session)

    def _destroy(self) -> None:
        self._file.path.unlink()


class JSONFile(OpenFile):
    """The open file that all handles share, read when it is first used."""

    def __init__(self, path: Path, *, locking: bool = True, timeout: float = TIMEOUT) -> None:
        super().__init__(path, locking=locking, timeout=timeout)
        self._state: tuple[int, int, int] | None = None
        self.tree = SharedTree({})
        self.refresh()

    @property
    def is_gone(self) -> bool:
        return False  # which file has the name is looked up at each access

    def begin(self) -> None:
        """Keep other writers out, and see what they have written.

        Raises
        ------
        LockTimeoutError
            If another process writes for too long; the message names it.
        """
        self.reserve()
        try:
            self.refresh()
        except BaseException:
            self.give_back()
            raise

    def refresh(self) -> None:
        """Read the file where another process has replaced it."""
        state = signature(self.real_path)
        if state != self._state:
            self.tree.root = self._read() if state and state[1] else {}
            self.shared.records.clear()
            self._state = state

    def note_state(self) -> None:
        """Note that the file is as it was written from here."""
        self._state = signature(self.real_path)

    def close(self) -> None:
        self.give_back_for_good()

    def _read(self) -> Tree:
        content = _read_content(self.real_path, str(self.path))
        tree = _tree(content, str(self.path))
        verify_entries(content.get("check"), list(entries(content)), str(self.path))
        return tree


class WholeParts(MemoryStorage):
    """What is whole of a JSON file."""

    def __init__(self, *, is_checked: bool) -> None:
        super().__init__()
        self._is_checked = is_checked

    def _inside(self, name: str) -> MemoryStorage:
        group = WholeParts.__new__(WholeParts)
        group._is_checked = self._is_checked
        return group._become(self._shared, (*self._names, str(name)))

    def _protection(self, name: Name) -> Check | bool:
        return self._is_checked


def _read_content(path: Path, where: str) -> dict[str, Any]:
    """The JSON of a file of this back-end."""
    try:
        with reading(path):
            content = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise FileKindError(f"{where}: the file is not JSON: {error}.") from error
    version = content.get("pyiron_storage") if type(content) is dict else None
    if type(version) is not int or content.get("kind") != "file":
        raise FileKindError(f"{where}: the file is JSON, but no storage of pyiron_storage.")
    if version > FORMAT:
        raise FormatVersionError(f"{where}: format version {version} is later than {FORMAT}, known here.")
    return cast(dict[str, Any], content)


def entries(content: dict[str, Any], path: str = "") -> Iterator[list[Any]]:
    """What the check of the file is for: each node and each group, with its path."""
    for name, node in content["nodes"].items():
        yield ["nodes", _inner(path, name), node]
    for name, inner in content["groups"].items():
        yield ["groups", _inner(path, name), None]
        yield from entries(inner, _inner(path, name))


def _inner(path: str, name: str) -> str:
    """The path of a name in a group."""
    return f"{path}/{escape(name)}" if path else escape(name)


def _content(tree: Tree) -> dict[str, Any]:
    """The JSON of a group: its nodes and its groups."""
    return {
        "nodes": {name: _node(value) for name, value in tree.items() if not isinstance(value, dict)},
        "groups": {name: _content(value) for name, value in tree.items() if isinstance(value, dict)},
    }


def _node(value: Any) -> Any:
    """The JSON of a value; the text of a record as its lines, to be read by people."""
    if type(value) is str and value.encode().startswith(MAGIC):
        try:
            return {"$": "record", "lines": [orjson.loads(line) if line else None for line in value.split("\n")[:-1]]}
        except orjson.JSONDecodeError as error:
            raise DamagedRecordError(
                f"A line of a record is not JSON: {error}. It comes from a damaged file."
            ) from error
    return to_json(value)


def _tree(content: dict[str, Any], where: str) -> Tree:
    try:
        nodes = {name: _value(node, f"{where}: {name}") for name, node in content["nodes"].items()}
        return nodes | {name: _tree(inner, f"{where}/{name}") for name, inner in content["groups"].items()}
    except (KeyError, AttributeError, TypeError) as error:
        raise DamagedRecordError(f"{where}: a group lacks its nodes or groups: {error!r}.") from error


def _whole_tree(content: dict[str, Any], path: str, bad: set[str], lost: list[str], where: str) -> Tree:
    """What is whole in a group; what does not make a value is added to what is lost."""
    tree: Tree = {}
    for name, node in content["nodes"].items():
        if (inner := _inner(path, name)) not in bad:
            try:
                tree[name] = _value(node, f"{where}: {inner}")
            except DamagedRecordError:
                lost.append(inner)
    for name, group in content["groups"].items():
        if (inner := _inner(path, name)) not in bad:
            tree[name] = _whole_tree(group, inner, bad, lost, where)
    return tree


def _value(node: Any, where: str) -> Any:
    if type(node) is dict and node.get("$") == "record":
        lines = [b"" if line is None else orjson.dumps(line) for line in node["lines"]]
        lines[ROOT - 1 : ROOT] = [line or b"null" for line in lines[ROOT - 1 : ROOT]]  # which is never empty
        return b"\n".join([*lines, b""]).decode()
    return from_json(node, where)
