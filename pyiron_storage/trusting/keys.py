"""The keys that sign what is saved, and those with which signatures are verified.

A key is a file of one line.  The user's own is made at first use; others lie in the
folder ``keys`` beside it.  Whoever can read a key can sign with it.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pyiron_storage.errors import KeyFileError, NoKeyWarning
from pyiron_storage.trusting.settings import folder

VARIABLE: Final = "PYIRON_STORAGE_KEY"
"""The environment variable that names another file for the key that signs."""
MARK: Final = "pyiron_storage-key-1"
SIZE: Final = 32
FOR_OTHERS: Final = 0o077
FOR_OTHERS_THAN_THE_GROUP: Final = 0o037
_LINE: Final = re.compile(rf"{MARK} ([0-9a-f]{{{2 * SIZE}}})\n?")


@dataclass(frozen=True)
class Key:
    """A key, and the name by which a signature tells which key made it."""

    secret: bytes

    @property
    def name(self) -> str:
        """16 hexadecimal digits, from which the key cannot be found."""
        return hashlib.sha256(b"the name of a key" + self.secret).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"Key {self.name}"


_read_keys: dict[str, Key] = {}
_of_this_process: list[Key] = []


def process_key() -> Key:
    """A key that only this process has."""
    if not _of_this_process:
        _of_this_process.append(Key(secrets.token_bytes(SIZE)))
    return _of_this_process[0]


def signing_key() -> Key:
    """The key that signs: the user's own, made where there is none yet.

    Raises
    ------
    KeyFileError
        If its file holds no key or is open to others, or `PYIRON_STORAGE_KEY` names a file that cannot be made.
    """
    named = _named_file()
    path = named or folder() / "key"
    try:
        if str(path) not in _read_keys and not os.path.lexists(path):
            _make(path)
    except OSError as error:
        if named:
            raise KeyFileError(f"{path}, which {VARIABLE} names, cannot be made as a key file: {error}.") from error
        return _without_a_home(path, error)
    return _read(path, FOR_OTHERS_THAN_THE_GROUP if named else FOR_OTHERS)


def known_key(name: str) -> Key | None:
    """The key of a name, among those that this user has; None where it is not there.

    Raises
    ------
    KeyFileError
        If a file holds no key or is open to others.
    """
    if _of_this_process and _of_this_process[0].name == name:
        return _of_this_process[0]
    named = _named_file()
    if named and _is_there(named):
        key = _read(named, FOR_OTHERS_THAN_THE_GROUP)
        if key.name == name:
            return key
    own = folder() / "key"
    if (str(own) in _read_keys or _is_there(own)) and (key := _read(own, FOR_OTHERS)).name == name:
        return key
    others = sorted((folder() / "keys").glob("[!.]*")) if _is_there(folder() / "keys") else []
    return next((key for key in (_read(path, FOR_OTHERS_THAN_THE_GROUP) for path in others) if key.name == name), None)


def _is_there(path: Path) -> bool:
    """Whether there is a file that may be looked at; in a folder that may not be searched there is none."""
    return os.path.exists(path)  # noqa: PTH110  Path.exists would raise there


def _named_file() -> Path | None:
    """The file for the key that the environment names."""
    named = os.environ.get(VARIABLE)
    try:
        return Path(named).expanduser() if named else None
    except RuntimeError as error:
        raise KeyFileError(f"{named}, which {VARIABLE} names, is no file: {error} Name it in full.") from error


def _without_a_home(path: Path, error: OSError) -> Key:
    warnings.warn(
        f"No signing key can be kept at {path}: {error.strerror or error}. What this process saves is signed with a "
        f"key of its own, and loads elsewhere with trust= only. Set {VARIABLE} to the name of a file in a folder that "
        "this process may write to; a key is made there.",
        NoKeyWarning,
        stacklevel=2,
    )
    return process_key()


def _make(path: Path) -> None:
    """Make a key where nobody else has made one meanwhile: it is complete before it has its name."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "w") as text:
            text.write(f"{MARK} {secrets.token_hex(SIZE)}\n")
            text.flush()
            os.fsync(text.fileno())
        try:
            os.link(made, path)  # fails where there is one, as renaming does not
        except FileExistsError:
            return
    finally:
        made.unlink()


def _read(path: Path, forbidden: int) -> Key:
    """The key in a file, looked at once."""
    known = _read_keys.get(str(path))
    if known is not None:
        return known
    try:
        state, text = path.stat(), path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"{path} cannot be read as the file of a signing key: {error}.") from error
    if os.name == "posix" and state.st_mode & forbidden:
        raise KeyFileError(
            f"{path} holds a signing key and is open to others (mode {state.st_mode & 0o777:o}): they could sign what "
            f"this user then loads. Use: chmod 600 {path}"
        )
    found = _LINE.fullmatch(text)
    if found is None:
        raise KeyFileError(
            f"{path} holds no signing key: one line is expected, '{MARK} ' and {2 * SIZE} hexadecimal digits. Move the "
            "file away, and a new key is made; what the old one signed then loads with trust= only."
        )
    key = _read_keys[str(path)] = Key(bytes.fromhex(found[1]))
    return key
