"""Peak memory, each step in a process of its own, and saving over a file that has the object already.

As a program it is that process: ``python -m benchmarks.memory FORMAT STEP FILE MEGABYTES`` prints
the bytes that the step took at its peak.
"""

from __future__ import annotations

import dataclasses
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.formats import FORMATS, Format, remove, size
from benchmarks.measure import Measured, Settings, Times, in_turns, progress

ROOT = Path(__file__).parent.parent


@dataclasses.dataclass(frozen=True)
class Peak:
    """What a format takes at its peak, as parts of the size of the arrays: beyond them on save, in all on load."""

    save: float
    load: float


def two_arrays(megabytes: int) -> dict[str, np.ndarray]:
    """The object: two arrays of half the size."""
    generator = np.random.default_rng(8)
    return {name: generator.random(megabytes * 62_500) for name in ("first", "second")}


def peaks(settings: Settings) -> Iterator[tuple[str, Peak]]:
    """Measure the peak of every format."""
    megabytes = 50 if settings.quick else 400
    for name in settings.formats:
        progress(f"memory of {name}")
        path = settings.folder / f"memory{FORMATS[name].suffix}"
        save, load = (_peak_of_process(name, step, path, megabytes) for step in ("save", "load"))
        remove(path)
        yield name, Peak(save / megabytes / 1e6, load / megabytes / 1e6)


def _peak_of_process(name: str, step: str, path: Path, megabytes: int) -> int:
    command = [sys.executable, "-m", "benchmarks.memory", name, step, str(path), str(megabytes)]
    return int(subprocess.check_output(command, cwd=ROOT))


def save_again(settings: Settings) -> tuple[int, Measured]:
    """Save arrays and save them again over the file; the sizes say whether it grew."""
    megabytes = 200 if settings.quick else 1000
    progress(f"{megabytes} MB again")
    obj = two_arrays(megabytes)
    patient = dataclasses.replace(settings, limit=60, repeat=min(3, settings.repeat))

    def turn(form: Format, path: Path, times: Times, repeat: int) -> None:
        remove(path)
        times.take("first", lambda: form.save(obj, path), patient.limit)
        times.size = -size(path)
        times.take("again", lambda: form.save(obj, path), patient.limit)
        times.size += size(path)
        remove(path)

    return megabytes, Measured(f"{megabytes} MB", in_turns(patient, turn))


def peak() -> int:
    """The most memory in bytes that this process had."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(name: str, step: str, file: str, megabytes: str) -> None:
    """Run one step and print how far it moved the peak."""
    form, path = FORMATS[name](), Path(file)
    warm = path.with_name(f"warm{form.suffix}")
    form.save(two_arrays(1), warm)  # what is imported at the first use belongs to no step
    form.load(warm)
    remove(warm)
    obj = two_arrays(int(megabytes)) if step == "save" else None
    before = peak()
    if step == "save":
        form.save(obj, path)
    else:
        obj = form.load(path)
    print(peak() - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
