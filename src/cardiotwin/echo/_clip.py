"""What an echocardiographic clip is: grey frames, when each was taken, how large a pixel is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8

from .._checks import check_array, check_choice, check_indices, check_number, freeze
from .._errors import InputError
from .._types import ArrayLike

APICAL = ("A2C", "A4C")
"""Views from the apex: two chambers, four chambers."""

VIEWS = (*APICAL, "PSAX")
"""Views that a clip can be of; PSAX is the parasternal short axis, from which no volume is read."""

SMALLEST_SIDE = 32
"""Pixels; below it the wall of the ventricle is narrower than two pixels."""


@dataclass(frozen=True, eq=False)
class EchoClip:
    """Frames of one view, with the time of each and the size of a pixel.

    Args:
        frames: (n_frames, height, width) grey levels 0 to 255; the apex may lie up or down.
        times_ms: (n_frames,) rising times of the frames in ms.
        mm_per_pixel: height and width of a pixel in mm, one number if it is square, or None
            where nothing tells: then no volume in mL can be had.
        view: "A4C", "A2C" or "PSAX", or None where nothing tells.
        heart_rate_per_min: as recorded with the clip, or None.
        sector: (height, width) true where ultrasound looked; everywhere if left out. Outside of
            it frames are black: text and marks burned in there are gone.
        name: what to call the clip.
        notes: what a reader inferred or repaired, one sentence each.

    Raises:
        InputError: frames that are not grey levels, too small, times that do not rise, a pixel
            without size, an unknown view, or a heart rate that no heart has.

    >>> import numpy as np
    >>> clip = EchoClip(np.zeros((3, 64, 64), np.uint8), [0.0, 20.0, 40.0], 0.5, "A4C")
    >>> clip, clip.frame_rate_hz, clip.mm_per_pixel
    (EchoClip(3 frames of 64 × 64 at 50 Hz, 0.5 × 0.5 mm a pixel, A4C), 50.0, (0.5, 0.5))
    """

    frames: UInt8[np.ndarray, "n_frames height width"]
    times_ms: Float[np.ndarray, " n_frames"]
    mm_per_pixel: tuple[float, float] | None
    view: str | None
    heart_rate_per_min: float | None
    sector: Bool[np.ndarray, "height width"]
    name: str
    notes: tuple[str, ...]

    def __init__(
        self,
        frames: ArrayLike,
        times_ms: ArrayLike,
        mm_per_pixel: float | Sequence[float] | None = None,
        view: str | None = None,
        heart_rate_per_min: float | None = None,
        sector: ArrayLike | None = None,
        name: str = "",
        notes: Sequence[str] = (),
    ):
        grey = check_frames(frames, "frames")
        times = check_times(times_ms, len(grey), "times_ms")
        inside = check_sector(sector, grey.shape[1:])
        if not inside.all():
            grey = np.where(inside, grey, 0).astype(np.uint8)
        rate = heart_rate_per_min
        if rate is not None:
            rate = check_number(rate, "heart_rate_per_min", at_least=20, at_most=300)
        object.__setattr__(self, "frames", freeze(grey))
        object.__setattr__(self, "times_ms", freeze(times))
        object.__setattr__(self, "mm_per_pixel", check_pixel(mm_per_pixel))
        object.__setattr__(
            self, "view", None if view is None else check_choice(view, "view", VIEWS)
        )
        object.__setattr__(self, "heart_rate_per_min", rate)
        object.__setattr__(self, "sector", freeze(inside))
        object.__setattr__(self, "name", str(name))
        object.__setattr__(self, "notes", tuple(str(note) for note in notes))

    def __repr__(self) -> str:
        height, width = self.shape
        pixel = "pixel size unknown"
        if self.mm_per_pixel is not None:
            pixel = "{:.3g} × {:.3g} mm a pixel".format(*self.mm_per_pixel)
        rate = f" at {self.frame_rate_hz:.3g} Hz" if self.n_frames > 1 else ""
        frames = f"{self.n_frames} frame{'s' * (self.n_frames != 1)} of {height} × {width}{rate}"
        return f"EchoClip({frames}, {pixel}, {self.view or 'view unknown'})"

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return self.frames.shape[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.frames.shape[1], self.frames.shape[2]

    @property
    def frame_rate_hz(self) -> float:
        """Frames a second, from the median interval; 0 for a single frame."""
        if self.n_frames < 2:
            return 0.0
        return float(1000.0 / np.median(np.diff(self.times_ms)))

    @property
    def duration_ms(self) -> float:
        """From the first frame to the last, in ms."""
        return float(self.times_ms[-1] - self.times_ms[0])

    def select(self, frames: ArrayLike | slice) -> "EchoClip":
        """Return the frames of the given 0-based indices, which must rise, or of a slice.

        Raises:
            InputError: indices out of range or not rising.
        """
        if isinstance(frames, slice):
            rows = np.arange(self.n_frames)[frames]
        else:
            rows = check_indices(frames, "frames", upper=self.n_frames)
        return self.replace(frames=self.frames[rows], times_ms=self.times_ms[rows])

    def replace(self, **changes: Any) -> "EchoClip":
        """Return the clip with some of its fields changed, checked again."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return EchoClip(**{**fields, **changes})


