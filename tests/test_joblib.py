"""Files of joblib are told as such, and read through the gate."""

import bz2
import collections
import gzip

import numpy as np
import pytest

import pyiron_storage as ps

joblib = pytest.importorskip("joblib")


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
def test_a_file_of_joblib_is_read_where_all_is_admitted(compress):
    obj = {"x": np.arange(5.0), "y": collections.UserDict(a=1), "o": np.array([None, "a"], object)}
    joblib.dump(obj, "model.pkl", compress=compress)
    for trust in (None, "data", ["joblib", "numpy", "collections"]):
        with pytest.raises(ps.UntrustedError, match=r"joblib.*trust='all'"):
            ps.load("model.pkl", trust=trust)
    found = ps.load("model.pkl", trust="all")
    assert found["x"].tolist() == obj["x"].tolist()
    assert (found["y"], found["o"].tolist()) == (obj["y"], obj["o"].tolist())
    with pytest.raises(ps.UnsupportedOperationError, match="joblib"):
        ps.trust("model.pkl")
    ps.save(found, "model.pkl")
    assert ps.load("model.pkl")["y"] == obj["y"]


class Runs:
    def __reduce__(self):
        return open, ("was-run", "w")


def test_nothing_of_a_file_of_joblib_is_run_before_it_is_admitted(tmp_path):
    joblib.dump([np.arange(3), np.array([Runs()], object)], "bad.pkl")
    with pytest.raises(ps.UntrustedError):
        ps.load("bad.pkl", trust=["joblib", "numpy"])
    assert not (tmp_path / "was-run").exists()


def test_what_is_compressed_and_no_pickle_is_an_error():
    for name, pack in (("a.pkl", gzip.compress), ("b.pkl", bz2.compress)):
        with open(name, "wb") as file:
            file.write(pack(b"something else"))
        with pytest.raises(ps.StorageError):
            ps.load(name, trust="all")
