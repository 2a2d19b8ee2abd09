"""Baseline wander: three ways to estimate it, one verb to take it away."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import median_filter

from .._checks import check_indices, check_number
from .._errors import InputError
from .._types import ArrayLike
from ._beats import detect_beats
from ._filters import band_pass
from ._recording import Recording


@runtime_checkable
class BaselineMethod(Protocol):
    """Anything that estimates the wander of a recording."""

    def estimate(self, recording: Recording) -> Float[np.ndarray, "n_channels n_samples"]:
        """Return the baseline, of the shape of the samples."""
        ...


@dataclass(frozen=True)
class MedianBaseline:
    """Two running medians: the first takes away the QRS, the second P and T.

    Needs no beats and no clean isoelectric line (de Chazal, O'Dwyer and Reilly, IEEE Trans
    Biomed Eng 2004;51:1196).

    Args:
        windows_ms: widths of the two windows in ms.
    """

    windows_ms: tuple[float, float] = (200.0, 600.0)

    def estimate(self, recording: Recording) -> Float[np.ndarray, "n_channels n_samples"]:
        """Return the twice median-filtered recording."""
        values = recording.samples
        for width in self.windows_ms:
            span = check_number(width, "windows_ms", above=0) * recording.rate_hz / 1000
            size = 2 * int(span / 2) + 1
            values = np.stack([median_filter(row, size=size, mode="nearest") for row in values])
        return values


@dataclass(frozen=True)
class HighPassBaseline:
    """What a zero-phase high-pass filter takes away.

    Args:
        cutoff_hz: −6 dB limit in Hz; 0.5 keeps the ST segment of a resting ECG.
        order: order of the filter in one direction.
    """

    cutoff_hz: float = 0.5
    order: int = 2

    def estimate(self, recording: Recording) -> Float[np.ndarray, "n_channels n_samples"]:
        """Return the slow part of the recording."""
        kept = band_pass(recording, low_hz=self.cutoff_hz, order=self.order)
        return recording.samples - kept.samples


@dataclass(frozen=True, eq=False)
class SplineBaseline:
    """A natural cubic spline through the isoelectric point of every beat (Meyer and Keiser 1977).

    Before the first point and after the last one the baseline is constant. A single point gives
    a constant baseline, two give a line.

    Args:
        samples: sample numbers of the isoelectric points; None finds the beats and takes
            ``before_peak_ms`` ahead of every QRS peak (the PQ segment).
        before_peak_ms: how far the PQ segment lies ahead of the QRS peak.
        window_ms: width of the average taken around every point.
    """

    samples: ArrayLike | None = None
    before_peak_ms: float = 80.0
    window_ms: float = 20.0

    def estimate(self, recording: Recording) -> Float[np.ndarray, "n_channels n_samples"]:
        """Return the spline through the isoelectric points of every channel."""
        knots = self._knots(recording)
        half = int(check_number(self.window_ms, "window_ms", at_least=0) * recording.rate_hz / 2000)
        around = np.clip(knots[:, None] + np.arange(-half, half + 1), 0, recording.n_samples - 1)
        levels = recording.samples[:, around].mean(axis=2)
        times = np.clip(np.arange(recording.n_samples), knots[0], knots[-1])
        if len(knots) == 1:
            return np.repeat(levels, recording.n_samples, axis=1)
        if len(knots) == 2:
            share = (times - knots[0]) / (knots[1] - knots[0])
            return levels[:, :1] + np.diff(levels, axis=1) * share
        from scipy.interpolate import CubicSpline

        return CubicSpline(knots, levels, axis=1, bc_type="natural")(times)

    def _knots(self, recording: Recording) -> Int[np.ndarray, " n_knots"]:
        if self.samples is not None:
            knots = check_indices(self.samples, "samples", upper=recording.n_samples)
        else:
            back = round(self.before_peak_ms * recording.rate_hz / 1000)
            knots = detect_beats(recording) - back
            knots = knots[knots >= 0]
        if not len(knots):
            raise InputError(
                "samples",
                found="no isoelectric point",
                expected="at least one",
                advice="Give their sample numbers, or use MedianBaseline or HighPassBaseline.",
            )
        return np.unique(knots)


def remove_baseline(recording: Recording, method: BaselineMethod | None = None) -> Recording:
    """Subtract the baseline wander of every channel.

    Args:
        recording: any recording.
        method: `MedianBaseline` (the default: needs no beats), `HighPassBaseline` or
            `SplineBaseline`.

    Returns:
        The recording without its baseline.

    Raises:
        InputError: the method cannot work on this recording (too short, no beats).

    >>> import numpy as np
    >>> drift = Recording([np.linspace(0.0, 1.0, 3000)], 1000, "mV")
    >>> bool(np.abs(remove_baseline(drift).samples[0, 500:2500]).max() < 1e-12)
    True
    """
    way = MedianBaseline() if method is None else method
    return recording.with_samples(recording.samples - way.estimate(recording))