def check_frames(frames: ArrayLike, where: str) -> UInt8[np.ndarray, "n_frames height width"]:
    """Return frames as bytes (n_frames, height, width).

    Raises:
        InputError: another shape, too small, or not whole numbers from 0 to 255.
    """
    array = np.asarray(frames)
    if array.ndim != 3:
        colour = array.ndim == 4 and array.shape[-1] in (3, 4)
        raise InputError(
            where,
            found=f"shape {array.shape}",
            expected="shape (n_frames, height, width)",
            advice="Turn colour into grey first, or let read_echo do it." if colour else "",
        )
    if not len(array) or min(array.shape[1:]) < SMALLEST_SIDE:
        raise InputError(
            where,
            found=f"{array.shape[0]} frames of {array.shape[1]} × {array.shape[2]} pixels",
            expected=f"at least one frame of at least {SMALLEST_SIDE} × {SMALLEST_SIDE} pixels",
        )
    if array.dtype == np.uint8:
        return np.array(array)
    values = check_array(array, where, shape=("n_frames", "height", "width"))
    if values.min() < 0 or values.max() > 255 or (values != np.round(values)).any():
        raise InputError(
            where,
            found=f"values from {values.min():g} to {values.max():g} of type {array.dtype}",
            expected="whole grey levels from 0 to 255",
            advice="Scale and round them first.",
        )
    return values.astype(np.uint8)


def check_times(times_ms: ArrayLike, n_frames: int, where: str) -> Float[np.ndarray, " n_frames"]:
    """Return the times of the frames as floats.

    Raises:
        InputError: not one a frame, or not rising.
    """
    times = check_array(times_ms, where, shape=(n_frames,)).copy()
    steps = np.diff(times)
    if (steps <= 0).any():
        first = int(np.argmax(steps <= 0))
        raise InputError(
            where,
            found=f"{times[first]:g} ms, then {times[first + 1]:g} ms "
            f"(frames {first}, {first + 1})",
            expected="times that rise from frame to frame",
        )
    return times


def check_pixel(mm_per_pixel: Any) -> tuple[float, float] | None:
    """Return height and width of a pixel in mm, or None.

    Raises:
        InputError: not one or two positive numbers of a size that echo has.
    """
    if mm_per_pixel is None:
        return None
    sides = np.atleast_1d(np.asarray(mm_per_pixel, dtype=object)).tolist()
    if len(sides) not in (1, 2):
        raise InputError(
            "mm_per_pixel", found=f"{len(sides)} numbers", expected="height and width of a pixel"
        )
    advice = "A frame is 80 to 250 mm deep: give mm, not cm or m."
    checked = [
        check_number(side, "mm_per_pixel", above=0.01, at_most=10, advice=advice) for side in sides
    ]
    return checked[0], checked[-1]


def check_sector(sector: ArrayLike | None, shape: tuple[int, ...]) -> Bool[np.ndarray, "h w"]:
    """Return where ultrasound looked, as booleans.

    Raises:
        InputError: not of the shape of a frame, or nowhere.
    """
    if sector is None:
        return np.ones(shape, dtype=bool)
    inside = np.array(sector, dtype=bool)
    if inside.shape != shape or not inside.any():
        raise InputError(
            "sector",
            found=f"shape {inside.shape}, {int(inside.sum())} pixels true",
            expected=f"a mask of shape {tuple(shape)} that is true somewhere",
        )
    return inside
