"""How HDF5 datasets are laid out: whole or in chunks, and with which filters.

gzip and lzf come with h5py; the others with the package `hdf5plugin`, which is
imported when one of them is asked for or met in a file.
"""

from __future__ import annotations

import functools
import math
from typing import Any, Final

import numpy as np
from h5py import h5d, h5p, h5s, h5t, h5z

from pyiron_storage.backends.compression import Compression
from pyiron_storage.errors import MissingPackageError

Shape = tuple[int, ...]

COMPACT_BYTES: Final = 512
"""A value up to this size stands in the header of its dataset."""
CHUNK_BYTES: Final = 2**18
"""A chunk of a big array; the cache of HDF5 holds four."""
LEAST_CHUNK_BYTES: Final = 2**14
"""A chunk of an array that begins to grow."""
MOST_CHUNKS: Final = 1024
"""An array that grows beyond so many small chunks gets larger ones."""
COMPRESSIONS: Final[dict[str, range | None]] = {
    "gzip": range(10),
    "zlib": range(10),
    "lzf": None,
    "zstd": range(1, 23),
    "blosc": range(10),
    "blosc2": range(10),
    "lz4": None,
    "bzip2": range(1, 10),
    "bitshuffle": None,
}
_FROM_PLUGIN: Final = {
    "zstd": ("Zstd", "clevel"),
    "blosc": ("Blosc", "clevel"),
    "blosc2": ("Blosc2", "clevel"),
    "lz4": ("LZ4", ""),
    "bzip2": ("BZip2", "blocksize"),
    "bitshuffle": ("Bitshuffle", ""),
}
"""The class in `hdf5plugin`, and its parameter for the level."""
_SHUFFLES_ITSELF: Final = ("blosc", "blosc2", "bitshuffle")


def chunk_shape(shape: Shape, itemsize: int, axis: int = 0, size: int = CHUNK_BYTES) -> Shape:
    """The shape of chunks of about `size` bytes, as long as possible along the other axes than `axis`."""
    chunk = [max(1, length) for length in shape]
    chunk[axis] = 1
    for other in range(len(shape)):
        while other != axis and chunk[other] > 1 and math.prod(chunk) * itemsize > size:
            chunk[other] = (chunk[other] + 1) // 2
    chunk[axis] = max(1, size // (math.prod(chunk) * itemsize))
    return tuple(chunk)


def growing_chunk(shape: Shape, itemsize: int, axis: int) -> Shape:
    """The shape of the chunks of an array that grows along `axis`: small for a small one."""
    size = math.prod(shape) * itemsize // 8
    return chunk_shape(shape, itemsize, axis, min(max(size, LEAST_CHUNK_BYTES), CHUNK_BYTES))


def is_outgrown(chunk: Shape, shape: Shape, itemsize: int) -> bool:
    """Whether an array consists of too many small chunks."""
    size = math.prod(chunk) * itemsize
    return size < CHUNK_BYTES // 2 and math.prod(shape) * itemsize > MOST_CHUNKS * size


@functools.cache
def plain_creation(*, compact: bool) -> Any:
    """How a dataset is made that is stored as one: in its header where it is small."""
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_obj_track_times(False)
    if compact:
        creation.set_layout(h5d.COMPACT)
    return creation


@functools.lru_cache(maxsize=64)
def chunked_creation(chunk: Shape, dtype: np.dtype[Any], compression: Compression | None) -> Any:
    """How a dataset is made that is stored in chunks, with or without compression."""
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_obj_track_times(False)
    creation.set_chunk(chunk)
    if compression is not None:
        if dtype.itemsize > 1 and compression.name not in _SHUFFLES_ITSELF:
            creation.set_shuffle()
        _set_filter(creation, compression)
    return creation


def _set_filter(creation: Any, compression: Compression) -> None:
    name, level = compression.name, compression.level
    if name == "gzip":
        creation.set_deflate(4 if level is None else level)
    elif name == "lzf":
        creation.set_filter(h5z.FILTER_LZF, h5z.FLAG_OPTIONAL, ())
    else:
        kind, parameter = _FROM_PLUGIN[name]
        options = {} if level is None else {parameter: level}
        found = getattr(plugin(f"compression={name!r}"), kind)(**options)
        creation.set_filter(found["compression"], h5z.FLAG_OPTIONAL, found["compression_opts"])


def plugin(what: str) -> Any:
    """Return the module `hdf5plugin`, for what the message of the error names."""
    try:
        import hdf5plugin
    except ImportError as error:
        raise MissingPackageError(
            f"{what} of an HDF5 file needs the package hdf5plugin: pip install 'pyiron_storage[hdf5plugin]'."
        ) from error
    return hdf5plugin


def unlimited(shape: Shape) -> Any:
    """The dataspace of a dataset that can grow along each of its axes."""
    return h5s.create_simple(shape, (h5s.UNLIMITED,) * len(shape))


def read_into(dataset: Any, array: Any, memory: Any = h5s.ALL, file: Any = h5s.ALL, kind: Any = None) -> None:
    """Read a dataset, or a part of it, straight into an array; its filters are loaded where they are not yet."""
    kind = kind or _own_type(dataset)
    try:
        dataset.read(memory, file, array, kind)
    except OSError:
        creation = dataset.get_create_plist()
        if creation.get_layout() != h5d.CHUNKED or creation.all_filters_avail():
            raise
        load_filters(creation)
        dataset.read(memory, file, array, kind)


def _own_type(dataset: Any) -> Any:
    """The type of a dataset where h5py would choose another one for numpy's dtype, to which HDF5 does not convert.

    That is so for text of a fixed length in UTF-8, and for opaque bytes such as h5py's dates.
    """
    kind = dataset.get_type()
    is_text = isinstance(kind, h5t.TypeStringID) and not kind.is_variable_str()
    return kind if is_text or kind.get_class() == h5t.OPAQUE else None


def load_filters(creation: Any) -> None:
    """Make the filters of a dataset available.

    Raises
    ------
    MissingPackageError
        If a package that has them is not installed.
    """
    plugin("The compression")
    if not creation.all_filters_avail():
        filters = [creation.get_filter(number) for number in range(creation.get_nfilters())]
        missing = [
            f"{text.decode(errors='replace')} ({code})" for code, _, _, text in filters if not h5z.filter_avail(code)
        ]
        raise MissingPackageError(
            f"The compression needs the HDF5 filter {', '.join(missing)}, which the package hdf5plugin does not have. "
            "Install the plugin of HDF5 that has it, and name its folder in HDF5_PLUGIN_PATH."
        )


def is_compressed(dataset: Any) -> bool:
    """Whether a dataset has filters."""
    return bool(dataset.get_create_plist().get_nfilters())
