import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.signals import (
    HighPassBaseline,
    MedianBaseline,
    Recording,
    SplineBaseline,
    band_pass,
    notch,
    remove_baseline,
)

RATE = 1000.0


def tone(frequency_hz, seconds=8.0, phase=0.0):
    times = np.arange(int(seconds * RATE)) / RATE
    return np.sin(2 * np.pi * frequency_hz * times + phase)


def recording(*rows):
    return Recording(np.array(rows), RATE, "mV")


def decibel(out, inside):
    middle = slice(len(inside) // 3, 2 * len(inside) // 3)
    return 20 * np.log10(np.std(out[middle]) / np.std(inside[middle]))


def heartbeat(seconds=10.0, at=None):
    """P, QRS and T as bumps; zero between T and P."""
    times = np.arange(int(seconds * RATE)) / RATE
    peaks = np.arange(0.6, seconds - 0.5, 0.85) if at is None else np.asarray(at)
    waves = [(-0.16, 0.02, 0.12), (0.0, 0.012, 1.0), (0.26, 0.04, 0.3)]
    beats = [
        height * np.exp(-(((times - peak - delay) / width) ** 2) / 2)
        for peak in peaks
        for delay, width, height in waves
    ]
    return np.sum(beats, axis=0), np.round(peaks * RATE).astype(int)


@pytest.mark.parametrize("mains", [50.0, 60.0])
def test_notch_removes_the_tone_and_keeps_its_neighbors(mains):
    rows = [tone(mains, phase=1.0), tone(mains - 10), tone(mains + 10), tone(5)]
    out = notch(recording(*rows), mains).samples
    assert decibel(out[0], rows[0]) < -60
    for k in (1, 2, 3):
        assert abs(decibel(out[k], rows[k])) < 0.2


def test_notch_takes_harmonics_up_to_half_the_rate():
    rows = [tone(f, phase=0.3) for f in (50, 100, 150, 125)]
    out = notch(recording(*rows), 50, harmonics=20).samples
    assert all(decibel(out[k], rows[k]) < -60 for k in range(3))
    assert abs(decibel(out[3], rows[3])) < 0.2


def test_band_pass_gain_follows_butterworth_twice():
    rows = [tone(f) for f in (0.1, 5.0, 20.0, 40.0, 160.0)]
    out = band_pass(recording(*rows), 1.0, 40.0, order=4).samples
    gains = [decibel(a, b) for a, b in zip(out, rows, strict=True)]
    assert gains[0] < -60 and gains[4] < -60
    assert abs(gains[1]) < 0.01 and abs(gains[2]) < 0.2
    assert gains[3] == pytest.approx(-6.02, abs=0.1)


def test_direct_current_is_removed_by_a_high_pass():
    out = band_pass(recording(np.full(4000, 3.0)), low_hz=0.5).samples
    assert np.abs(out).max() < 1e-9


@pytest.mark.parametrize(
    "process",
    [
        lambda r: band_pass(r, 0.5, 40),
        lambda r: notch(r, 50),
        lambda r: r.with_samples(r.samples - HighPassBaseline().estimate(r)),
    ],
)
def test_filters_commute_with_time_reversal(process):
    """Phase is zero if and only if forward and reversed time give the same."""
    pulse = np.exp(-(((np.arange(6001) - 3000) / 15) ** 2))
    skewed = pulse * (1 + 0.3 * np.sin(np.arange(6001) / 9))
    there = process(recording(skewed)).samples[0]
    back = process(recording(skewed[::-1])).samples[0][::-1]
    # The high-pass has not quite died away at the ends, which are extended unequally.
    np.testing.assert_allclose(there, back, atol=3e-6)


def test_a_peak_stays_where_it_was():
    beats, peaks = heartbeat()
    out = band_pass(recording(beats), 0.5, 100).samples[0]
    for peak in peaks:
        assert np.argmax(out[peak - 50 : peak + 50]) == 50


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (None, None, "at least one limit"),
        (40, 1, "low_hz below high_hz"),
        (None, 500, "Half the sampling rate is 500 Hz"),
        (0, None, "low_hz"),
        (np.nan, None, "low_hz"),
    ],
)
def test_impossible_limits_are_refused(low, high, message):
    with pytest.raises(InputError, match=message):
        band_pass(recording(tone(5)), low, high)


def test_too_short_recordings_are_refused():
    with pytest.raises(InputError, match="10 samples"):
        band_pass(recording(np.arange(10.0)), 1, 40)


@pytest.mark.parametrize(
    ("method", "error"),
    [
        (MedianBaseline(), 0.05),
        (HighPassBaseline(0.35), 0.12),
        (SplineBaseline(), 0.02),
    ],
)
def test_wander_is_removed_and_the_heart_stays(method, error):
    beats, _ = heartbeat(20.0)
    wander = 0.4 * tone(0.12, 20.0, phase=0.4) + 0.2 * tone(0.05, 20.0) + 1.5
    out = remove_baseline(recording(beats + wander), method).samples[0]
    inner = slice(2000, -2000)
    reached = out[inner] - np.median(out[inner]) - beats[inner] + np.median(beats[inner])
    assert np.sqrt(np.mean(reached**2)) < error
    assert np.sqrt(np.mean(reached**2)) < 0.3 * np.std(wander)


def test_spline_through_given_points_is_exact_for_slow_cubics():
    times = np.linspace(-1, 1, 4001)
    beats, _ = heartbeat(4.001)
    quiet = np.array([300, 1150, 2000, 2850, 3700])
    line = 0.3 * times + 2
    out = remove_baseline(recording(beats + line), SplineBaseline(quiet, window_ms=0)).samples[0]
    inner = slice(300, 3701)
    np.testing.assert_allclose(out[inner], beats[inner], atol=2e-3)


@pytest.mark.parametrize("count", [1, 2])
def test_spline_with_few_points_is_a_constant_or_a_line(count):
    ramp = np.linspace(0, 1, 1001)
    out = remove_baseline(recording(ramp), SplineBaseline([200, 800][:count], window_ms=0))
    assert out.samples[0, 200] == pytest.approx(0, abs=1e-12)
    if count == 2:
        np.testing.assert_allclose(out.samples[0, 200:801], 0, atol=1e-12)


def test_spline_without_beats_says_what_else_to_use():
    with pytest.raises(InputError, match=r"no isoelectric point.*MedianBaseline"):
        remove_baseline(recording(np.zeros(3000)), SplineBaseline())
