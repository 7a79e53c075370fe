"""A process that is interrupted again and again, as by Ctrl-C: `python interrupting.py FILE SECONDS`."""

import random
import signal
import sys
import threading
import time

import numpy as np

import pyiron_storage as ps


def fire(end):
    while time.monotonic() < end:
        time.sleep(random.uniform(0.0005, 0.01))
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def write(storage):
    with storage.transaction():
        number = storage["number"] + 1
        storage["number"] = number
        storage["object"] = {"number": number, "list": [number] * 100}
        storage["array"] = np.full(3000, number)


def storm(storage, thread, counts):
    """Write until the thread that interrupts has ended."""
    while thread.ident is None or thread.is_alive():
        try:
            if thread.ident is None:
                thread.start()
            while thread.is_alive():
                write(storage)
                counts["done"] += 1
        except KeyboardInterrupt:
            counts["interrupted"] += 1


def main(file, seconds):
    storage = ps.open_storage(file, timeout=2)
    with storage.transaction():
        storage["number"], storage["object"], storage["array"] = 0, {"number": 0, "list": [0]}, np.zeros(3000)
    end = time.monotonic() + float(seconds)
    thread = threading.Thread(target=fire, args=(end,))
    counts = {"interrupted": 0, "done": 0}
    for _ in range(5):  # an interrupt may strike between the loop in `storm` and its ``try``
        try:
            storm(storage, thread, counts)
        except KeyboardInterrupt:
            counts["interrupted"] += 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    number, found = storage["number"], storage.load("object")
    assert found["number"] == number >= counts["done"], (number, counts)
    assert set(found["list"]) | set(storage["array"].tolist()) == {number}
    write(storage)
    storage.close()
    assert ps.load(file, "number") == number + 1
    assert counts["interrupted"] > 10
    print("whole")


if __name__ == "__main__":
    main(*sys.argv[1:])
