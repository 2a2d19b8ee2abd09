"""Grey frames from the arrays of image formats that were made for volumes."""

from dataclasses import dataclass

import numpy as np

from ..._errors import FileFormatError
from ..._types import PathLike


@dataclass(frozen=True)
class Volume:
    """Values (n_frames, height, width) as stored, pixel in mm or None, step in ms or None."""

    values: np.ndarray
    mm_per_pixel: tuple[float, float] | None
    step_ms: float | None
    notes: tuple[str, ...] = ()


def upright(path: PathLike, values: np.ndarray) -> np.ndarray:
    """Return (n_frames, height, width) from axes (x, y), (x, y, t) or (x, y, 1, t).

    The first axis runs along the probe and the second into depth; frames have depth down.

    Raises:
        FileFormatError: another number of axes, or a volume that moves.
    """
    if values.ndim == 4 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.ndim == 2:
        values = values[:, :, None]
    if values.ndim != 3:
        raise FileFormatError(
            str(path),
            found=f"an array of shape {values.shape}",
            expected="one plane: axes (x, y), (x, y, t) or (x, y, 1, t)",
            advice="Volumes (3-D echo) are not read.",
        )
    return values.transpose(2, 1, 0)


def as_grey(path: PathLike, values: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return values as bytes: as they are from 0 to 255, otherwise scaled, with a note.

    Fractions that do not exceed 1 are scaled up, values beyond 255 down.

    Raises:
        FileFormatError: negative or not finite.
    """
    if values.dtype == np.uint8 or not values.size:
        return values.astype(np.uint8), ()
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)) or low < 0:
        raise FileFormatError(
            str(path),
            found=f"values from {low:g} to {high:g}",
            expected="grey levels that are not negative",
            advice="Shift and scale them to 0 to 255 first.",
        )
    if high <= 255:
        whole = np.round(values)
        if (whole == values).all():
            return whole.astype(np.uint8), ()
        if high > 1:
            return whole.astype(np.uint8), ("grey levels rounded to whole numbers",)
        factor, note = 255.0, "grey levels 0 to 1 taken as 0 to 255"
    else:
        factor, note = 255.0 / high, f"grey levels up to {high:g} scaled to 255"
    return np.round(values.astype(np.float32) * factor).astype(np.uint8), (note,)
