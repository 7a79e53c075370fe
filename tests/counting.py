"""Processes that count together: `python counting.py FILE PROCESSES TIMES READERS`."""

import os
import sys
import time

import numpy as np
from killing import reap, run

import pyiron_storage as ps


def count(file, times):
    with ps.open_storage(file) as storage:
        for _ in range(times):
            with storage.transaction():
                number = storage["counter"] + 1
                storage["counter"] = number
                storage["object"]["number"] = number
                storage["object"]["parts"][number % 30] = number
                storage["array"] = np.full(3000, number)


def look(file, stop):
    """Look at the file through held views until something can be read from `stop`."""
    with ps.open_storage(file, "r") as storage:
        view, parts = storage["object"], storage["object"]["parts"]
        last = looks = 0
        while not readable(stop):
            found = view.to_object()
            assert found["number"] >= last
            last = found["number"]
            assert found["parts"] == [max(last - (last - i) % 30, 0) for i in range(30)]
            assert max(list(parts)) >= last
            assert len(set(storage["array"].tolist())) == 1
            looks += 1
            time.sleep(0.002)
    assert looks > 3


def readable(pipe):
    try:
        return os.read(pipe, 1) is not None
    except BlockingIOError:
        return False


def main(file, processes, times, readers):
    with ps.open_storage(file) as storage:
        storage["counter"], storage["object"], storage["array"] = 0, {"number": 0, "parts": [0] * 30}, np.zeros(3000)
    stop, tell = os.pipe()
    os.set_blocking(stop, False)
    looking = [run(look, file, stop) for _ in range(int(readers))]
    counting = [run(count, file, int(times)) for _ in range(int(processes))]
    for child in counting:
        reap(child)
    os.write(tell, b"x" * int(readers))
    for child in looking:
        reap(child)
    print(ps.load(file, "counter"))


if __name__ == "__main__":
    main(*sys.argv[1:])
