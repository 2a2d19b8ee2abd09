"""Clips of another size: nothing stretched, pixels square in mm, shrinking by area averages."""

import numpy as np
from jaxtyping import UInt8
from scipy import sparse

from .._checks import check_array, check_count
from .._types import ArrayLike
from ._clip import SMALLEST_SIDE, EchoClip, check_pixel

# Pixels around what is kept, so that smoothing does not meet the edge.
_MARGIN = 2


def resize(clip: EchoClip, size: int) -> EchoClip:
    """Return the clip on square frames of ``size`` pixels, padded with black, times as they are.

    The longer side fills the frame. Where the pixel size is known, pixels become square in mm
    (rows and columns of CAMUS files are spaced differently) and ``mm_per_pixel`` is that of the
    new ones; otherwise pixels are taken as square.

    Args:
        clip: the clip.
        size: pixels of the new sides.

    Raises:
        InputError: a size below that of a clip.

    >>> import numpy as np
    >>> clip = EchoClip(np.full((2, 60, 80), 9), [0.0, 20.0], 0.5)
    >>> small = resize(clip, 40)
    >>> small.shape, small.mm_per_pixel, small.frames[0, :6, 0].tolist()
    ((40, 40), (1.0, 1.0), [0, 0, 0, 0, 0, 9])
    """
    size = check_count(size, "size", at_least=SMALLEST_SIDE)
    sides = clip.mm_per_pixel or (1.0, 1.0)
    side = _new_side(clip.shape, sides, size)
    rows, columns = (_weights(n, old, side, size) for n, old in zip(clip.shape, sides, strict=True))
    frames = np.empty((clip.n_frames, size, size), dtype=np.uint8)
    # Frame by frame, so that floats of the whole clip never exist at once.
    for frame, old in zip(frames, clip.frames, strict=True):
        frame[:] = np.clip(np.rint(_apply(rows, columns, old)), 0, 255)
    sector = _apply(rows, columns, clip.sector) >= 0.5
    return clip.replace(
        frames=frames,
        sector=sector if sector.any() else None,
        mm_per_pixel=None if clip.mm_per_pixel is None else (side, side),
    )


def resize_labels(
    labels: ArrayLike, size: int, mm_per_pixel: float | tuple[float, float] | None = None
) -> UInt8[np.ndarray, "size size"]:
    """Return a mask of labels (height, width) on the pixels that `resize` gives its clip.

    Args:
        labels: whole numbers from 0 to 255.
        size: pixels of the new sides.
        mm_per_pixel: as the clip has it.

    >>> import numpy as np
    >>> int(resize_labels(np.ones((60, 80)), 40).sum())
    1200
    """
    old = check_array(labels, "labels", shape=("height", "width")).astype(np.uint8)
    size = check_count(size, "size")
    sides = check_pixel(mm_per_pixel) or (1.0, 1.0)
    side = _new_side(old.shape, sides, size)
    picked, inside = [], []
    for n, pixel in zip(old.shape, sides, strict=True):
        start, stop = _intervals(n, pixel, side, size)
        centre = np.floor((start + stop) / 2).astype(int)
        inside.append((centre >= 0) & (centre < n))
        picked.append(np.clip(centre, 0, n - 1))
    seen = np.logical_and.outer(*inside)
    return np.where(seen, old[np.ix_(*picked)], 0).astype(np.uint8)


def crop_to_sector(clip: EchoClip) -> EchoClip:
    """Return the clip cut to the box around its sector.

    Raises:
        InputError: a sector of fewer pixels than a clip needs.

    >>> import numpy as np
    >>> sector = np.zeros((100, 100), bool)
    >>> sector[20:80, 10:70] = True
    >>> crop_to_sector(EchoClip(np.zeros((2, 100, 100)), [0.0, 1.0], sector=sector)).shape
    (64, 64)
    """
    box = []
    for axis in (1, 0):
        used = np.flatnonzero(clip.sector.any(axis=axis))
        box.append(slice(max(int(used[0]) - _MARGIN, 0), int(used[-1]) + 1 + _MARGIN))
    rows, columns = box
    return clip.replace(frames=clip.frames[:, rows, columns], sector=clip.sector[rows, columns])


def _new_side(shape: tuple[int, ...], sides: tuple[float, float], size: int) -> float:
    return max(shape[0] * sides[0], shape[1] * sides[1]) / size


def _intervals(n: int, old: float, new: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where each new pixel starts and ends, counted in old pixels; both centred."""
    edges = (np.arange(size + 1) - size / 2) * (new / old) + n / 2
    return edges[:-1], edges[1:]


def _apply(rows: sparse.csr_array, columns: sparse.csr_array, image: np.ndarray) -> np.ndarray:
    return (columns @ (rows @ image.astype(np.float32)).T).T


def _weights(n: int, old: float, new: float, size: int) -> sparse.csr_array:
    """Return the share of each old pixel in each new one; what lies outside is black.

    Sparse, as most shares are none: dense products of this size wait for threads.
    """
    start, stop = _intervals(n, old, new, size)
    at = np.arange(n)
    if new >= old:
        overlap = np.minimum(stop[:, None], at + 1) - np.maximum(start[:, None], at)
        shares = np.clip(overlap, 0, None) / (stop - start)[:, None]
        return sparse.csr_array(shares.astype(np.float32))
    # Enlarging: linear between the centres of the old pixels.
    centre = (start + stop) / 2 - 0.5
    weights = np.clip(1 - abs(np.clip(centre, 0, n - 1)[:, None] - at), 0, None)
    inside = (centre > -0.5 - 1e-9) & (centre < n - 0.5 + 1e-9)
    return sparse.csr_array((weights * inside[:, None]).astype(np.float32))
