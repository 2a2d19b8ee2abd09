"""Fiducial points of one beat: where QRS begins and ends, where T peaks and ends."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.ndimage import uniform_filter1d

from .._errors import InputError
from ._average import AverageBeat
from ._beats import root_mean_square
from ._filters import band_pass
from ._recording import Recording

_SMOOTH_HZ = 40.0
_ONSET_SHARE = 0.06
_QUIET_MS = 12.0
_REACH_MS = 140.0
_ST_MS = 60.0


@dataclass(frozen=True)
class Fiducials:
    """Times of one beat in ms, on the clock of its recording; None where the beat is cut before.

    Args:
        qrs_on_ms: first steady activity of the QRS.
        qrs_peak_ms: largest root-mean-square over the leads within the QRS.
        qrs_off_ms: end of the QRS.
        t_peak_ms: largest root-mean-square after the QRS.
        t_end_ms: where the steepest tangent behind the T peak meets the baseline.
    """

    qrs_on_ms: float
    qrs_peak_ms: float
    qrs_off_ms: float
    t_peak_ms: float | None
    t_end_ms: float | None

    @property
    def qrs_duration_ms(self) -> float:
        """Width of the QRS in ms."""
        return self.qrs_off_ms - self.qrs_on_ms

    @property
    def qt_ms(self) -> float | None:
        """QT interval in ms, None without a T end."""
        return None if self.t_end_ms is None else self.t_end_ms - self.qrs_on_ms


def fiducials(beat: Recording | AverageBeat) -> Fiducials:
    """Find onset, peak and end of the QRS, and peak and end of the T wave, of one beat.

    QRS limits come from the root-mean-square slope over the leads: going outward from the
    steepest moment, the first 12 ms that stay below the noise floor plus 6 % of its maximum.
    T end is the tangent method on the root-mean-square potential (Lepeschkin and Surawicz,
    Circulation 1952;6:378).

    Args:
        beat: one beat, best an average, with baseline removed; leads in any number.

    Returns:
        The five times in ms on the clock of the beat.

    Raises:
        InputError: a beat that does not move, or shorter than 40 ms.

    >>> ms = np.arange(-250, 450.0)
    >>> bump = lambda center, width: np.exp(-(((ms - center) / width) ** 2) / 2)
    >>> beat = Recording([bump(0, 12) + 0.3 * bump(260, 35)], 1000, "mV", start_ms=-250)
    >>> marks = fiducials(beat)
    >>> marks.qrs_peak_ms, marks.t_peak_ms
    (0.0, 260.0)
    """
    recording = beat.beat if isinstance(beat, AverageBeat) else beat
    if recording.duration_ms < 40:
        raise InputError(
            "beat", found=f"{recording.duration_ms:g} ms", expected="at least 40 ms of a beat"
        )
    per_ms = recording.rate_hz / 1000
    smooth = recording
    if recording.rate_hz > 3 * _SMOOTH_HZ:
        smooth = band_pass(recording, high_hz=_SMOOTH_HZ, order=2)
    values = smooth.samples - np.median(smooth.samples, axis=1, keepdims=True)
    slope = root_mean_square(np.gradient(values, axis=1))
    if slope.max() <= 1e-12 * np.abs(recording.samples).max() or slope.max() == 0:
        raise InputError("beat", found="potentials that do not change", expected="a beat")
    steepest = int(np.argmax(slope))
    floor = float(np.percentile(slope, 10))
    active = uniform_filter1d(slope, max(1, round(4 * per_ms)), mode="nearest")
    active = active > floor + _ONSET_SHARE * (slope.max() - floor)
    quiet, reach = max(1, round(_QUIET_MS * per_ms)), round(_REACH_MS * per_ms)
    last = len(slope) - 1
    on = steepest - _first_quiet(active[steepest::-1][:reach], quiet)
    off = steepest + _first_quiet(active[steepest:][:reach], quiet)
    on, off = max(0, on), min(last, off)
    # The level between the waves: the median instant of what lies ahead of the QRS.
    level = np.median(smooth.samples[:, : max(1, on)], axis=1, keepdims=True)
    strength = root_mean_square(smooth.samples - level)
    peak = on + int(np.argmax(strength[on : off + 1]))
    t_peak, t_end = _t_wave(strength, off + round(_ST_MS * per_ms), per_ms)

    def time(index: float | None) -> float | None:
        return None if index is None else float(recording.start_ms + index / per_ms)

    return Fiducials(
        *(float(recording.start_ms + index / per_ms) for index in (on, peak, off)),
        t_peak_ms=time(t_peak),
        t_end_ms=time(t_end),
    )


def _first_quiet(active: np.ndarray, quiet: int) -> int:
    """Return the index where the first ``quiet`` samples in a row without activity begin."""
    loud = np.flatnonzero(active)
    if not loud.size:
        return 0
    gaps = np.diff(np.append(loud, len(active) + quiet))
    return int(loud[np.flatnonzero(gaps > quiet)[0]]) + 1


def _t_wave(
    strength: Float[np.ndarray, " n_samples"], start: int, per_ms: float
) -> tuple[float | None, float | None]:
    tail = strength[start:]
    if len(tail) < 40 * per_ms:
        return None, None
    peak = int(np.argmax(tail))
    # A maximum at either end of the stretch is the flank of another wave, not a T wave.
    if peak < 5 * per_ms or peak > len(tail) - 5 * per_ms:
        return None, None
    fall = np.gradient(tail)
    steepest = peak + int(np.argmin(fall[peak:]))
    if fall[steepest] >= 0:
        return float(start + peak), None
    # Root-mean-square never falls to 0: noise sets the baseline that the tangent must reach.
    level = float(tail[peak:].min())
    end = steepest + (tail[steepest] - level) / -fall[steepest]
    found = float(start + end) if end <= len(tail) - 1 else None
    return float(start + peak), found
