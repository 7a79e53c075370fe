"""Runs a command with a terminal of its own."""

import contextlib
import os
import pty
import subprocess


def on_a_terminal(command, typed=None):
    """Run a command with a terminal as its stderr, or as all, where something is typed; return exit code and text."""
    master, terminal = pty.openpty()
    streams = {"stdout": subprocess.DEVNULL} if typed is None else {"stdin": terminal, "stdout": terminal}
    done = subprocess.Popen(command, stderr=terminal, env=os.environ | {"TERM": "xterm"}, **streams)
    os.write(master, (typed or "").encode())
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # the other end was closed
        while piece := os.read(master, 4096):
            shown += piece
    os.close(master)
    return done.wait(60), shown.decode()
