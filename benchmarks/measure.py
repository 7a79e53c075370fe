"""Times: every format saves and loads the same object in turn, so that a noisy moment hits them all."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.equality import difference
from benchmarks.formats import FORMATS, Format, remove, size
from benchmarks.workloads import BESIDE, GROWING, WORKLOADS, containers

SHORT = 0.02  # seconds; what is shorter is measured several times in each repeat


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Parameters
    ----------
    formats : list of str
        The names in `FORMATS`; pickle is always among them.
    repeat : int
        How often every format has its turn.
    quick : bool
        Whether the objects are small.
    limit : float
        Seconds after which a step is given up.
    folder : Path
        Where the files go.
    """

    formats: list[str]
    repeat: int
    quick: bool
    limit: float
    folder: Path


class TimeLimitError(BaseException):
    """A step took too long; no `except Exception` of a library stops it."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Give up after so many seconds."""

    def give_up(*_: object) -> None:
        raise TimeLimitError(f"takes more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def timed(step: Callable[[], Any], limit: float, prepare: Callable[[], Any] = lambda: None) -> tuple[Any, float]:
    """Run a step and return its result and seconds: the median of five if it is short."""
    gc.collect()
    seconds: list[float] = []
    result = None
    while not seconds or (seconds[0] < SHORT and len(seconds) < 5):
        prepare()
        result = None
        with time_limit(limit):
            start = time.perf_counter()
            result = step()
            seconds.append(time.perf_counter() - start)
    return result, statistics.median(seconds)


@dataclass
class Times:
    """What one format did with one object; a note says what it could not do.

    Parameters
    ----------
    seconds : dict of str to list of float
        For each step, one time for each repeat.
    size : int
        Bytes on disk.
    note : str
        Why there are no times, or what came back changed.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    size: int = 0
    note: str = ""

    def take(self, name: str, step: Callable[[], Any], limit: float, prepare: Callable[[], Any] = lambda: None) -> Any:
        """Run a step, keep its time and return its result."""
        result, seconds = timed(step, limit, prepare)
        self.seconds.setdefault(name, []).append(seconds)
        return result

    def median(self, step: str) -> float:
        """Median time of a step in seconds."""
        return statistics.median(self.seconds[step])

    def ratio(self, step: str, base: Times, base_step: str = "") -> float:
        """Median of the ratios to other times, each of one repeat."""
        pairs = zip(self.seconds[step], base.seconds[base_step or step], strict=True)
        return statistics.median(own / other for own, other in pairs)


@dataclass
class Measured:
    """One object and what each format did with it."""

    label: str
    times: dict[str, Times]
    tiny: bool = False
    rows: int = 0


Turn = Callable[[Format, Path, Times, int], None]


def in_turns(settings: Settings, turn: Turn, formats: list[str] | None = None) -> dict[str, Times]:
    """Give every format its turn in each repeat; one that fails once has no more."""
    times = {name: Times() for name in formats or settings.formats}
    made = {name: FORMATS[name]() for name in times}
    paths = {name: settings.folder / f"{name}{made[name].suffix}" for name in times}
    for repeat in range(settings.repeat):
        for name in list(times)[:: 1 if repeat % 2 == 0 else -1]:
            if not times[name].note:
                attempt(turn, made[name], paths[name], times[name], repeat)
    for path in paths.values():
        remove(path)
    if times["pickle"].note:
        raise RuntimeError(f"pickle {times['pickle'].note}, and all is measured beside it; --limit gives it more time")
    return times


def attempt(turn: Turn, form: Format, path: Path, times: Times, repeat: int) -> None:
    """Take a turn; what goes wrong becomes the note, and there are no times."""
    try:
        turn(form, path, times, repeat)
    except TimeLimitError as error:
        times.note = str(error)
    except Exception as error:  # noqa: BLE001 - whatever a library raises is a result
        times.note = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:80]}"
    if times.note:
        times.seconds.clear()


def save_and_load(obj: Any, settings: Settings) -> dict[str, Times]:
    """Save and load an object by every format, and compare what comes back the first time."""

    def turn(form: Format, path: Path, times: Times, repeat: int) -> None:
        times.take("save", lambda: form.save(obj, path), settings.limit, lambda: remove(path))
        loaded = times.take("load", lambda: form.load(path), settings.limit)
        if repeat == 0:
            times.size = size(path)
            changed = difference(obj, loaded)
            times.note = f"comes back changed: {changed}" if changed else ""

    gc.collect()
    gc.freeze()  # what was there before costs the collector nothing, in any format
    try:
        return in_turns(settings, turn)
    finally:
        gc.unfreeze()


def whole(names: list[str], settings: Settings) -> Iterator[Measured]:
    """Measure the workloads of these names, one after the other."""
    for name in names:
        workload = WORKLOADS[name]
        if workload.needs and not _can_import(workload.needs):
            progress(f"{name}: skipped, it needs {workload.needs}")
            continue
        progress(name)
        obj = workload.build(workload.number(quick=settings.quick))
        rows = containers(obj) if name == "irregular" else 0
        yield Measured(workload.label(quick=settings.quick), save_and_load(obj, settings), workload.tiny, rows)


def _can_import(package: str) -> bool:
    try:
        __import__(package)
    except ImportError:
        return False
    return True


def partial(settings: Settings) -> Iterator[Measured]:
    """Load and update one int in a small dict beside something big."""

    def turn(form: Format, path: Path, times: Times, repeat: int) -> None:
        if repeat == 0:
            with time_limit(settings.limit):
                form.save({"big": big, "small": {"steps": -1, "cell": np.eye(3)}}, path)
        times.take("update", lambda: form.update_part(path, ["small", "steps"], repeat), settings.limit)
        found = times.take("load", lambda: form.load_part(path, ["small", "steps"]), settings.limit)
        if found != repeat:
            times.note = f"loads {found!r} where {repeat} was put"

    for name in BESIDE:
        progress(f"a part beside {name}")
        big = WORKLOADS[name].build(WORKLOADS[name].number(quick=settings.quick))
        yield Measured(WORKLOADS[name].label(quick=settings.quick), in_turns(settings, turn))


def browse(settings: Settings) -> Measured:
    """List the paths of all parts of a tree; pickle, which cannot, loads the whole."""

    def turn(form: Format, path: Path, times: Times, repeat: int) -> None:
        if repeat == 0:
            form.save(tree, path)
        look = form.load if type(form) is Format else form.paths
        found = times.take("browse", lambda: look(path), settings.limit)
        times.size = len(found) if isinstance(found, list) else 0

    progress("browse")
    tree = WORKLOADS["tree"].build(WORKLOADS["tree"].number(quick=settings.quick))
    formats = [name for name in settings.formats if name == "pickle" or FORMATS[name].paths is not Format.paths]
    return Measured(WORKLOADS["tree"].label(quick=settings.quick), in_turns(settings, turn, formats))


def growth(settings: Settings) -> Iterator[Measured]:
    """Save and load 1, 10 and 100 times as many rows."""
    formats = [name for name in settings.formats if name in {"pickle", "hdf5", "json"}]
    settings = dataclasses.replace(settings, formats=formats)
    for name, build in GROWING.items():
        start = (10 if "arrays" in name else 100) if settings.quick else (100 if "arrays" in name else 1000)
        for rows in (start, 10 * start, 100 * start):
            progress(f"{rows} {name}")
            yield Measured(name, save_and_load(build(rows), settings), rows=rows)


def progress(text: str) -> None:
    """Tell on standard error what is measured now."""
    print(f"... {text}", file=sys.stderr, flush=True)
