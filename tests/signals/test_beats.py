import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.signals import (
    Recording,
    average_beat,
    detect_beats,
    fiducials,
    read_recording,
    remove_baseline,
)


def bump(times, center, width):
    return np.exp(-(((times - center) / width) ** 2) / 2)


def ecg(rng, peaks_ms, noise, n_leads=6, length_ms=20_000, rate_hz=1000.0):
    """Beats with P, QRS (30 ms from start to peak) and T, other weights in every lead."""
    times = np.arange(int(length_ms * rate_hz / 1000)) * 1000 / rate_hz
    p, qrs, t = rng.normal(size=(3, n_leads, 1))
    rows = sum(
        0.1 * p * bump(times, peak - 160, 20)
        + (1 + 0.2 * qrs) * bump(times, peak, 10)
        + (0.3 + 0.05 * t) * bump(times, peak + 270, 40)
        for peak in peaks_ms
    )
    return Recording(rows + noise * rng.normal(size=rows.shape), rate_hz, "mV")


@pytest.fixture(scope="module")
def measured(shared_data):
    return read_recording(shared_data("ecg_ptb_s0010") / "s0010_re.npz")


@pytest.mark.parametrize("rate_hz", [250.0, 500.0, 1000.0, 2000.0])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_every_beat_of_an_irregular_rhythm_is_found(rng, rate_hz, noise):
    peaks = 400 + np.cumsum(rng.uniform(500, 1300, size=18))
    peaks = np.round(peaks[peaks < 19_500] / 4) * 4
    found = detect_beats(ecg(rng, peaks, noise, rate_hz=rate_hz))
    assert len(found) == len(peaks)
    assert np.abs(found * 1000 / rate_hz - peaks).max() <= (8 if noise else 1000 / rate_hz)


def test_wander_hum_and_offset_do_not_matter(rng):
    peaks = np.arange(700, 19_000, 900)
    clean = ecg(rng, peaks, 0.0)
    seconds = clean.times_ms / 1000
    disturbance = 3 + 2 * np.sin(2 * np.pi * 0.2 * seconds) + 0.2 * np.sin(2 * np.pi * 50 * seconds)
    found = detect_beats(clean.with_samples(clean.samples + disturbance))
    np.testing.assert_allclose(found, detect_beats(clean), atol=1)


def test_silence_has_no_beats():
    assert detect_beats(Recording(np.full((3, 5000), 0.3), 1000, "mV")).size == 0


def test_measured_ecg_has_a_plausible_rhythm(measured):
    peaks = detect_beats(measured)
    intervals = np.diff(peaks)
    assert len(peaks) == 52
    assert 700 < intervals.mean() < 770
    assert intervals.std() < 20
    np.testing.assert_allclose(detect_beats(measured.select(["ii"])), peaks, atol=40)


def test_measured_tank_beats_are_where_they_are_published(shared_data):
    path = shared_data("ecgi_utah_tank_sock128") / "sock128_tank192.npz"
    for key in ("heart_potentials_mV", "torso_potentials_mV"):
        np.testing.assert_allclose(detect_beats(read_recording(path, key=key)), [180, 578], atol=3)


def test_averaging_lowers_noise_by_the_root_of_the_count(rng):
    peaks = np.arange(500, 19_500, 750)
    noisy, noise = ecg(rng, peaks, 0.0), 0.05
    clean = average_beat(noisy, peaks).beat.samples
    noisy = noisy.with_samples(noisy.samples + noise * rng.normal(size=noisy.samples.shape))
    average = average_beat(noisy, peaks)
    residual = np.std(average.beat.samples - clean)
    assert average.n_used == len(peaks)
    assert residual == pytest.approx(noise / np.sqrt(len(peaks)), rel=0.15)
    assert average.spread == pytest.approx(noise, rel=0.05)


def test_outliers_and_cut_beats_are_left_out_and_counted(rng):
    peaks = np.arange(100, 19_900, 900)
    recording = ecg(rng, peaks, 0.02)
    samples = recording.samples.copy()
    samples[:, 4500:4700] *= -2
    average = average_beat(recording.with_samples(samples), peaks)
    assert (average.n_cut, average.n_outliers) == (1, 1)
    assert average.n_used == len(peaks) - 2
    assert len(average.correlations) == len(peaks) - 1


def test_alignment_undoes_jitter(rng):
    true = np.arange(700, 19_000, 900)
    jittered = true + rng.integers(-12, 13, size=len(true))
    average = average_beat(ecg(rng, true, 0.01), jittered)
    lag = average.peaks - true
    assert np.ptp(lag) <= 2
    assert average.correlations.min() > 0.97


def test_time_zero_is_the_peak(rng):
    average = average_beat(ecg(rng, [1000, 2000, 3000], 0.0), [1000, 2000, 3000], 100, 300)
    strongest = np.argmax(np.abs(average.beat.samples[0]))
    assert average.beat.times_ms[strongest] == 0
    assert (average.beat.start_ms, average.beat.n_samples) == (-100, 400)


def test_beats_that_do_not_fit_are_refused(rng):
    recording = ecg(rng, [500], 0.0, length_ms=1000)
    with pytest.raises(InputError, match=r"none of them complete.*Shorten"):
        average_beat(recording, [100])
    with pytest.raises(InputError, match="index 5000"):
        average_beat(recording, [5000])


@pytest.mark.parametrize("noise", [0.0, 0.005])
def test_fiducials_of_known_waves(rng, noise):
    beat = ecg(rng, [400], noise, length_ms=1000)
    marks = fiducials(beat)
    # The QRS bump of 10 ms deviation is above 1 % between −30 and +30 ms.
    assert abs(marks.qrs_on_ms - 370) < 10
    assert abs(marks.qrs_off_ms - 430) < 10
    assert abs(marks.qrs_peak_ms - 400) <= 2
    assert abs(marks.t_peak_ms - 670) < 8
    # The tangent at the inflection (one deviation) meets zero two deviations after the peak.
    assert abs(marks.t_end_ms - 750) < 12
    assert marks.qt_ms == marks.t_end_ms - marks.qrs_on_ms


def test_fiducials_move_with_the_beat_and_not_with_its_size(rng):
    beat = ecg(rng, [400], 0.0, length_ms=1000)
    moved = beat.with_samples(7 * beat.samples, start_ms=-123.0)
    for name in ("qrs_on_ms", "qrs_peak_ms", "qrs_off_ms", "t_peak_ms", "t_end_ms"):
        assert getattr(fiducials(moved), name) == pytest.approx(
            getattr(fiducials(beat), name) - 123
        )


def test_fiducials_of_the_measured_ecg(measured):
    average = average_beat(remove_baseline(measured), detect_beats(measured))
    marks = fiducials(average)
    assert average.n_used >= 50
    assert 60 <= marks.qrs_duration_ms <= 140
    assert -60 < marks.qrs_on_ms < -20 < marks.qrs_peak_ms < marks.qrs_off_ms
    assert 340 < marks.qt_ms < 460


def test_fiducials_of_a_qrs_alone_have_no_t_wave(shared_data):
    path = shared_data("ecgi_human_bspm_subject1") / "subject1.npz"
    marks = fiducials(read_recording(path, key="bspm_qrs", unit="mV", rate_hz=2000))
    assert marks.t_peak_ms is None and marks.qt_ms is None
    assert 60 <= marks.qrs_duration_ms <= 155


@pytest.mark.parametrize("samples", [np.zeros((2, 500)), np.ones((2, 20))])
def test_fiducials_need_a_beat(samples):
    with pytest.raises(InputError, match="beat"):
        fiducials(Recording(samples, 1000, "mV"))
