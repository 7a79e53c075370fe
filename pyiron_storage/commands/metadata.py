"""``pyiron-storage metadata``."""

from __future__ import annotations

import json as json_text
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from pyiron_storage.backends.registry import OBJECT, backends, in_object
from pyiron_storage.command_line import AsJSON, Backend, File, show, show_json
from pyiron_storage.errors import PathNotFoundError, UnsupportedOperationError
from pyiron_storage.looking.describing import printable
from pyiron_storage.model.metadata import Metadata
from pyiron_storage.model.storage import GenericStorage

Path = Annotated[
    str,
    typer.Argument(
        metavar="PATH",
        help="A path in the file; / for the file itself. Without it, 'object', or else the file itself.",
        show_default=False,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Set an entry; a value that is no JSON is text. May be said several times."
    ),
]
Delete = Annotated[
    list[str] | None, typer.Option("--delete", metavar="KEY", help="Delete an entry. May be said several times.")
]


def command(
    file: File,
    path: Path = "",
    *,
    new: Set = None,
    delete: Delete = None,
    backend: Backend = None,
    json: AsJSON = False,
) -> None:
    """Show the metadata of an object, a group or a file, after changing them where that is asked for.

    All changes are made at once, or none.
    """
    entries = dict(map(_entry, new or ()))
    found = backends.find(backend, file)
    with found.open(file, "r") as storage:
        content = dict(_metadata(storage, path))  # it is there
    if entries or delete:
        with found.open(file, "a", durability="power") as storage, storage.transaction():
            metadata = _metadata(storage, path)
            _delete(metadata, delete or (), file)
            metadata.update(entries)
            content = dict(metadata)
    if json:
        show_json(content)
    for key, value in () if json else content.items():
        show(printable(f"{key}: {_shown(value)}"))


def _entry(text: str) -> tuple[str, Any]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise typer.BadParameter(f"{text!r} is not KEY=VALUE.", param_hint="--set")
    return key, _value(value)


def _value(text: str) -> Any:
    """What a text stands for: a value where it is JSON, else itself."""
    try:
        return json_text.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _shown(value: Any) -> str:
    """A value as `--set` takes it."""
    is_plain_text = isinstance(value, str) and _value(value) == value
    return value if is_plain_text else json_text.dumps(value, ensure_ascii=False)


def _metadata(storage: GenericStorage, path: str) -> Metadata:
    """The metadata at a path.

    Raises
    ------
    UnsupportedOperationError
        If what is there has none.
    """
    if path == "/" or (not path and OBJECT not in storage):
        return storage.metadata
    inside = in_object(storage, path or OBJECT, loading=True)
    storage.info(inside)  # it is there
    found = storage._metadata_at(inside)
    if found is None:
        raise UnsupportedOperationError(
            f"{storage._session.file}: {path or OBJECT!r} is a value that is stored as it is, which has no metadata. "
            "Save it with metadata=, which makes it an object."
        )
    return found


def _delete(metadata: Metadata, keys: Sequence[str], file: str) -> None:
    for key in dict.fromkeys(keys):
        if key not in metadata:
            there = f"There is: {', '.join(map(repr, metadata))}." if metadata else "There are none."
            raise PathNotFoundError(f"{file}: there is no metadata {key!r}. {there}")
        del metadata[key]
