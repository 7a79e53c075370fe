"""Progress of long saves, loads and copies: told to a function, or shown on a terminal where it lasts."""

import io
import re
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from terminals import on_a_terminal

import pyiron_storage as ps

FILES = ["p.h5", "p.jsondir"]
BIG = {"a": np.arange(3_000_000.0), "b": np.arange(4_000_000.0).reshape(2, -1), "name": "relax"}
BYTES = 56_000_000


class Slow:
    """Takes a while to be taken apart and to be put together again."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds

    def __getstate__(self):
        time.sleep(self.seconds)
        return {"seconds": self.seconds}

    def __setstate__(self, state):
        time.sleep(state["seconds"])
        self.seconds = state["seconds"]


class Pausing:
    """Holds an array, and takes a while to be put together again."""

    def __init__(self, array):
        self.array = array

    def __setstate__(self, state):
        time.sleep(0.3)
        self.__dict__.update(state)


class Stream(io.StringIO):
    """A stderr that says whether it is a terminal, and remembers what was written to it."""

    def __init__(self, *, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.fixture
def stderr(monkeypatch):
    """Put another stderr in the place of that of the test."""

    def put(stream):
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    return put


def threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pyiron_storage")]


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("file", FILES)
def test_a_function_is_told_of_saves_loads_and_copies(file, compression):
    for call in (
        lambda tell: ps.save(BIG, file, compression=compression, progress=tell),
        lambda tell: ps.load(file, progress=tell),
        lambda tell: ps.copy(file, f"copy-of-{file}", progress=tell),
    ):
        told = []
        call(lambda *counts, told=told: told.append(counts))
        assert [done for done, _ in told] == sorted({done for done, _ in told})
        assert told[-1][0] == told[-1][1] >= BYTES
        assert told[-1][1] < BYTES * 1.01
        assert told[0][1] > told[-1][1] - 1000  # known from the first piece on, but for the heads of files
        assert len(told) >= 2
    np.testing.assert_array_equal(ps.load(f"copy-of-{file}", "b"), BIG["b"])


@pytest.mark.parametrize("file", FILES)
def test_an_array_that_stands_for_itself_is_counted_too(file):
    told = []
    ps.save(BIG["b"], file, progress=lambda *counts: told.append(counts))
    assert told[-1][0] >= told[-1][1] - 200
    told = []
    np.testing.assert_array_equal(ps.load(file, progress=lambda *counts: told.append(counts)), BIG["b"])
    assert told[-1] == (32_000_000, 32_000_000)


@pytest.mark.parametrize("file", ["p.h5", "p.jsondir", "p.json", "p.pkl"])
def test_every_back_end_takes_it(file):
    for progress in (None, False, True, lambda done, total: None):
        ps.save([1, 2.5], file, progress=progress)
        assert ps.load(file, progress=progress) == [1, 2.5]
        assert ps.backends.find(None, file).load(file, progress=progress) == [1, 2.5]
    with pytest.raises(ps.InvalidOptionError, match=r"progress= is .*'yes'"):
        ps.save([3], file, progress="yes")
    assert ps.load(file) == [1, 2.5]


def test_what_a_function_raises_takes_the_save_back():
    ps.save([1], "p.h5")

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ps.save(BIG, "p.h5", progress=stop)
    assert ps.load("p.h5") == [1]
    told = []
    ps.save(BIG, "p.h5", progress=lambda done, total: told.append(done))
    assert told


def test_a_save_inside_a_save_is_not_counted():
    class Saves:
        def __getstate__(self):
            ps.save(np.zeros(2_000_000), "inner.h5")
            return {"a": np.zeros(1_000_000)}

    told = []
    ps.save(Saves(), "outer.h5", progress=lambda *counts: told.append(counts))
    assert told[-1][0] == told[-1][1] < 9_000_000


@pytest.mark.parametrize(
    ("progress", "terminal", "is_shown"),
    [(None, True, True), (None, False, False), (False, True, False), (True, False, True)],
)
def test_a_bar_is_shown_where_it_is_wanted_and_gone_at_the_end(stderr, progress, terminal, is_shown):
    shown = stderr(Stream(terminal=terminal))
    ps.save({"slow": Slow(1.4), "array": BIG["a"]}, "s.h5", progress=progress)
    first = shown.getvalue()
    ps.load("s.h5", progress=progress)
    second = shown.getvalue()[len(first) :]
    for text, label in ((first, "saving s.h5"), (second, "loading s.h5")):
        assert (label in text) is is_shown
        if is_shown:
            lines = text.split("\r")
            assert lines[0] == lines[-1] == ""
            assert set(lines[-2]) == {" "}
            assert len(lines[-2]) >= len(lines[-3].rstrip())
            assert f"{label}  1 s" in text


def test_a_bar_shows_how_much_of_how_much(stderr):
    shown = stderr(Stream(terminal=False))
    ps.save([Pausing(BIG["a"]), Pausing(BIG["b"])], "p.h5")
    ps.load("p.h5", progress=True)
    found = re.search(r"loading p\.h5  \[(#+)(\.*)\] +(\d+) %  (\d+) of (\d+) MB  0 s", shown.getvalue())
    assert found, shown.getvalue()
    assert len(found[1] + found[2]) == 24
    assert (found[3], found[4], found[5]) == ("42", "24", "56")
    assert len(found[1]) == 24 * 24 // 56


def test_short_operations_show_nothing_and_leave_no_thread(stderr):
    shown = stderr(Stream(terminal=True))
    for number in range(20):
        ps.save([number], "n.h5")
        assert ps.load("n.h5") == [number]
    assert shown.getvalue() == ""
    deadline = time.monotonic() + 10
    while threads() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threads() == []


def test_a_notebook_is_where_people_see_it(stderr):
    outstream = type("OutStream", (Stream,), {"__module__": "ipykernel.iostream"})
    shown = stderr(outstream(terminal=False))
    ps.save(Slow(1.3), "s.h5")
    assert "saving s.h5  1 s" in shown.getvalue()


class Broken(Stream):
    def write(self, text):
        raise BrokenPipeError


@pytest.mark.parametrize("kind", ["closed", "none", "broken", "no stream"])
def test_a_stream_that_cannot_be_written_to_breaks_nothing(stderr, kind):
    stream = {"none": None, "broken": Broken(terminal=True), "no stream": object()}.get(kind, Stream(terminal=True))
    if kind == "closed":
        stream.close()
    stderr(stream)
    for progress in (None, True) if kind != "no stream" else (None,):
        ps.save([1, 2], "p.h5", progress=progress)
        assert ps.load("p.h5", progress=progress) == [1, 2]


def test_a_system_without_more_threads_breaks_nothing(stderr, monkeypatch):
    stderr(Stream(terminal=True))
    deadline = time.monotonic() + 10
    while threads() and time.monotonic() < deadline:
        time.sleep(0.05)

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    ps.save([1, 2], "p.h5")
    assert ps.load("p.h5") == [1, 2]


def test_the_bar_is_gone_after_an_error(stderr):
    shown = stderr(Stream(terminal=False))
    with pytest.raises(ps.NotStorableError):
        ps.save([sys.__stdout__], "p.h5", progress=True)
    with pytest.raises(ps.StorageNotFoundError):
        ps.load("nowhere.h5", progress=True)
    assert re.fullmatch(r"\rsaving p\.h5  0 s\r +\r\rloading nowhere\.h5  0 s\r +\r", shown.getvalue())


def test_two_at_a_time_do_not_write_over_each_other(stderr):
    shown = stderr(Stream(terminal=False))
    saving = [
        threading.Thread(target=ps.save, args=(Slow(0.5), f"{name}.h5"), kwargs={"progress": True}) for name in "ab"
    ]
    for thread in saving:
        thread.start()
        time.sleep(0.1)
    for thread in saving:
        thread.join()
    lines = [line.split()[1] for line in shown.getvalue().split("\r") if line.strip()]
    assert lines == sorted(lines)


def test_a_forked_child_has_its_own():
    code = """
