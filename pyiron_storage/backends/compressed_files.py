"""Files that are compressed as a whole: gzip from the standard library, zstd from the package `zstandard`.

The suffix says which: ``.gz`` or ``.zst``.  Any tool that knows these unpacks them.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from pyiron_storage.backends.compression import Compression
from pyiron_storage.errors import DamagedRecordError, MissingPackageError
from pyiron_storage.progress import WRITTEN, note

COMPRESSIONS: Final[dict[str, range | None]] = {"zlib": range(10), "gzip": range(10), "zstd": range(1, 23)}
SUFFIXES: Final = {"gzip": ".gz", "zstd": ".zst"}


def suffix_of(compression: Compression | None) -> str:
    """What is added to the name of a file."""
    return "" if compression is None else SUFFIXES[compression.name]


def is_compressed(file: Path) -> bool:
    """Whether a file is compressed, by its name."""
    return file.suffix in SUFFIXES.values()


def write_new(file: Path, compression: Compression | None, write: Callable[[BinaryIO], Any]) -> None:
    """Let `write` fill a file that does not exist yet."""
    with file.open("xb") as stream:
        if compression is None:
            write(stream)
            note(WRITTEN, stream.tell())
        elif compression.name == "gzip":
            level = 6 if compression.level is None else compression.level
            with gzip.GzipFile("", "wb", level, stream, mtime=0) as packed:  # the same bytes give the same file
                write(cast(BinaryIO, _Noting(packed)))
        else:
            packer = _zstandard(str(file)).ZstdCompressor(level=3 if compression.level is None else compression.level)
            with packer.stream_writer(stream, closefd=False) as packed:
                write(cast(BinaryIO, _Noting(packed)))


class _Noting:
    """Writes on, and notes how many bytes that are before they are compressed."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, data: Any) -> int:
        self._stream.write(data)
        note(WRITTEN, len(data))
        return len(data)


def open_file(file: Path) -> BinaryIO:
    """Open a file for reading, unpacked."""
    if file.suffix == ".gz":
        return cast(BinaryIO, gzip.open(file))
    if file.suffix == ".zst":
        stream: BinaryIO = _zstandard(str(file)).open(file, "rb")
        return stream
    return file.open("rb")


def read_file(file: Path) -> bytes:
    """Read a whole file, unpacked.

    Raises
    ------
    DamagedRecordError
        If it does not unpack.
    """
    if not is_compressed(file):
        return file.read_bytes()
    with open_file(file) as stream, unpacking(file):
        return stream.read()


class unpacking:  # noqa: N801  a context manager, read as a verb
    """Turn what an unpacker raises into `DamagedRecordError`."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> None:
        """Nothing to do yet."""

    def __exit__(self, kind: Any, error: BaseException | None, *_: object) -> None:
        if error is not None and (
            isinstance(error, (EOFError, OSError)) or type(error).__name__ in ("error", "ZstdError")
        ):
            raise DamagedRecordError(f"{self._file}: the file does not unpack: {error}.") from error


def _zstandard(what: str) -> Any:
    try:
        import zstandard
    except ImportError as error:
        raise MissingPackageError(
            f"{what}: zstd needs the package zstandard: pip install 'pyiron_storage[zstandard]'."
        ) from error
    return zstandard
