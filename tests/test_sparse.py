"""scipy.sparse comes back as pickle gives it back, from a form that names nothing inside scipy."""

import contextlib
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

import pyiron_storage as ps
from pyiron_storage.records.decoder import Decoder

FORMATS = ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"]
CLASSES = [getattr(scipy.sparse, f"{form}_{kind}") for form in FORMATS for kind in ("matrix", "array")]
DENSE = np.array([[1, 0, 2, 0], [0, 0, 0, 3], [0, 0, 0, 0], [4, 5, 0, 6]], float)


class Mine(scipy.sparse.csr_array):
    """A user's own matrix."""


def put(cls, *entries):
    matrix = cls((3, 3))
    for row, column, value in entries:
        matrix[row, column] = value
    return matrix


def with_attributes(matrix, **attributes):
    matrix.__dict__.update(attributes)
    return matrix


def looked_at(matrix):
    """A matrix that knows whether it is sorted."""
    assert matrix.has_canonical_format
    return matrix


def unsorted():
    matrix = scipy.sparse.csr_array((np.array([1.0, 2.0]), np.array([2, 0]), np.array([0, 2, 2])), shape=(2, 3))
    assert not matrix.has_sorted_indices
    return matrix


def with_room():
    """A matrix whose arrays are longer than what it holds."""
    matrix = scipy.sparse.csr_array(DENSE)
    matrix.data, matrix.indices = np.append(matrix.data, 0.0), np.append(matrix.indices, 0).astype("i4")
    return matrix


CASES = {cls.__name__: cls(DENSE) for cls in CLASSES}
CASES |= {f"{cls.__name__}, empty": cls((2, 3), dtype="i2") for cls in CLASSES}
CASES |= {f"{cls.__name__}, no size": cls((0, 3)) for cls in CLASSES if not cls.__name__.startswith(("bsr", "dia"))}
CASES |= {
    f"csr of {dtype}": scipy.sparse.csr_matrix(DENSE.astype(dtype)) for dtype in ("?", "i1", "u8", "f4", "c8", "G")
}
CASES |= {
    "csr of 64-bit indices": scipy.sparse.csr_array((DENSE[0], np.arange(4), np.array([0, 4])), shape=(1, 4)),
    "csr of one row": scipy.sparse.csr_array(np.array([0, 1.5])),
    "csr, known to be sorted": looked_at(scipy.sparse.csr_matrix(DENSE)),
    "csr, not sorted": unsorted(),
    "csr with room": with_room(),
    "csr, big-endian": with_attributes(scipy.sparse.csr_array(DENSE), data=np.arange(6, dtype=">f8")),
    "bsr of blocks": scipy.sparse.bsr_array(DENSE, blocksize=(2, 4)),
    "bsr, known to be sorted": looked_at(scipy.sparse.bsr_array(DENSE, blocksize=(2, 1))),
    "coo, twice": scipy.sparse.coo_array(([1, 2], ([0, 0], [1, 1])), shape=(2, 2)),
    "coo of three axes": scipy.sparse.coo_array(np.ones((2, 3, 4))),
    "dia of two": scipy.sparse.diags_array([[1.0, 2, 3], [4.0, 5]], offsets=[0, -1]),
    "lil of numpy numbers": put(scipy.sparse.lil_array, (0, 2, 1.5), (0, 0, 2)),
    "lil of bool": scipy.sparse.lil_matrix(DENSE.astype(bool)),
    "dok in the order of writing": put(scipy.sparse.dok_array, (2, 1, 1.5), (0, 0, 2)),
    "dok of numpy numbers": scipy.sparse.csr_matrix(DENSE).todok(),
    "dok of one axis": scipy.sparse.dok_array(np.array([0, 1.5, 2])),
    "dok of all kinds": put(scipy.sparse.dok_array, (2, 1, 1.5)),
}
CASES["dok of all kinds"]._dict[np.int32(0), 1] = np.float64(2)
PROTOCOL = {
    "own class": Mine(DENSE),
    "own attribute": with_attributes(scipy.sparse.csr_matrix(DENSE), unit="eV"),
    "shows more": scipy.sparse.csr_matrix(DENSE, maxprint=7),
}


def check_same(found, expected):
    assert type(found) is type(expected)
    one, other = (comparable(vars(matrix)) for matrix in (found, expected))
    assert one == other
    assert (found.shape, found.dtype, found.nnz) == (expected.shape, expected.dtype, expected.nnz)
    np.testing.assert_array_equal(found.toarray(), expected.toarray())


def comparable(value):
    """A value with arrays as what they consist of and everything beside its type."""
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape, comparable(value.tolist()) if value.dtype == object else value.tobytes()
    if isinstance(value, dict):
        return [
            (comparable(key), comparable(inner)) for key, inner in sorted(value.items(), key=lambda item: str(item[0]))
        ]
    if isinstance(value, (list, tuple)):
        return type(value), [comparable(inner) for inner in value]
    return type(value), value


