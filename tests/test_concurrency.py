"""Many processes and threads on one storage."""

import collections
import concurrent.futures
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5io
import h5py
import numpy as np
import pytest

import pyiron_storage as ps

TESTS = Path(__file__).parent
HOLDER = """
import sys, time, pyiron_storage as ps
storage = ps.open_storage("f.h5")
with storage.transaction():
    storage["held"] = 1
    print("ready", flush=True)
    sys.stdin.readline()
print("done", flush=True)
"""


def script(name, *arguments, timeout=250):
    command = [sys.executable, str(TESTS / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def holder():
    """Another process in the middle of a transaction on ``f.h5``; it ends when it reads a line."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


# -- counting, killing ---------------------------------------------------------------------


@pytest.mark.parametrize(("name", "times"), [("f.h5", 500), ("f.jsondir", 100)])
def test_eight_processes_count_together_and_four_look_on(name, times):
    assert script("counting.py", name, 8, times, 4) == f"{8 * times}\n"


@pytest.mark.parametrize("name", ["f.h5", "f.jsondir"])
@pytest.mark.parametrize(("writers", "seconds", "durability"), [(120, 0.04, "process"), (40, 0.06, "power")])
def test_killed_writers_lose_nothing(tmp_path, name, writers, seconds, durability):
    assert f"{writers} writers killed" in script("killing.py", tmp_path / name, writers, seconds, durability)


@pytest.mark.stress
@pytest.mark.timeout(700)
@pytest.mark.parametrize("name", ["f.h5", "f.jsondir"])
@pytest.mark.parametrize("durability", ["process", "power"])
def test_many_killed_writers_lose_nothing(tmp_path, name, durability):
    assert "600 writers killed" in script("killing.py", tmp_path / name, 600, 0.15, durability, timeout=600)


@pytest.mark.parametrize("name", ["f.h5", "f.jsondir", "f.json"])
def test_interrupts_at_any_moment_leave_the_file_and_the_handle_whole(tmp_path, name):
    assert script("interrupting.py", tmp_path / name, 3) == "whole\n"
    assert os.listdir(tmp_path) == [name]


# -- locks ---------------------------------------------------------------------------------


def test_a_writer_that_waits_too_long_is_told_for_whom(holder):
    with (
        ps.open_storage("f.h5", timeout=0.2) as storage,
        pytest.raises(ps.LockTimeoutError, match=rf"process {holder.pid} on {os.uname().nodename} \(-c\)") as raised,
    ):
        storage["x"] = 1
    assert isinstance(raised.value, TimeoutError)
    with pytest.raises(ps.LockTimeoutError, match=str(holder.pid)):
        ps.save(1, "f.h5", timeout=0.1)
    holder.communicate("\n")
    ps.save(1, "f.h5", "x")
    assert ps.load("f.h5", "held") == 1


def test_a_writer_waits_for_another_and_builds_on_it(holder):
    threading.Timer(0.2, lambda: (holder.stdin.write("\n"), holder.stdin.flush())).start()
    with ps.open_storage("f.h5") as storage:
        storage["mine"] = 2
        assert dict(storage) == {"held": 1, "mine": 2}


def test_the_lock_of_a_dead_process_is_taken_over(holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert os.path.exists("f.h5-lock")
    ps.save(1, "f.h5", "x", timeout=1)
    with ps.open_storage("f.h5", "r") as storage:
        assert list(storage) == ["x"]
    assert [name for name in os.listdir() if not name.endswith(".new")] == ["f.h5"]


def test_a_lock_file_that_names_a_process_that_lives_but_does_not_hold_it_locks_nothing():
    Path("f.h5-lock").write_text(f"elsewhere\n{os.getpid()}\nanother program\n")
    ps.save(1, "f.h5", timeout=0.1)
    assert os.listdir() == ["f.h5"]


def test_readers_do_not_wait_for_a_transaction(holder):
    holder.communicate("\n")
    again = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    again.stdout.readline()
    assert ps.load("f.h5", "held", timeout=0) == 1
    again.communicate("\n")


def test_other_programs_read_while_a_writer_is_in_a_transaction():
    with ps.open_storage("f.h5") as storage:
        storage["x"], storage["y"] = 1, np.arange(100_000)
        with storage.transaction():
            storage["x"] = 2
            storage["y"] = np.zeros(100_000)
            storage["z"] = np.ones(100_000)
            with h5py.File("f.h5", "r") as file:
                assert file["x"][0] == 1
                assert file["y"][-1] == 99_999
                assert "z" not in file
            assert h5io.read_hdf5("f.h5", "x") == 1
            shown = subprocess.check_output(["h5dump", "-d", "/x", "f.h5"], text=True) if H5DUMP else "(0): 1"
            assert "(0): 1" in shown
        with h5py.File("f.h5", "r") as file:
            assert file["z"][0] == 1


H5DUMP = subprocess.run(["which", "h5dump"], capture_output=True, check=False).returncode == 0


def test_other_programs_do_not_change_a_file_that_is_open_here():
    ps.save([1], "f.h5")
    for mode in ("r", "a"):
        with ps.open_storage("f.h5", mode) as storage:
            assert storage["object"] == [1]
            with pytest.raises(OSError, match="lock"):
                h5py.File("f.h5", "r+")
    with h5py.File("f.h5", "r+") as file:
        file["x"] = 1
        with pytest.raises(ps.LockTimeoutError, match="another program"):
            ps.load("f.h5", timeout=0.1)
    assert ps.load("f.h5", "x") == 1


def test_what_another_program_changed_is_seen_and_kept():
    with ps.open_storage("f.h5") as storage:
        storage["x"] = [1, 2]
    with h5py.File("f.h5", "r+") as file:
        file["plain"] = np.arange(2000)
    with ps.open_storage("f.h5") as storage:
        assert storage["plain"][-1] == 1999
        storage["y"] = np.ones(2000)
        storage["x"].append(3)
    with h5py.File("f.h5", "r") as file:
        assert file["plain"][-1] == 1999
    assert ps.load("f.h5", "x") == [1, 2, 3]


def test_what_is_signed_can_be_changed_after_another_program_changed_the_file():
    ps.save([collections.UserDict(a=[1]), [2]], "f.h5")
    with h5py.File("f.h5", "r+") as file:
        file["plain"] = 1
    with ps.open_storage("f.h5") as storage:
        storage["object/1"].append(3)
    assert ps.load("f.h5") == [{"a": [1]}, [2, 3]]


def test_without_locks():
    with ps.open_storage("f.h5", locking=False) as storage:
        storage["x"] = {"a": 1}
        with h5py.File("f.h5", "r+") as file:
            assert "x" in file
        assert os.listdir() == ["f.h5"]
        storage["x"]["a"] = 2
    ps.save(3, "f.h5", "y", locking=False)
    assert ps.load("f.h5", "x/a", locking=False) == 2


def test_a_file_system_without_locks_is_named(monkeypatch):
    def flock(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(ps.LocksUnsupportedError, match="locking=False"):
        ps.save(1, "f.h5")
    ps.save(1, "f.h5", locking=False)
    assert ps.load("f.h5", locking=False) == 1


def test_an_unknown_durability_is_refused():
    with pytest.raises(ValueError, match="'process', 'power'"):
        ps.save(1, "f.h5", durability="none")
    assert os.listdir() == []


# -- what others write is seen ---------------------------------------------------------------


def elsewhere(code):
    subprocess.run([sys.executable, "-c", f"import numpy as np, pyiron_storage as ps\n{code}"], check=True)


@pytest.mark.parametrize("name", ["f.jsondir", "f.json"])
def test_processes_take_turns_with_json(name):
    with ps.open_storage(name) as storage:
        storage["group/counter"], storage["log"] = 0, []
        code = f"""
with ps.open_storage({name!r}) as storage:
    for _ in range(30):
        with storage.transaction():
            storage['group/counter'] = storage['group/counter'] + 1
            storage['log'].append(storage['group/counter'])
"""
        children = [subprocess.Popen([sys.executable, "-c", f"import pyiron_storage as ps\n{code}"]) for _ in range(3)]
        for _ in range(10):
            with storage.transaction():
                storage["group/counter"] = storage["group/counter"] + 1
                storage["log"].append(storage["group/counter"])
        assert not any(child.wait() for child in children)
        assert storage["group/counter"] == 100
        assert storage["log"] == list(range(1, 101))
    assert os.listdir() == [name]


@pytest.mark.parametrize("mode", ["r", "a"])
def test_an_open_handle_and_its_views_see_what_another_process_writes(mode):
    ps.save({"numbers": [1, 2], "array": np.zeros(20_000)}, "f.h5")
    with ps.open_storage("f.h5", mode) as storage:
        view, numbers = storage["object"], storage["object/numbers"]
        assert numbers == [1, 2]
        elsewhere("s = ps.open_storage('f.h5'); s['object/numbers'].append(3); s['new'] = 5; s.close()")
        assert numbers == [1, 2, 3]
        assert storage["new"] == 5
        elsewhere("ps.save({'numbers': ['all', 'new'] * 100_000, 'array': np.ones(20_000)}, 'f.h5')")
        elsewhere("ps.delete('f.h5', 'new')")
        elsewhere("ps.save({'numbers': ['all', 'new'] * 100_000, 'array': np.ones(20_000)}, 'f.h5')")  # a new file
        assert numbers[-1] == "new"
        assert view["array"][0] == 1
        assert list(storage) == ["object"]
        if mode == "a":
            numbers.append("mine")
            assert ps.load("f.h5", "numbers/200000") == "mine"


def test_a_deleted_file_is_empty_and_is_made_anew():
    with ps.open_storage("f.h5") as storage:
        storage["x"] = 1
        elsewhere("ps.delete('f.h5')")
        assert "x" not in storage
        storage["y"] = 2
        assert ps.load("f.h5", "y") == 2
    assert os.listdir() == ["f.h5"]


def test_two_first_saves_at_once_are_both_kept():
    children = [
        subprocess.Popen([sys.executable, "-c", f"import pyiron_storage as ps\nps.save({i}, 'f.h5', 'n{i}')"])
        for i in range(6)
    ]
    assert not any(child.wait() for child in children)
    with ps.open_storage("f.h5", "r") as storage:
        assert dict(storage) == {f"n{i}": i for i in range(6)}


# -- threads -----------------------------------------------------------------------------------


def test_threads_share_a_handle():
    with ps.open_storage("f.h5") as storage:
        storage["counter"], storage["log"] = 0, []

        def count(thread):
            for _ in range(20):
                with storage.transaction():
                    storage["counter"] = storage["counter"] + 1
                    storage["log"].append(thread)
                storage[f"own/{thread}"] = np.arange(thread + 1)
                assert storage["log"].to_object().count(thread) > 0

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            list(pool.map(count, range(6)))
        assert storage["counter"] == 120
        assert sorted(storage["log"]) == sorted(list(range(6)) * 20)
        assert [len(storage[f"own/{i}"]) for i in range(6)] == [1, 2, 3, 4, 5, 6]


def test_a_thread_that_waits_too_long_for_another_is_told_so():
    with ps.open_storage("f.h5", timeout=0.1) as storage:
        with storage.transaction():
            storage["x"] = 1
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                error = pool.submit(lambda: storage["x"]).exception()
        assert isinstance(error, ps.LockTimeoutError)
        assert "another thread" in str(error)
        assert storage["x"] == 1


# -- other processes get handles ---------------------------------------------------------------


def add(storage, number):
    with storage.transaction():
        storage["total"] = storage["total"] + number
    return storage["total"]


@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_handle_is_given_to_processes(start):
    with ps.open_storage("f.h5") as storage:
        storage["group/total"] = 0
        context = multiprocessing.get_context(start)
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
            futures = [pool.submit(add, storage["group"], number) for number in range(5)]
            assert max(future.result() for future in futures) == 10
        assert storage["group/total"] == 10
        assert storage["group"].path == "group"


@pytest.mark.parametrize("name", ["f.h5", "f.jsondir", "f.json", "f.pkl"])
def test_a_pickled_handle_opens_the_same_file_again(name, tmp_path, monkeypatch):
    with ps.open_storage(name, "w") as storage:
        storage["object"] = [1, 2]
        text = pickle.dumps(storage)
    with ps.open_storage(name, "r") as storage:
        text_to_read = pickle.dumps(storage)
    os.mkdir("elsewhere")
    monkeypatch.chdir("elsewhere")
    with pickle.loads(text) as storage:
        assert storage.load("object") == [1, 2]
        storage["object"] = [3]
    with pickle.loads(text_to_read) as storage:
        assert storage.load("object") == [3]
        with pytest.raises(ps.ReadOnlyError):
            storage["object"] = 1


def test_a_handle_that_is_closed_or_has_no_file_is_not_pickled():
    storage = ps.open_storage("f.h5")
    storage.close()
    with pytest.raises(ps.StorageClosedError):
        pickle.dumps(storage)
    with pytest.raises(ps.UnsupportedOperationError, match="another process"):
        pickle.dumps(ps.MemoryStorage())


def in_child(call):
    """Do something in a forked child; return its exit status."""
    child = os.fork()
    if not child:
        try:
            call()
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
    return os.waitpid(child, 0)[1]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_uses_closes_or_forgets_a_handle_without_harm():
    with ps.open_storage("f.h5") as storage:
        storage["x"], storage["array"] = [1], np.zeros(50_000)
        view = storage["x"]

        def use():
            assert view == [1]
            view.append(2)
            storage["array"] = np.ones(50_000)

        assert in_child(use) == 0
        assert view == [1, 2]
        assert storage["array"][0] == 1
        assert in_child(storage.close) == 0
        assert in_child(lambda: None) == 0
        storage["y"] = np.full(50_000, 3)
        view.append(3)
        assert in_child(lambda: sys.exit(0)) != 0
    assert ps.load("f.h5", "x") == [1, 2, 3]
    assert ps.load("f.h5", "y")[-1] == 3


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_forked_in_a_transaction_cannot_end_it():
    with ps.open_storage("f.h5") as storage:
        storage["x"] = 1
        status = None
        try:
            with storage.transaction():
                storage["x"] = 2
                storage["big"] = np.ones(100_000)
                child = os.fork()
                if child:
                    status = os.waitpid(child, 0)[1]
        except ps.TransactionError as error:
            os._exit(7 if "forked" in str(error) else 8)
        assert os.waitstatus_to_exitcode(status) == 7
        assert storage["x"] == 2
        assert storage["big"].sum() == 100_000


def test_a_lock_does_not_live_on_in_a_child_of_a_dead_process():
    code = """
import os, time, pyiron_storage as ps
storage = ps.open_storage("f.h5")
storage["x"] = 1
with storage.transaction():
    storage["x"] = 2
    if not os.fork():
        os.close(1)
        time.sleep(30)
        os._exit(0)
    print("ready", flush=True)
    os.kill(os.getpid(), 9)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout.readline() == "ready\n"
    process.wait()
    start = time.monotonic()
    try:
        ps.save(3, "f.h5", "y", timeout=5)
        assert ps.load("f.h5", "x") == 1
    finally:
        os.killpg(process.pid, signal.SIGKILL)
    assert time.monotonic() - start < 5
