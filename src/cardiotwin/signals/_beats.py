"""Beats: where the QRS complexes of a multi-lead recording are."""

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import uniform_filter1d

from .._checks import check_number
from ._filters import band_pass
from ._recording import Recording

# The band that holds most of the QRS and little of T wave and muscle (Pan and Tompkins 1985).
_BAND_HZ = (5.0, 30.0)
_INTEGRATION_MS = 100.0
_SEARCH_MS = 80.0


def detect_beats(
    recording: Recording, *, threshold: float = 0.3, refractory_ms: float = 250.0
) -> Int[np.ndarray, " n_beats"]:
    """Find the QRS complexes from all leads together.

    As Pan and Tompkins do for one lead: band-pass, squared slope (here summed over the leads),
    moving average, threshold. Each hit is then moved to the largest root-mean-square over the
    leads nearby.

    Args:
        recording: potentials; one lead is enough, many are better.
        threshold: fraction of the typical slope energy of a QRS that counts as one.
        refractory_ms: shortest time between two beats in ms.

    Returns:
        (n_beats,) sample numbers of the QRS peaks, ascending; empty if nothing moves.

    Raises:
        InputError: threshold outside 0…1, refractory time not positive, or a recording too
            short or too slow (20 Hz at least) to filter.

    References:
        Pan J, Tompkins WJ. IEEE Trans Biomed Eng 1985;32:230.

    >>> import numpy as np
    >>> seconds = np.arange(4000) / 1000
    >>> beats = sum(np.exp(-(((seconds - at) / 0.015) ** 2)) for at in (0.5, 1.4, 2.3, 3.2))
    >>> detect_beats(Recording([beats], 1000, "mV")).tolist()
    [500, 1400, 2300, 3200]
    """
    from scipy.signal import find_peaks

    threshold = check_number(threshold, "threshold", above=0, below=1)
    refractory = check_number(refractory_ms, "refractory_ms", above=0) * recording.rate_hz / 1000
    high = min(_BAND_HZ[1], 0.45 * recording.rate_hz)
    filtered = band_pass(recording, _BAND_HZ[0], high, order=2).samples
    slope = np.gradient(filtered, axis=1) if recording.n_samples > 1 else filtered
    width = max(1, round(_INTEGRATION_MS * recording.rate_hz / 1000))
    energy = uniform_filter1d((slope**2).sum(axis=0), width, mode="nearest")
    # Filtering leaves rounding noise where a recording is silent: that is no beat.
    scale = float(np.abs(recording.samples).max())
    if energy.max() <= (1e-9 * scale) ** 2:
        return np.zeros(0, dtype=np.int64)
    # Zeros at both ends let a beat that is cut by the edge still be a maximum.
    hits, _ = find_peaks(np.pad(energy, 1), distance=max(1.0, refractory), height=0.0)
    hits = hits - 1
    # Typical QRS: the middle one of as many maxima as a slow heart (40 a minute) has beats.
    expected = max(1, round(recording.duration_ms / 1500))
    typical = np.median(np.sort(energy[hits])[-expected:])
    hits = hits[energy[hits] > threshold * typical]
    return _move_to_peak(root_mean_square(filtered), hits, recording.rate_hz)


def root_mean_square(
    samples: Float[np.ndarray, "n_channels n_samples"],
) -> Float[np.ndarray, " n_samples"]:
    """Return the root of the mean square over the channels at every instant."""
    return np.sqrt(np.mean(samples**2, axis=0))


def _move_to_peak(
    strength: Float[np.ndarray, " n_samples"], hits: Int[np.ndarray, " n"], rate_hz: float
) -> Int[np.ndarray, " n_beats"]:
    reach = max(1, round(_SEARCH_MS * rate_hz / 1000))
    window = np.clip(hits[:, None] + np.arange(-reach, reach + 1), 0, len(strength) - 1)
    best = np.argmax(strength[window], axis=1)
    return np.unique(window[np.arange(len(hits)), best]).astype(np.int64)
