"""Tracings of EchoNet-Dynamic: a long axis and chords across it, filled to masks."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from ..._types import ArrayLike, PathLike
from ._records import read_table

_COLUMNS = ("FileName", "X1", "Y1", "X2", "Y2", "Frame")

Chords = Float[np.ndarray, "n_chords 4"]


def read_traces(path: PathLike) -> dict[str, dict[int, np.ndarray]]:
    """Return for each file name (without ending) and frame the rows [x1, y1, x2, y2].

    The first row of a frame is the long axis. Rows that are no numbers are left out.

    Raises:
        FileFormatError: no table with the published columns.
    """
    rows: dict[tuple[str, str], list[list[str]]] = {}
    for name, x1, y1, x2, y2, frame in read_table(path, _COLUMNS):
        rows.setdefault((name, frame), []).append([x1, y1, x2, y2])
    traces: dict[str, dict[int, np.ndarray]] = {}
    for (name, frame), cells in rows.items():
        if frame.isdecimal():
            chords = _numbers(cells)
            traces.setdefault(name.removesuffix(".avi"), {})[int(frame)] = chords
    return traces


def _numbers(cells: list[list[str]]) -> np.ndarray:
    """Return the rows that are four finite numbers."""
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        values = np.array([[_number(cell) for cell in row] for row in cells])
    return values[np.isfinite(values).all(axis=1)]


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def trace_mask(chords: Chords, shape: Sequence[int]) -> Bool[np.ndarray, "height width"]:
    """Return the area that chords cover: down their first ends and up their second ends.

    Args:
        chords: rows [x1, y1, x2, y2] in pixels; the first row, the long axis, is left out.
        shape: height and width of the frame.

    >>> import numpy as np
    >>> chords = np.array([[4, 0, 4, 8], [2, 1, 6, 1], [2, 5, 6, 5]], float)
    >>> int(trace_mask(chords, (10, 10)).sum())
    16
    """
    across = chords[1:]
    outline = np.concatenate([across[:, :2], across[::-1, 2:]])
    return fill_polygon(outline, shape)


def fill_polygon(points: ArrayLike, shape: Sequence[int]) -> Bool[np.ndarray, "height width"]:
    """Return the pixels whose centres lie inside of a closed polygon of points [x, y].

    Centres are at whole numbers. A ray to the left of each centre is followed: an odd number of
    crossings means inside.
    """
    corners = np.asarray(points, dtype=np.float64)
    height, width = shape
    row, column = np.arange(height), np.arange(width)
    inside = np.zeros((height, width), dtype=bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crossed = (y0 <= row) != (y1 <= row)
        if crossed.any():
            at = x0 + (row[crossed] - y0) * (x1 - x0) / (y1 - y0)
            inside[crossed] ^= column[None, :] >= at[:, None]
    return inside
