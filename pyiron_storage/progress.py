"""How far a save, load or copy is: told to a function, or shown as a bar on a terminal.

Whoever reads, writes or copies many bytes notes them, a piece at a time.  The bar is
drawn by a thread, so that it goes on where nothing is noted for long, as while many small
objects are taken apart, and so that nothing is paid for an object.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

from pyiron_storage.errors import InvalidOptionError, StorageError

Tell = Callable[[int, int], object]
"""Is told how many bytes are done, and of how many as far as that is known."""
Progress = bool | Tell | None
"""What `progress=` takes: None for a bar where people see it, True for one in any case, False for none, a function."""

READ: Final = "read"
WRITTEN: Final = "written"
COPIED: Final = "copied"
DELAY_SECONDS: Final = 1.0
"""What takes less gets no bar."""
REDRAWN_SECONDS: Final = 0.1
WIDTH: Final = 24
"""Of the bar alone, in characters."""


class Counter:
    """The bytes of one operation that are done, told to a function.

    Parameters
    ----------
    counts
        What is counted: `READ`, `WRITTEN` or `COPIED`.
    tell
        Is told after each piece.
    """

    def __init__(self, counts: str, tell: Tell) -> None:
        self.counts, self._tell = counts, tell
        self.done = self.total = 0
        self.size: Callable[[], int] | None = None
        """Says how many bytes there are in all; asked once, and only where somebody wants to know."""

    def advance(self, size: int) -> None:
        """Note that some bytes more are done."""
        self.done += size
        self._count_all()
        self._tell(self.done, max(self.done, self.total))

    def _count_all(self) -> None:
        if self.size is not None:
            size, self.size = self.size, None
            try:
                self.total = size()
            except StorageError:  # it is not known then; the operation itself finds what is damaged
                self.total = 0


class Bar(Counter):
    """The bytes of one operation that are done, shown as a line that is drawn over itself.

    Parameters
    ----------
    counts
        What is counted.
    label
        What is being done.
    stream
        Where it is shown.
    delay
        For how many seconds it is not.
    """

    def __init__(self, counts: str, label: str, stream: Any, delay: float) -> None:
        super().__init__(counts, lambda done, total: None)
        self._label, self._stream = label, stream
        self._start = time.monotonic()
        self._delay = delay
        self._drawn = 0

    def _count_all(self) -> None:
        if self._drawn:
            super()._count_all()

    def draw(self) -> None:
        """Show how far it is, where it has lasted long enough."""
        seconds = time.monotonic() - self._start
        if seconds >= self._delay:
            text = self._text(seconds)[: max(1, shutil.get_terminal_size().columns - 1)]
            self._write("\r" + text.ljust(self._drawn))
            self._drawn = len(text)

    def clear(self) -> None:
        """Leave the line as it was."""
        if self._drawn:
            self._write("\r" + " " * self._drawn + "\r")

    def _text(self, seconds: float) -> str:
        total = max(self.total, self.done)
        if not self.done:
            return f"{self._label}  {seconds:.0f} s"
        if not self.total:
            return f"{self._label}  {self.done / 1e6:,.0f} MB  {seconds:.0f} s"
        bar = "#" * (self.done * WIDTH // total)
        share = f"[{bar.ljust(WIDTH, '.')}] {self.done * 100 // total:3d} %"
        return f"{self._label}  {share}  {self.done / 1e6:,.0f} of {total / 1e6:,.0f} MB  {seconds:.0f} s"

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # closed, or nobody reads it: no reason to stop what is being done
            self._delay = float("inf")


class Watch:
    """The bars of all operations that are under way; the oldest is drawn.

    Its thread ends when there are none left, so that most operations begin none.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin with no bars, as in a forked child."""
        self._lock = threading.RLock()  # a finalizer that saves may come in between
        self._bars: list[Bar] = []
        self._thread: threading.Thread | None = None

    def begin(self, bar: Bar) -> None:
        """Draw a bar from now on."""
        with self._lock:
            self._bars.append(bar)
            if self._bars[0] is bar:
                bar.draw()
            if self._thread is None:
                self._start_thread()

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._run, name="pyiron_storage-progress", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # Python is about to end, or the system gives no more threads: there is no bar then
            return
        self._thread = thread

    def end(self, bar: Bar) -> None:
        """Draw a bar no more; a forked child leaves that of its parent alone."""
        with self._lock:
            if bar in self._bars:
                self._bars.remove(bar)
                bar.clear()

    def _run(self) -> None:
        while True:
            time.sleep(REDRAWN_SECONDS)
            with self._lock:
                if not self._bars:
                    self._thread = None
                    return
                self._bars[0].draw()


_WATCH: Final = Watch()
_COUNTED: Final[ContextVar[Counter | None]] = ContextVar("progress", default=None)
os.register_at_fork(after_in_child=_WATCH.reset)


@contextmanager
def progress_of(progress: Progress, doing: str, file: str | os.PathLike[str], counts: str) -> Iterator[None]:
    """Tell of the bytes that are noted inside, or show them, as `progress` asks for.

    Parameters
    ----------
    progress : None, bool or callable
        None for a bar where stderr is a terminal or a notebook and it lasts for long; True
        for one in any case; False for none; a function that is told.
    doing : str
        What is being done, such as ``"saving"``.
    file : path-like
        The file.
    counts : str
        What is counted.

    Raises
    ------
    InvalidOptionError
        If `progress` is none of these.

    Examples
    --------
    >>> with progress_of(print, "loading", "run.h5", READ):
    ...     expect(READ, lambda: 3_000_000)
    ...     note(READ, 1_000_000)
    ...     note(WRITTEN, 7)
    1000000 3000000
    """
    counter = _counter(progress, doing, file, counts)
    before = _COUNTED.set(counter)
    try:
        if isinstance(counter, Bar):
            _WATCH.begin(counter)
        yield
    finally:
        _COUNTED.reset(before)
        if isinstance(counter, Bar):
            _WATCH.end(counter)


def note(what: str, size: int) -> None:
    """Note that a piece of so many bytes was read, written or copied."""
    counter = _COUNTED.get()
    if counter is not None and counter.counts == what and size:
        counter.advance(size)


def expect(what: str, size: Callable[[], int]) -> None:
    """Let `size` say how many bytes there are in all, if somebody wants to know."""
    counter = _COUNTED.get()
    if counter is not None and counter.counts == what:
        counter.size = size


def _counter(progress: Progress, doing: str, file: str | os.PathLike[str], counts: str) -> Counter | None:
    if progress is not None and not isinstance(progress, bool):
        if not callable(progress):
            raise InvalidOptionError(f"progress={progress!r} is none of None, True, False and a function.")
        return Counter(counts, progress)
    stream = sys.stderr
    if progress is False or stream is None or not (progress or _is_seen(stream)):
        return None
    name = Path(file).name
    label = f"{doing} {name if name.isprintable() else ascii(name)}"
    return Bar(counts, label, stream, 0.0 if progress else DELAY_SECONDS)


def _is_seen(stream: Any) -> bool:
    """Whether somebody looks at a stream: a terminal, or the output of a notebook."""
    if type(stream).__module__.startswith("ipykernel."):
        return True
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):  # no stream of Python's own, or a closed one
        return False
