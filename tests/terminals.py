"""Runs a command with a terminal of its own."""

import contextlib
import os
import pty
import subprocess


def on_a_terminal(command):
    """Run a command with a terminal as its stderr; return its exit code and what was shown there."""
    master, terminal = pty.openpty()
    done = subprocess.Popen(command, stderr=terminal, stdout=subprocess.DEVNULL, env=os.environ | {"TERM": "xterm"})
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # the other end was closed
        while piece := os.read(master, 4096):
            shown += piece
    os.close(master)
    return done.wait(60), shown.decode()
