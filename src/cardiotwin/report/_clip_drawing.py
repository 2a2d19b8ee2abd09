"""Clips as a page draws them: films, outlines, and where each frame is in the beat."""

import base64
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8
from scipy import ndimage

from ..circulation import Beat
from ..echo import find_disks
from ..echo._labels import CAVITY
from ._beat_drawing import floats
from ._beat_saved import SavedBeat
from ._beats import NINETY, at_phases
from ._saved_clip import SavedClip

MOST_FRAMES = 64
"""Frames on a page, of all its clips together, so that it stays below 1 MB."""

FEWEST_FRAMES = 8
"""Of each clip, however many there are."""

COLUMNS = 8
GREYS = 64
"""Grey levels of a film; more are not told apart in speckle and take more room."""

COLOURS = ("--mark", "--green", "--purple", "--amber")
"""Of the points of each clip, in turns."""

_POINTS = 56  # Of an outline: its corners are a pixel apart.
_BLUNT = 1.5  # Pixels over which the steps of an outline are smoothed.


def clip_facts(saved: SavedBeat) -> dict[str, Any]:
    """Return everything that clips.js draws besides what circulation.js has."""
    beat, draws = saved.beat, saved.draws
    in_ml = any(one.in_ml for one in saved.clips)
    phases = beat.times_s / beat.times_s[-1]
    scale = 1.0 if in_ml else 100.0 / float(beat.volume_ml.max())
    band = None
    if draws is not None:
        every = at_phases(draws, "volume_ml", phases)
        if not in_ml:
            every = 100.0 * every / every.max(1, keepdims=True)
        band = [floats(edge) for edge in np.percentile(every, NINETY, axis=0)]
    n_frames = max(FEWEST_FRAMES, MOST_FRAMES // len(saved.clips))
    last = 1000.0 * float(beat.times_s[-1])
    return {
        "inMl": in_ml,
        "volume": floats(scale * beat.volume_ml),
        "band": band,
        "clips": [
            {
                **_facts(one, beat, n_frames, last, in_ml),
                "colour": f"var({COLOURS[index % len(COLOURS)]})",
            }
            for index, one in enumerate(saved.clips)
        ],
    }


def _facts(
    one: SavedClip, beat: Beat, n_frames: int, last_ms: float, in_ml: bool
) -> dict[str, Any]:
    place = np.mod(one.phases - lead(one, beat), 1.0)
    chosen = one_beat_of(one, n_frames)
    seen = np.isfinite(one.volumes) & (one.in_ml or not in_ml)
    scale = one.volume_factor if in_ml else 100.0 / float(one.beat.max())
    return {
        "phases": floats(place[chosen]),
        "frames": [int(frame) for frame in chosen],
        "leftOut": [bool(np.isnan(one.volumes[frame])) for frame in chosen],
        "outlines": [outline_path(one.masks[frame] == CAVITY) for frame in chosen],
        "axes": _axes(one, chosen),
        "x": floats(last_ms * place[seen]),
        "y": floats(scale * one.volumes[seen]),
    }


def one_beat_of(one: SavedClip, n_frames: int) -> np.ndarray:
    """Return the frames of the first beat of a clip, evenly thinned where they are too many."""
    first = np.flatnonzero(one.phases < 1.0)
    kept = np.linspace(0, len(first) - 1, min(n_frames, len(first))).round().astype(int)
    return first[kept]


def lead(one: SavedClip, beat: Beat) -> float:
    """Return how far into the beat of the clip that of the simulation begins, in beats.

    The volume curves are shifted to where they correlate most.
    """
    n = len(one.beat)
    even = np.arange(n) / n * float(beat.times_s[-1])
    simulated = np.interp(even, beat.times_s, beat.volume_ml)
    match = np.fft.ifft(np.fft.fft(one.beat) * np.conj(np.fft.fft(simulated))).real
    return float(match.argmax()) / n


def film(one: SavedClip, chosen: Sequence[int]) -> str:
    """Return frames in rows of `COLUMNS` as one PNG in base64."""
    step = 256 // GREYS
    frames = one.clip.frames[list(chosen)] // step * step
    rows = -(-len(frames) // COLUMNS)
    n, height, width = frames.shape
    full = np.concatenate([frames, np.zeros((rows * COLUMNS - n, height, width), np.uint8)])
    sheet = full.reshape(rows, COLUMNS, height, width).transpose(0, 2, 1, 3)
    return base64.b64encode(_png(sheet.reshape(rows * height, COLUMNS * width))).decode()


def outline_path(cavity: Bool[np.ndarray, "height width"]) -> str:
    """Return the border of the largest patch of a mask as an SVG path; empty without any.

    >>> mask = np.zeros((40, 40), bool); mask[10:30, 15:25] = True
    >>> path = outline_path(mask)
    >>> path[0], path[-1], 10 < path.count("L") < 60
    ('M', 'Z', True)
    """
    border = _border(cavity)
    if not len(border):
        return ""
    smooth = ndimage.gaussian_filter1d(border.astype(float), _BLUNT, axis=0, mode="wrap")
    kept = np.linspace(0, len(smooth), min(_POINTS, len(smooth)), endpoint=False).astype(int)
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for y, x in smooth[kept]) + "Z"


def _border(cavity: Bool[np.ndarray, "height width"]) -> np.ndarray:
    """Return the corners (n, 2) around the largest patch, row and column, clockwise."""
    found: Any = ndimage.label(cavity)
    labels, n = found
    if n == 0:
        return np.empty((0, 2), int)
    largest = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    inside = np.pad(np.asarray(ndimage.binary_fill_holes(largest)), 1)
    follow: dict[tuple[int, int], list[tuple[int, int]]] = {}
    # A side of a pixel is part of the border where its neighbour there is outside.
    for neighbour, start, end in (
        ((-1, 0), (0, 0), (0, 1)),
        ((0, 1), (0, 1), (1, 1)),
        ((1, 0), (1, 1), (1, 0)),
        ((0, -1), (1, 0), (0, 0)),
    ):
        for row, column in np.argwhere(inside & ~np.roll(inside, np.negative(neighbour), (0, 1))):
            corner = (int(row) + start[0], int(column) + start[1])
            follow.setdefault(corner, []).append((int(row) + end[0], int(column) + end[1]))
    longest: list[tuple[int, int]] = []
    while follow:
        at = next(iter(follow))
        path = []
        while at in follow:
            path.append(at)
            ends = follow[at]
            at = ends.pop()
            if not ends:
                del follow[path[-1]]
        longest = max(longest, path, key=len)
    return np.array(longest) - 1


def _axes(one: SavedClip, chosen: np.ndarray) -> list[list[float] | None]:
    """Return the long axis of frames, x and y of base and apex, in pixels."""
    disks = find_disks(one.masks[chosen])
    ends = np.concatenate([disks.base[:, ::-1], disks.apex[:, ::-1]], 1) + 0.5
    return [floats(row, 4) if np.isfinite(row).all() else None for row in ends]


def _png(grey: UInt8[np.ndarray, "height width"]) -> bytes:
    """Return a grey picture as PNG, which every browser reads and no package is needed for."""
    height, width = grey.shape
    # Each row begins with the number of its filter, 0 for none.
    rows = np.concatenate([np.zeros((height, 1), np.uint8), grey], 1)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
