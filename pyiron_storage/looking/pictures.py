"""Small pictures of numbers for HTML: a line as inline SVG, a heat map as an inline PNG."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from typing import Any, Final

import numpy as np

from pyiron_storage.looking.sampling import Sample

Numbers = np.ndarray[Any, np.dtype[np.float64]]

POINTS: Final = 128
ROWS: Final = 48
COLUMNS: Final = 96
WIDTH: Final = 160
HEIGHT: Final = 36
MAP_HEIGHT: Final = 72
_COLOURS: Final = np.array(
    [(33, 25, 84), (46, 74, 143), (34, 121, 152), (42, 163, 135), (131, 197, 97), (244, 222, 88)], np.float64
)
"""From the least to the largest number: dark blue, green, yellow, ever lighter."""


def line(sample: Sample) -> str:
    """Draw numbers as a line; where one is not finite the line has a gap."""
    numbers = sample.numbers.reshape(-1)
    low, high = _limits(numbers)
    x = np.linspace(1.5, WIDTH - 1.5, len(numbers))
    share = (numbers / 2 - low / 2) / (high / 2 - low / 2) if high > low else numbers * 0 + 0.5  # half: no overflow
    y = HEIGHT - 3 - share * (HEIGHT - 6)
    steps, pen_is_up = [], True
    for across, up in zip(x.tolist(), y.tolist(), strict=True):
        if math.isnan(up):
            pen_is_up = True
            continue
        steps.append(f"{'M' if pen_is_up else 'L'}{across:.1f} {up:.1f}")
        pen_is_up = False
    path = "".join(steps)
    return (
        f'<svg class="line" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">'
        f'<title>{_caption(sample)}</title><path d="{path}"/></svg>{_range(low, high)}'
    )


def heat_map(sample: Sample) -> str:
    """Draw a matrix with a colour for each number; what is not finite is transparent."""
    numbers = sample.numbers
    low, high = _limits(numbers)
    lengths = [step * count for step, count in zip(sample.steps, numbers.shape, strict=True)]
    scale = min(4.0, MAP_HEIGHT / lengths[0], WIDTH / lengths[1])
    height, width = max(16, round(scale * lengths[0])), max(24, round(scale * lengths[1]))
    data = base64.b64encode(png(_coloured(numbers, low, high))).decode()
    caption = _caption(sample)
    size = f'style="width: {width}px; height: {height}px"'  # notebooks set the height of pictures to auto
    picture = f'<img class="map" {size} alt="{caption}" title="{caption}" '
    return f'{picture}src="data:image/png;base64,{data}">{_range(low, high)}'


def _limits(numbers: Numbers) -> tuple[float, float]:
    is_there = ~np.isnan(numbers)
    return (float(numbers[is_there].min()), float(numbers[is_there].max())) if is_there.any() else (np.nan, np.nan)


def _range(low: float, high: float) -> str:
    text = "no finite number" if math.isnan(low) else f"{low:.4g}" if low == high else f"{low:.4g} … {high:.4g}"
    return f'<span class="range">{text}</span>'


def _caption(sample: Sample) -> str:
    """What the picture leaves out."""
    parts = []
    if max(sample.steps) > 1:
        parts.append("every " + " by ".join(f"{step:,}." for step in sample.steps) + " entry")
    if sample.number_of > 1:
        parts.append(f"the first of {sample.number_of:,}")
    return ", ".join(parts) or "all entries"


def _coloured(numbers: Numbers, low: float, high: float) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The colours of a matrix as bytes of red, green, blue and opacity."""
    is_there = ~np.isnan(numbers)
    share = np.where(is_there, (numbers / 2 - low / 2) / ((high / 2 - low / 2) or 1), 0)  # half: no overflow
    at = np.linspace(0, 1, len(_COLOURS))
    channels = [np.interp(share, at, _COLOURS[:, channel]) for channel in range(3)]
    return np.stack([*channels, np.where(is_there, 255, 0)], axis=-1).round().astype(np.uint8)


def png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """Write pixels as a PNG file.

    Parameters
    ----------
    pixels : numpy.ndarray
        Bytes of red, green, blue and opacity, of shape (rows, columns, 4).
    """
    rows, columns = pixels.shape[:2]
    lines = np.concatenate([np.zeros((rows, 1), np.uint8), pixels.reshape(rows, -1)], axis=1)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 6, 0, 0, 0)
    pieces = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in pieces
    )
