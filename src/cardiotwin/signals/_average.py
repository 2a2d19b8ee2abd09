"""The average beat: beats aligned on one another, outliers left out and counted."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from .._checks import check_indices, check_number
from .._errors import InputError
from .._types import ArrayLike
from ._recording import Recording

_MAX_SHIFT_MS = 15.0
_PASSES = 2


@dataclass(frozen=True, eq=False)
class AverageBeat:
    """The mean of the beats that agree with one another.

    Args:
        beat: the average; time 0 is the QRS peak.
        peaks: (n_used,) sample numbers that the used beats were aligned on.
        correlations: (n_complete,) of every complete beat with the average, in order of time.
        n_used: beats in the average.
        n_outliers: complete beats left out because they correlate too little.
        n_cut: beats left out because the recording begins or ends within them.
        spread: standard deviation of the used beats around the average, over all samples, in the
            unit of the beat (0 with one beat).
    """

    beat: Recording
    peaks: Int[np.ndarray, " n_used"]
    correlations: Float[np.ndarray, " n_complete"]
    n_used: int
    n_outliers: int
    n_cut: int
    spread: float


def average_beat(
    recording: Recording,
    peaks: ArrayLike,
    before_ms: float = 250.0,
    after_ms: float = 450.0,
    min_correlation: float = 0.9,
) -> AverageBeat:
    """Average the beats of a recording, aligned to the sample, without the outliers.

    Every beat is moved by up to ±15 ms to where it correlates best, over all leads and samples,
    with the median beat; the average of those that reach ``min_correlation`` is the reference of
    a second pass.

    Args:
        recording: potentials, baseline removed.
        peaks: (n_beats,) sample numbers of the QRS peaks, as from `detect_beats`.
        before_ms: length ahead of the peak in ms.
        after_ms: length after the peak in ms.
        min_correlation: smallest accepted correlation of a beat with the reference.

    Returns:
        The average beat, and how many beats it stands on.

    Raises:
        InputError: peaks out of range, no complete beat, or no beat that agrees with the median.

    >>> seconds = np.arange(3000) / 1000
    >>> ecg = sum(np.exp(-(((seconds - at) / 0.02) ** 2)) for at in (0.5, 1.5, 2.5))
    >>> average = average_beat(Recording([ecg], 1000, "mV"), [500, 1503, 2498])
    >>> average.n_used, average.peaks.tolist(), round(float(average.beat.samples.max()), 3)
    (3, [500, 1500, 2500], 1.0)
    """
    centers = check_indices(peaks, "peaks", upper=recording.n_samples)
    before = round(check_number(before_ms, "before_ms", at_least=0) * recording.rate_hz / 1000)
    after = round(check_number(after_ms, "after_ms", above=0) * recording.rate_hz / 1000)
    limit = check_number(min_correlation, "min_correlation", at_least=-1, at_most=1)
    complete = (centers >= before) & (centers + after <= recording.n_samples)
    starts = np.sort(centers[complete]) - before
    if not len(starts):
        raise InputError(
            "peaks",
            found=f"{len(centers)} beats, none of them complete",
            expected=f"a beat with {before_ms:g} ms ahead of its peak and {after_ms:g} ms after it",
            advice="Shorten before_ms and after_ms.",
        )
    length = before + after
    windows = starts[:, None] + np.arange(length)
    reference = np.median(recording.samples[:, windows], axis=1)
    used = np.ones(len(starts), dtype=bool)
    correlations = np.ones(len(starts))
    reach = round(_MAX_SHIFT_MS * recording.rate_hz / 1000)
    for _ in range(_PASSES):
        starts, correlations = _align(recording.samples, starts, reference, reach)
        used = correlations >= limit
        if not used.any():
            raise InputError(
                "peaks",
                found=f"beats that correlate by at most {correlations.max():.2f} with the median",
                expected=f"at least {limit:g}",
                advice="Filter the recording, check the peaks, or lower min_correlation.",
            )
        beats = recording.samples[:, starts[used][:, None] + np.arange(length)]
        reference = beats.mean(axis=1)
    beat = Recording(
        reference,
        recording.rate_hz,
        recording.unit,
        recording.names,
        -before * 1000.0 / recording.rate_hz,
        recording.missing,
        recording.notes,
    )
    n_used = int(used.sum())
    deviation = beats - reference[:, None]
    spread = float(np.sqrt((deviation**2).sum() / (beats.size / n_used * max(n_used - 1, 1))))
    return AverageBeat(
        beat,
        starts[used] + before,
        correlations,
        n_used,
        n_outliers=len(starts) - n_used,
        n_cut=int((~complete).sum()),
        spread=spread,
    )


def _align(
    samples: Float[np.ndarray, "n_channels n_samples"],
    starts: Int[np.ndarray, " n_beats"],
    reference: Float[np.ndarray, "n_channels length"],
    reach: int,
) -> tuple[Int[np.ndarray, " n_beats"], Float[np.ndarray, " n_beats"]]:
    """Return the starts moved to the largest correlation with the reference, and that value."""
    length = reference.shape[1]
    pattern = reference - reference.mean()
    norm = np.linalg.norm(pattern)
    moved, values = starts.copy(), np.full(len(starts), -2.0)
    for shift in sorted(range(-reach, reach + 1), key=abs):
        candidate = starts + shift
        fits = (candidate >= 0) & (candidate + length <= samples.shape[1])
        windows = np.where(fits, candidate, starts)[:, None] + np.arange(length)
        beats = samples[:, windows]
        inner = np.einsum("cbl,cl->b", beats, pattern)
        spread = beats.std(axis=(0, 2)) * np.sqrt(reference.size)
        value = np.divide(inner, norm * spread, out=np.zeros(len(starts)), where=norm * spread > 0)
        better = fits & (value > values + 1e-12)
        moved[better], values[better] = candidate[better], value[better]
    return moved, values
