"""What all readers share: from what a file tells to a clip, with what the caller adds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..._checks import check_choice, check_number
from ..._errors import FileFormatError, InputError, MissingDependencyError
from ..._types import ArrayLike, PathLike
from .._clip import SMALLEST_SIDE, EchoClip
from .._sector import fit_sector
from ._frames import colour_doppler

FEWEST_FRAMES = 5
"""Frames of a clip; with fewer, nothing can be said about motion."""

# Frames of echo are this far apart; a step beyond was stated in another unit, or is a filler.
_STEPS_MS = (1.0, 500.0)
# Of the pixels in the sector. A trace or text that touches the sector colours about 1 %.
_MOST_COLOUR = 0.03


@dataclass(frozen=True)
class Loaded:
    """What one file told; None is what it did not tell.

    ``region`` is (top, bottom, left, right) of the ultrasound picture in pixels, the ends
    exclusive; ``hues`` as in `FrameStack.hues`. ``time_notes`` are those about times: they are
    told, too, where a rate must be asked for.
    """

    frames: np.ndarray
    times_ms: np.ndarray | None = None
    mm_per_pixel: tuple[float, float] | None = None
    view: str | None = None
    heart_rate_per_min: float | None = None
    hues: np.ndarray | None = None
    region: tuple[int, int, int, int] | None = None
    sector: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    time_notes: tuple[str, ...] = ()


def need_library(error: ImportError, package: str, purpose: str) -> MissingDependencyError:
    """Return the error that tells how to install an optional library.

    >>> print(need_library(ImportError(), "av", "Reading video"))
    Reading video needs the package av: pip install 'cardiotwin[io]'
    """
    del error
    return MissingDependencyError(
        f"{purpose} needs the package {package}: pip install 'cardiotwin[io]'"
    )


def plausible_step(step_ms: float, told_by: str, notes: list[str]) -> bool:
    """Tell whether frames of echo can be this far apart; if not, note what is left out.

    >>> notes = []
    >>> plausible_step(20.0, "FrameTime", notes), plausible_step(0.02, "FrameTime", notes), notes
    (True, False, ['FrameTime left out: a step of 0.02 ms, not 1 to 500 ms'])
    """
    low, high = _STEPS_MS
    # Rounded, as 1000 Hz in the fractions of a container is not quite 1 ms.
    if low <= round(step_ms, 3) <= high:
        return True
    notes.append(f"{told_by} left out: a step of {step_ms:.4g} ms, not {low:g} to {high:g} ms")
    return False


def make_clip(
    path: PathLike,
    loaded: Loaded,
    *,
    mm_per_pixel: float | Sequence[float] | None,
    frame_rate_hz: float | None,
    view: str | None,
    sector: str | ArrayLike,
) -> EchoClip:
    """Return the clip of a file; what the caller states wins over what the file tells.

    Raises:
        FileFormatError: a still image, too short, too small, or colour Doppler.
        InputError: no frame rate anywhere, one that echo cannot have, or an option that is none.
    """
    path = Path(path)
    _check_extent(path, loaded.frames)
    notes = list(loaded.time_notes)
    times = _settle_times(path, loaded, frame_rate_hz, notes)
    notes.extend(loaded.notes)
    pixel = loaded.mm_per_pixel
    if mm_per_pixel is not None:
        if pixel is not None:
            notes.append("pixel size as given; the file says {:.4g} × {:.4g} mm".format(*pixel))
        pixel = mm_per_pixel
    inside = _settle_sector(loaded, sector, notes)
    _refuse_colour(path, loaded, inside, notes)
    try:
        return EchoClip(
            loaded.frames,
            times,
            pixel,
            loaded.view if view is None else view,
            loaded.heart_rate_per_min,
            inside,
            name=path.name,
            notes=notes,
        )
    except InputError as error:
        given = {"mm_per_pixel": mm_per_pixel, "view": view}
        if given.get(error.where) is not None:
            raise
        raise FileFormatError(
            f"{path}: {error.where}",
            found=error.found,
            expected=error.expected,
            advice=error.advice,
        ) from error


def _check_extent(path: Path, frames: np.ndarray) -> None:
    count, height, width = frames.shape
    if count == 1:
        raise FileFormatError(
            str(path),
            found="one frame: a still image, not a clip",
            expected=f"at least {FEWEST_FRAMES} frames",
            advice="Export the moving clip (cine loop).",
        )
    if count < FEWEST_FRAMES:
        raise FileFormatError(
            str(path),
            found=f"{count} frames",
            expected=f"a clip of at least {FEWEST_FRAMES} frames",
            advice="Export at least one whole beat.",
        )
    if min(height, width) < SMALLEST_SIDE:
        raise FileFormatError(
            str(path),
            found=f"frames of {height} × {width} pixels",
            expected=f"at least {SMALLEST_SIDE} × {SMALLEST_SIDE} pixels",
            advice="Export the clip at its full size, not as a thumbnail.",
        )


def _settle_times(
    path: Path, loaded: Loaded, frame_rate_hz: float | None, notes: list[str]
) -> np.ndarray:
    times = loaded.times_ms
    step = 0.0
    if times is not None:
        # Times that are not finite have no median and are left out, too.
        with np.errstate(invalid="ignore", over="ignore"):
            step = float(np.median(np.diff(times)))
        if not plausible_step(step, "frame times of the file", notes):
            times = None
    if frame_rate_hz is not None:
        rate = check_number(
            frame_rate_hz,
            "frame_rate_hz",
            at_least=1000.0 / _STEPS_MS[1],
            at_most=1000.0 / _STEPS_MS[0],
            advice="Give frames a second, not ms or seconds a frame.",
        )
        if times is not None and abs(1000.0 / step / rate - 1) > 0.01:
            notes.append(f"{rate:g} frames a second as given; the file says {1000.0 / step:.4g}")
        return np.arange(len(loaded.frames)) * (1000.0 / rate)
    if times is None:
        raise InputError(
            f"{path}: frame_rate_hz",
            found="; ".join(("no frame times and no frame rate", *notes)),
            expected="a rate in Hz from the file or from the caller",
            advice="Pass frame_rate_hz=… (--frame-rate on the command line).",
        )
    return times - times[0]


def _settle_sector(loaded: Loaded, sector: str | ArrayLike, notes: list[str]) -> np.ndarray:
    whole = np.ones(loaded.frames.shape[1:], dtype=bool)
    if not isinstance(sector, str):
        mask = np.asarray(sector)
        if mask.dtype.kind not in "biu" or mask.shape != whole.shape or not mask.any():
            raise InputError(
                "sector",
                found=f"shape {mask.shape} of {mask.dtype}, {np.count_nonzero(mask)} not zero",
                expected=f"a mask of shape {whole.shape} that is true somewhere",
            )
        return mask.astype(bool)
    if check_choice(sector, "sector", ("find", "whole")) == "whole":
        return whole
    if loaded.sector is not None:
        return loaded.sector
    height, width = loaded.frames.shape[1:]
    top, bottom, left, right = loaded.region or (0, height, 0, width)
    found, note = fit_sector(loaded.frames[:, top:bottom, left:right])
    notes.append(note)
    mask = ~whole
    mask[top:bottom, left:right] = found
    return mask


def _refuse_colour(path: Path, loaded: Loaded, inside: np.ndarray, notes: list[str]) -> None:
    if loaded.hues is None:
        return
    share, tinted = colour_doppler(loaded.frames, loaded.hues, inside)
    if share > _MOST_COLOUR and inside.all():
        # The whole frame was asked for, with the coloured marks of the scanner.
        share, tinted = colour_doppler(loaded.frames, loaded.hues, fit_sector(loaded.frames)[0])
    if tinted:
        notes.append("tinted frames made grey")
    elif share > _MOST_COLOUR:
        raise FileFormatError(
            str(path),
            found=f"colour in {100 * share:.0f} % of the sector: a colour-Doppler clip",
            expected="grey frames (B-mode)",
            advice="Export the clip without colour; nothing can be seen behind it.",
        )