import os, sys, time
import pyiron_storage as ps

class Forks:
    def __reduce__(self):
        time.sleep(0.3)
        child = os.fork()
        if not child:
            ps.save([1], "child.h5", progress=True)
            os._exit(ps.load("child.h5") != [1])
        assert os.waitpid(child, 0)[1] == 0
        return list, ()

ps.save(Forks(), "parent.h5", progress=True)
print(ps.load("parent.h5"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
    assert "saving child.h5" in done.stderr


ON_A_TERMINAL = """
import time
import numpy as np
import pyiron_storage as ps

class Slow:
    def __getstate__(self):
        time.sleep(1.3)
        return {"array": np.zeros(1000)}

ps.save([1], "short.h5")
ps.save(Slow(), "long\\033[31m.h5")
print("done")
"""


def test_a_terminal_shows_what_lasts():
    code, shown = on_a_terminal([sys.executable, "-c", ON_A_TERMINAL])
    assert code == 0
    assert "saving 'long\\x1b[31m.h5'  1 s" in shown
    assert "short" not in shown
    assert "\x1b" not in shown
    assert not shown.split("\r")[-1].strip()


def test_python_that_ends_saves_without_a_bar():
    code = "import atexit, pyiron_storage as ps\natexit.register(ps.save, [1], 'end.h5', progress=True)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert ps.load("end.h5") == [1]


class Saving(Stream):
    """Saves something whenever it is written to, as a finalizer may do at any time."""

    def write(self, text):
        ps.save([text], "inner.h5", progress=None)
        return super().write(text)


def test_what_saves_while_a_bar_is_drawn_does_not_wait_for_itself(stderr):
    stderr(Saving(terminal=True))
    saving = threading.Thread(target=ps.save, args=([1, 2], "p.h5"), kwargs={"progress": True}, daemon=True)
    saving.start()
    saving.join(30)
    assert not saving.is_alive()
    assert ps.load("p.h5", progress=False) == [1, 2]
