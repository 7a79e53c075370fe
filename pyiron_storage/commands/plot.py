"""``pyiron-storage plot``."""

from __future__ import annotations

from typing import Any

from pyiron_storage.command_line import Backend, File, Output, Path, output_file, show
from pyiron_storage.errors import MissingPackageError, NotAnArrayError
from pyiron_storage.looking.branches import Branch
from pyiron_storage.looking.describing import label
from pyiron_storage.looking.sampling import Sample, can_be_drawn, sample_array, sample_list
from pyiron_storage.operations.browser import browse

POINTS = 20_000
ROWS = COLUMNS = 1000


def command(file: File, path: Path, *, output: Output = None, backend: Backend = None) -> None:
    """Draw an array or a list of numbers as a PNG: a line, or an image of a matrix.

    Its name is the last part of the path with .png behind it, where --output does not say
    another. Of a big array evenly spaced numbers are drawn. Needs the extra 'plot'.
    """
    figure_class = _figure_class()
    with browse(file, path, backend=backend).look() as branch:
        sample = _sample(file, branch)
        figure = figure_class(figsize=(8, 4.5), layout="constrained")
        axes = figure.add_subplot(title=f"{branch.path}\n{label(branch)}".replace("$", r"\$"))
        name = output_file(output, f"{_file_name(branch.name)}.png")
    if sample.numbers.ndim == 1:
        axes.plot(range(0, len(sample.numbers) * sample.steps[0], sample.steps[0]), sample.numbers, linewidth=1)
    else:
        rows, columns = (step * count for step, count in zip(sample.steps, sample.numbers.shape, strict=True))
        extent = (-0.5, columns - 0.5, rows - 0.5, -0.5)
        figure.colorbar(axes.imshow(sample.numbers, aspect="auto", interpolation="nearest", extent=extent))
    figure.savefig(name, format="png", dpi=120)
    show(str(name))


def _sample(file: str, branch: Branch) -> Sample:
    sample = None
    if branch.is_array:
        array = branch.array()
        sample = sample_array(array, POINTS, ROWS, COLUMNS) if can_be_drawn(array) else None
    elif branch.info.kind in ("list", "tuple"):
        sample = sample_list(branch, POINTS)
    if sample is None:
        raise NotAnArrayError(
            f"{file}: {branch.path!r} is a {label(branch)}; what can be drawn are arrays and lists of several numbers."
        )
    return sample


def _file_name(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name).lstrip(".") or "array"


def _figure_class() -> Any:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            "'plot' needs matplotlib, which is not installed. Install it with pip install 'pyiron_storage[plot]'."
        ) from error
    return Figure
