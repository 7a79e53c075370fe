"""CPython's own tests of pickle, with `save` and `load` in the place of `dumps` and `loads`.

The tests come with the interpreter (`test.pickletester`). Those that look at the bytes of a pickle, at its older
protocols, or call a pickler say nothing of another format; they are named below, with the reason. All others
must pass.
"""

import pathlib
import sys
import unittest
from unittest import mock

import pytest

import pyiron_storage as ps

pickletester = pytest.importorskip("test.pickletester", reason="this Python comes without its tests")

OPCODES = [
    "test_appends_on_non_lists", "test_bytearray", "test_dict_chunking", "test_float_format", "test_global_ext1",
    "test_global_ext2", "test_global_ext4", "test_list_chunking", "test_long1", "test_long4", "test_optional_frames",
    "test_pickle_to_2x", "test_proto", "test_set_chunking", "test_setitems_on_non_dicts", "test_short_tuples",
    "test_singletons", "test_in_band_buffers", "test_framed_write_sizes_with_delayed_writer",
    "test_framing_large_objects", "test_framing_many_objects", "test_int_pickling_efficiency", "test_complex_newobj",
    "test_complex_newobj_ex", "test_simple_newobj", "test_bad_getattr", "test_builtin_exceptions",
    "test_compat_pickle",
]  # fmt: skip
"""Of the bytes of a pickle, or of a protocol before the fifth."""
PICKLERS = [
    "test_buffer_callback_error", "test_buffers_error", "test_buffers_numpy",
    "test_evil_pickler_mutating_collection", "test_inband_accept_default_buffers_argument",
    "test_local_lookup_error", "test_oob_buffers", "test_oob_buffers_writable_to_readonly",
    "test_picklebuffer_error",
]  # fmt: skip
"""Of options and subclasses of picklers, and of what pickle refuses and a storage keeps."""
IDENTITY_OF_TEXT = ["test_unicode_memoization"]
"""Equal text may be one object or two, as with values of any other file format."""
ELSEWHERE = {*OPCODES, *PICKLERS, *IDENTITY_OF_TEXT, "runTest"}


class Suite(pickletester.AbstractPickleTests):
    """The tests, with a JSON file for the bytes of a pickle."""

    pickler = unpickler = None
    optimized = False
    py_version = sys.version_info[:2]
    file = pathlib.Path("it.json")

    def dumps(self, obj, proto=None):
        ps.save(obj, self.file)
        return self.file.read_bytes()

    def loads(self, data):
        self.file.write_bytes(data)
        return ps.load(self.file, trust="all")


NAMES = sorted({name for name in dir(Suite) if name.startswith("test_")} - ELSEWHERE)


class Case(Suite, unittest.TestCase):
    __test__ = False


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore")
def test_of_pickle_passes_with_a_storage(name):
    with mock.patch.object(pickletester, "protocols", [5]):
        result = unittest.TestResult()
        Case(name).run(result)
    assert not result.errors + result.failures, (result.errors + result.failures)[0][1]


def test_most_of_the_suite_is_run():
    assert len(NAMES) >= 68