def stored(obj):
    storage = ps.MemoryStorage()
    storage["x"] = obj
    return storage


def again(obj):
    return stored(obj).load("x")


@pytest.mark.parametrize("suffix", ["memory", ".h5", ".json"])
@pytest.mark.parametrize("name", [*CASES, *PROTOCOL])
def test_comes_back_as_with_pickle(name, suffix, tmp_path):
    matrix = {**CASES, **PROTOCOL}[name]
    expected = pickle.loads(pickle.dumps(matrix, protocol=5))
    if suffix != "memory":
        ps.save([matrix], tmp_path / f"it{suffix}")
    check_same(again(matrix) if suffix == "memory" else ps.load(tmp_path / f"it{suffix}")[0], expected)


@pytest.mark.parametrize("name", CASES)
def test_record_names_nothing_inside_scipy(name):
    types = stored([CASES[name]])["x"]._source.record().header["types"]
    assert types == []


def test_order_of_keys_is_kept():
    matrix = CASES["dok in the order of writing"]
    assert list(again(matrix).items()) == [((2, 1), 1.5), ((0, 0), 2.0)]
    assert list(again(CASES["dok of all kinds"]).keys()) == list(CASES["dok of all kinds"].keys())


ALONE = """
import pickle, sys
sys.path.insert(0, sys.argv[1])
import pyiron_storage as ps
with ps.open_storage(sys.argv[2], "r") as storage:
    assert {info.dtype for path, info in storage.walk() if path == "object/csr_array/data"} == {"<f8"}
    assert storage["object/csr_array/data"].tolist() == [1, 2, 3, 4, 5, 6]
assert "scipy" not in sys.modules
found = ps.load(sys.argv[2])
import test_sparse
expected = pickle.load(open(sys.argv[3], "rb"))
for name in expected:
    test_sparse.check_same(found[name], expected[name])
"""


def test_all_come_back_in_a_second_process(tmp_path):
    ps.save(CASES, tmp_path / "it.h5")
    (tmp_path / "it.pickle").write_bytes(pickle.dumps(CASES, protocol=5))
    command = [sys.executable, "-c", ALONE, str(Path(__file__).parent), tmp_path / "it.h5", tmp_path / "it.pickle"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_shared_arrays_are_shared_again():
    matrix = scipy.sparse.csr_array(DENSE)
    other = scipy.sparse.csr_array(DENSE)
    other.indices = matrix.indices
    one, same, two, indices = again([matrix, matrix, other, matrix.indices])
    assert one is same
    assert one.indices is two.indices is indices


def test_big_arrays_are_native_and_parts_are_loaded_alone(tmp_path):
    matrix = scipy.sparse.random_array((3000, 3000), density=0.002, format="csr", rng=np.random.default_rng(0))
    ps.save({"hessian": matrix}, tmp_path / "it.json")
    ps.save({"hessian": matrix}, tmp_path / "it.h5")
    np.testing.assert_array_equal(ps.load(tmp_path / "it.h5", "hessian/data"), matrix.data)
    arrays = json.loads((tmp_path / "it.json").read_bytes())["groups"]["object"]["groups"]["arrays"]["nodes"]
    assert set(arrays) == {"hessian_data-1", "hessian_indices-1"}


def pieces(nodes, path=()):
    for key, node in nodes.items() if isinstance(nodes, dict) else enumerate(nodes) if isinstance(nodes, list) else ():
        if "$" not in nodes or key in ("nodes", "items"):
            yield (*path, key)
            yield from pieces(node, (*path, key))


DAMAGE = [None, -1, 10**6, "csr_array", [], {}, [[1]], {"$": "tuple", "items": []}]


@pytest.mark.parametrize("name", [cls.__name__ for cls in CLASSES])
def test_damage_gives_an_error_of_the_library_or_a_matrix(name):
    record = stored([CASES[name]])["x"]._source.record()
    pristine = pickle.dumps([record.node(line) for line in range(2, len(record) + 1)])
    for line, *path in list(pieces(pickle.loads(pristine))):
        for damage in DAMAGE if len(path) > 1 else []:
            lines = pickle.loads(pristine)
            holder = lines[line]
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = damage
            for number, node in enumerate(lines, 2):
                record.replace(number, node)
            with contextlib.suppress(ps.StorageError):
                Decoder(record).root()[0].toarray()


@pytest.mark.parametrize("index", [-1, 4, 2**31 - 1])
@pytest.mark.parametrize("name", [f"{form}_array" for form in ("csr", "csc", "coo", "bsr", "lil", "dok")])
def test_index_beyond_the_shape_is_refused(name, index):
    matrix = pickle.loads(pickle.dumps(CASES[name]))
    if name == "lil_array":
        matrix.rows[0][0] = index
    elif name == "dok_array":
        matrix._dict[index, 0] = 1.0
    else:
        (matrix.coords[1] if name == "coo_array" else matrix.indices)[0] = index
    with pytest.raises(ps.DamagedRecordError, match="no sparse can be made"):
        again(matrix)
