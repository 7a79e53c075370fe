"""Writers that are killed, beside readers: `python killing.py FILE WRITERS SECONDS [DURABILITY]`.

Each writer counts in transactions that change several things together, tells each
number when its transaction is done, and is killed at a random moment.  Ends with an
error where a file does not open, a number that was told is missing, or things that
were written together are not found together.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

import pyiron_storage as ps


def write(file, tell, durability):
    """Count until killed."""
    while True:
        with ps.open_storage(file, durability=durability) as storage:
            for _ in range(random.randrange(1, 8)):
                with storage.transaction():
                    number = storage.get("number", 0) + 1
                    storage["number"] = number
                    storage["object"] = {"number": number, "list": [number] * random.randrange(3000)}
                    storage["array"] = np.full(random.randrange(1, 40_000), number)
                    storage["group/same"] = np.full(20_000, number)
                os.write(tell, b"%12d" % number)


def check(file):
    """Return the number in a file after seeing that all in it belongs to it."""
    try:
        with ps.open_storage(file, "r") as storage, storage._session.access:
            if "number" not in storage:  # all were killed before their first commit
                return 0
            number = storage["number"]
            found = storage.load("object")
            assert found["number"] == number, (found["number"], number)
            assert set(found["list"]) <= {number}
            assert set(storage["array"].tolist()) == {number}
            assert set(storage["group/same"].tolist()) == {number}
    except ps.StorageNotFoundError:
        return 0
    return number


def read(file, end):
    """Read until the end, through one handle for a while, with its views held."""
    last = 0
    while time.time() < end:
        try:
            storage = ps.open_storage(file, "r")
        except ps.StorageNotFoundError:
            time.sleep(0.001)
            continue
        with storage:
            view = storage["object"]
            for _ in range(20):
                found = view.to_object()
                assert set(found["list"]) <= {found["number"]}, found
                assert len(set(storage["group/same"].tolist())) == 1
                assert found["number"] >= last, (found["number"], last)
                last = found["number"]
        assert check(file) >= last


def run(call, *arguments):
    """Call in a forked child; return its process id."""
    child = os.fork()
    if not child:
        try:
            random.seed()
            call(*arguments)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


def reap(child):
    """Wait for a child; anything but its success or its being killed is an error."""
    status = os.waitpid(child, 0)[1]
    if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL) and os.WEXITSTATUS(status):
        raise SystemExit(f"a process failed: {status}")


def told_by(pipe):
    """The largest number that was told."""
    text = b""
    while piece := os.read(pipe, 1 << 20):
        text += piece
    os.close(pipe)
    return max((int(text[at : at + 12]) for at in range(0, len(text) - 11, 12)), default=0)


def kill_writers(file, seconds, durability):
    """Let two writers count and kill both; return the largest number told."""
    pipe, tell = os.pipe()
    writers = [run(write, file, tell, durability) for _ in range(2)]
    os.close(tell)
    for writer in writers:
        time.sleep(random.uniform(0, seconds))
        os.kill(writer, signal.SIGKILL)
        reap(writer)
    return told_by(pipe)


def main(name, writers, seconds, durability="process"):
    folder = Path(name).parent
    killed = told = rounds = 0
    while killed < int(writers):
        rounds += 1
        file = folder / f"{rounds}-{Path(name).name}"
        last = 0
        readers = [run(read, file, time.time() + 30 * float(seconds)) for _ in range(2)]
        for _ in range(10):
            new = kill_writers(file, float(seconds), durability)
            killed += 2
            number = check(file)
            assert number >= max(new, last), (number, new, last)
            told, last = told + max(0, new - last), number
        for reader in readers:
            reap(reader)
        ps.save("whole", file, "after")
        assert check(file) >= last
        left = [entry.name for entry in folder.iterdir() if entry.name.startswith(f"{rounds}-")]
        assert left == [file.name], left
    print(f"{killed} writers killed, {told} numbers told and found, {rounds} files")


if __name__ == "__main__":
    main(*sys.argv[1:])
