"""Zero-phase filters: second-order sections run forward and backward."""

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from .._checks import check_count, check_number
from .._errors import InputError
from ._recording import Recording


def band_pass(
    recording: Recording,
    low_hz: float | None = None,
    high_hz: float | None = None,
    *,
    order: int = 4,
) -> Recording:
    """Keep the frequencies between two limits, without moving anything in time.

    A Butterworth filter of the given order runs forward and backward: the phase is zero and the
    gain is |H(f)|², one half (−6 dB) at each limit.

    Args:
        recording: any recording.
        low_hz: lower limit in Hz; None keeps everything down to 0 (low-pass).
        high_hz: upper limit in Hz; None keeps everything up to Nyquist (high-pass).
        order: order of the filter in one direction.

    Returns:
        The filtered recording.

    Raises:
        InputError: no limit, limits out of order, a limit at or above half the sampling rate, or
            fewer samples than the filter needs.

    >>> import numpy as np
    >>> hum = Recording([np.sin(2 * np.pi * 200 * np.arange(2001) / 1000)], 1000, "mV")
    >>> bool(np.abs(band_pass(hum, 0.5, 40).samples[0, 500:1500]).max() < 1e-4)
    True
    """
    from scipy import signal

    order = check_count(order, "order")
    limits = [
        _check_frequency(recording, value, where)
        for value, where in ((low_hz, "low_hz"), (high_hz, "high_hz"))
        if value is not None
    ]
    if not limits or (len(limits) == 2 and limits[0] >= limits[1]):
        raise InputError(
            "low_hz, high_hz",
            found=f"{low_hz}, {high_hz}",
            expected="at least one limit, and low_hz below high_hz",
        )
    kind = "bandpass" if len(limits) == 2 else "lowpass" if low_hz is None else "highpass"
    edges = limits if len(limits) == 2 else limits[0]
    sections: Any = signal.butter(order, edges, kind, fs=recording.rate_hz, output="sos")
    slowest = min([*limits, limits[-1] - limits[0]] if len(limits) == 2 else limits)
    return _zero_phase(recording, sections, settle_ms=1000 * order / (math.pi * slowest))


def notch(
    recording: Recording,
    frequency_hz: float,
    *,
    quality: float = 30.0,
    harmonics: int = 1,
) -> Recording:
    """Remove mains hum at one frequency and, if asked, its multiples, without moving anything.

    Args:
        recording: any recording.
        frequency_hz: 50 or 60 as a rule: it is not guessed.
        quality: frequency over the −3 dB width of each notch, in one direction.
        harmonics: how many multiples to remove, the first included; those at or above half the
            sampling rate do not exist in the recording and are passed over.

    Returns:
        The filtered recording.

    Raises:
        InputError: a frequency at or above half the sampling rate, or too few samples.

    >>> import numpy as np
    >>> hum = Recording([np.sin(2 * np.pi * 50 * np.arange(4001) / 1000)], 1000, "mV")
    >>> bool(np.abs(notch(hum, 50).samples[0, 1000:3000]).max() < 1e-3)
    True
    """
    from scipy import signal

    first = _check_frequency(recording, frequency_hz, "frequency_hz")
    quality = check_number(quality, "quality", above=0)
    count = check_count(harmonics, "harmonics")
    tones = [first * k for k in range(1, count + 1) if first * k < 0.5 * recording.rate_hz]
    sections = np.concatenate(
        [signal.tf2sos(*signal.iirnotch(f, quality, fs=recording.rate_hz)) for f in tones]
    )
    return _zero_phase(recording, sections, settle_ms=1000 * quality / (math.pi * first))


def _check_frequency(recording: Recording, value: float, where: str) -> float:
    return check_number(
        value,
        where,
        above=0,
        below=recording.rate_hz / 2,
        advice=f"Half the sampling rate is {recording.rate_hz / 2:g} Hz.",
    )


def _zero_phase(
    recording: Recording, sections: Float[np.ndarray, "n_sections 6"], settle_ms: float
) -> Recording:
    from scipy import signal

    least = 3 * (2 * len(sections) + 1)
    if recording.n_samples <= least:
        raise InputError(
            "recording",
            found=f"{recording.n_samples} samples",
            expected=f"more than {least} for this filter",
        )
    # Extend the ends (point-symmetrically) until the start-up of the filter has died away.
    padding = int(np.clip(4e-3 * settle_ms * recording.rate_hz, least, recording.n_samples - 1))
    return recording.with_samples(
        signal.sosfiltfilt(sections, recording.samples, axis=1, padlen=padding)
    )
