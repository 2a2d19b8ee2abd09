"""The beat of a clip as volumes of a patient: when it begins, its corners, and its errors."""

import numpy as np
import pytest

from cardiotwin.circulation import steady_state
from cardiotwin.echo import Phantom, segment
from cardiotwin.echo._curve_calibration import ComparedCurve, compared_curve, curve_errors_of
from cardiotwin.echo._cycle import N_PHASES, SMOOTHING, smoothed, waves_at
from cardiotwin.echo._volume_curve import (
    HALF_S,
    HALF_SPREAD_S,
    N_ERRORS,
    N_POINTS,
    RIDGE,
    CurveErrors,
    beat_of,
    fit_curve_errors,
    shared_errors,
    times_of,
    volume_curve,
)
from cardiotwin.hemodynamics import MaximumAPosteriori, Unknowns, identify

PHASES = np.arange(N_PHASES) / N_PHASES


@pytest.fixture(scope="module")
def clips():
    return list(Phantom(views=("A4C", "A2C"), n_frames=40).clips(2, seed=21))


def wave(phase):
    return 100 + 40 * np.cos(2 * np.pi * phase) + 8 * np.sin(4 * np.pi * phase)


def test_a_beat_begins_where_it_has_fallen_half_its_way():
    beat = beat_of(wave(PHASES)[None], 0.8)
    assert beat.shape[0] == pytest.approx(-0.5, abs=1e-3) and beat.slope[0] < 0
    assert beat.shape.max() > -0.01 and beat.shape.min() < -0.99


def test_a_beat_knows_neither_scale_nor_the_first_frame():
    beat = beat_of(wave(PHASES)[None], 0.8)
    for other in (3.0 * wave(PHASES) + 7.0, wave(PHASES + 0.37)):
        again = beat_of(other[None], 0.8)
        np.testing.assert_allclose(again.shape, beat.shape, atol=2e-3)
        np.testing.assert_allclose(again.slope, beat.slope, atol=0.1)


def test_the_slope_is_the_derivative_in_seconds():
    beat, fine = beat_of(wave(PHASES)[None], 0.8), wave(np.arange(10_000) / 10_000)
    from_half = np.diff(beat_of(fine[None], 0.8).shape, append=np.nan) / (0.8 / N_POINTS)
    middle = 0.5 * (beat.slope + np.roll(beat.slope, -1))
    np.testing.assert_allclose(middle[:-1], from_half[:-1], atol=0.02 * np.abs(beat.slope).max())


def test_smoothed_curves_have_fallen_half_their_way_when_it_is_said():
    """Of virtual patients, whose beats begin with the contraction."""
    circulation = Unknowns.of().circulation(Unknowns.of().draw(60, 7))
    period = np.asarray(circulation.period_s)
    beats = steady_state(circulation)
    phase, after = np.arange(200) / 200, []
    for row, length in enumerate(period):
        volume = np.interp(phase * length, beats.times_s[row], beats.volume_ml[row])
        own = (volume - volume.mean()) / volume.std()
        weights = smoothed(phase, own[:, None], 0.15)[:, 0]
        curve = (waves_at(PHASES) * SMOOTHING) @ weights
        first = np.argmax(np.roll(curve, -curve.argmax()) < curve.min() + 0.5 * np.ptp(curve))
        at = (first - 0.5 + curve.argmax()) / N_PHASES
        after.append(((at + 0.5) % 1 - 0.5) * length)
    assert np.mean(after) == pytest.approx(HALF_S, abs=0.01)
    assert 0.6 * HALF_SPREAD_S < np.std(after) < 1.1 * HALF_SPREAD_S


def plain(beat, **changed):
    settings = {"ef_sd": 3.0, "volume_sd": 0.08, "noise_ml": 2.0, "errors": None} | changed
    return volume_curve(beat, 0.8, 120.0, 55.0, **settings)


def test_the_curve_ejects_what_it_is_told_and_begins_with_the_contraction():
    curve = plain(beat_of(wave(PHASES)[None], 0.8))
    assert (np.diff(curve.times_s) > 0).all() and 0 <= curve.times_s[0] < 0.8 / N_POINTS
    assert np.ptp(curve.values) / curve.values.max() == pytest.approx(0.55, abs=0.01)
    at_half = curve.values[np.argmin(np.abs(curve.times_s - HALF_S))]
    assert at_half == pytest.approx(120.0 * (1 - 0.55 / 2), rel=1e-3)


def test_shared_errors_are_what_one_standard_deviation_more_changes():
    """Of the scale, of EF, and of the onset; differences of curves, to first order."""
    beat = beat_of(wave(PHASES)[None], 0.8)
    curve = plain(beat)
    scale, contraction, onset = curve.shared[:3]
    np.testing.assert_allclose(scale, 0.08 * curve.values, rtol=1e-12)
    more = volume_curve(beat, 0.8, 120.0, 58.0, ef_sd=3, volume_sd=0.08, noise_ml=2, errors=None)
    np.testing.assert_allclose(contraction, more.values - curve.values, atol=1e-9)
    later = np.interp(
        curve.times_s + HALF_SPREAD_S, curve.times_s, curve.values, period=0.8
    ) - np.interp(curve.times_s - HALF_SPREAD_S, curve.times_s, curve.values, period=0.8)
    np.testing.assert_allclose(onset, later / 2, atol=0.15 * np.abs(onset).max())


def test_what_draws_differ_by_is_a_shared_error():
    """Draws that differ in two ways: the covariance of the volumes is that of the draws."""
    rng = np.random.default_rng(1)
    ways = np.stack([3 * np.cos(6 * np.pi * PHASES), 2 * np.sin(4 * np.pi * PHASES)])
    draws = wave(PHASES) + rng.standard_normal((300, 2)) @ ways
    beat = beat_of(draws, 0.8)
    mean, ptp = draws.mean(0), np.ptp(draws.mean(0))
    still = beat_of(mean[None], 0.8)
    np.testing.assert_allclose(still.shape, beat.shape, atol=1e-12)
    assert (still.unseen == 0).all()
    spread = np.sqrt(np.sum(beat.unseen**2, 0))
    assert spread.max() == pytest.approx((draws.std(0) / ptp).max(), rel=0.05)
    wide = plain(beat)
    np.testing.assert_allclose(wide.shared[3:].T @ wide.shared[3:], _ordered(beat, 120 * 0.55))


def _ordered(beat, stroke):
    order = np.argsort(times_of(0.8))
    own = stroke * beat.unseen[:, order]
    return own.T @ own


def test_a_ventricle_that_hardly_beats_has_a_curve_too():
    beat = beat_of(wave(PHASES)[None], 0.8)
    still = volume_curve(beat, 0.8, 120.0, 0.0, ef_sd=3, volume_sd=0.08, noise_ml=2, errors=None)
    np.testing.assert_allclose(still.values, 120.0)
    assert np.isfinite(still.shared).all() and np.ptp(still.shared[1]) == pytest.approx(
        3.6, rel=0.02
    )


def test_errors_of_shapes_are_found_as_they_were_made():
    """Offset, slopes and the covariance of what is left, beside errors that are no shape's."""
    rng = np.random.default_rng(0)
    n, points = 6000, 2 * np.pi * np.arange(N_POINTS) / N_POINTS
    waves = np.stack([np.cos(points), np.sin(points), np.cos(2 * points), np.sin(2 * points)])
    shapes = -0.5 + rng.normal(size=(n, 4)) @ (0.2 * waves)
    slopes = 0.05 * np.outer(np.cos(points), np.sin(3 * points))
    offset = 0.04 * np.cos(3 * points)
    hidden = 0.03 * np.stack([np.cos(4 * points), np.sin(5 * points)])
    shared = np.repeat(np.ones((1, 1, N_POINTS)), n, 0)
    middle = shapes.mean(0)
    missing = (
        offset
        + (shapes - middle) @ slopes
        + rng.normal(size=(n, 2)) @ hidden
        + rng.normal(size=(n, 1)) * shared[:, 0]
    )
    found = fit_curve_errors(shapes, missing, shared)
    flat = missing.mean() * 1.0  # The shared error's own mean is of no shape.
    np.testing.assert_allclose(found.offset - flat, offset, atol=2e-3)
    told = (shapes[:50] - middle) @ found.slopes
    wanted = (shapes[:50] - middle) @ slopes
    level = (told - wanted).mean(1, keepdims=True)
    np.testing.assert_allclose(told - level, wanted, atol=0.03 * np.abs(wanted).max() + 1e-3)
    covariance = found.shapes.T @ found.shapes
    np.testing.assert_allclose(covariance, hidden.T @ hidden, atol=0.06 * covariance.max())
    assert found.spread == pytest.approx(np.sqrt(np.mean(np.diag(hidden.T @ hidden))), rel=0.05)
    assert found.shapes.shape == (N_ERRORS, N_POINTS) and RIDGE > 0


def test_a_seen_beat_that_is_the_true_one_has_no_error():
    beats = [beat_of((wave(PHASES) + k * np.cos(6 * np.pi * PHASES))[None], 0.8) for k in range(8)]
    card = {"ef_offset": 0.0, "ef_slope": 1.0, "ef_sd": 2.0, "volume_factor": 1.0}
    calibration = {"views": {"A4C": card | {"volume_sd": 0.07}}}
    every = [ComparedCurve("A4C", 50.0, 100.0, own, 100.0 + 50.0 * own.shape) for own in beats]
    found = curve_errors_of(every, calibration)
    assert np.abs(found.offset).max() < 1e-12 and found.spread < 1e-12
    curve, same = plain(beats[0]), plain(beats[0], errors=found)
    np.testing.assert_allclose(same.values, curve.values, atol=1e-9)
    assert same.error[0] == pytest.approx(2.0)


def test_clips_whose_beat_was_found_at_another_length_are_not_compared(clips):
    found = segment(clips[0].clip)
    assert compared_curve(clips[0], found) is not None
    wrong = segment(clips[0].clip.replace(heart_rate_per_min=0.6 * found.heart_rate_per_min))
    assert compared_curve(clips[0], wrong) is None


def test_errors_of_curves_go_through_the_card(clips):
    found = segment(clips[0].clip)
    assert found.curve_errors is not None
    again = CurveErrors.of(found.curve_errors.as_dict())
    for name, own in found.curve_errors._asdict().items():
        np.testing.assert_array_equal(getattr(again, name), own)
    assert CurveErrors.of(None) is None


@pytest.mark.slow
def test_curves_of_clips_lead_to_the_circulations_they_come_from():
    """By most probable patients; 90 % intervals may miss one of eight numbers, none by far."""
    clips = list(Phantom(views=("A4C", "A2C")).clips(4, seed=21))
    measured = [segment(one.clip).measurements() for one in clips]
    held = []
    for one, own in zip(clips, identify(measured, method=MaximumAPosteriori()), strict=True):
        for name, true in (("ef_percent", one.ef_percent), ("edv_ml", one.edv_ml)):
            low, high = own.interval(name)
            held.append(low <= true <= high)
            assert abs(true - (low + high) / 2) < 1.5 * (high - low), name
    assert sum(held) >= 7


def test_points_of_a_beat_cover_it_once():
    times = np.sort(times_of(0.9))
    assert 0 <= times[0] and times[-1] < 0.9
    np.testing.assert_allclose(np.diff(times), 0.9 / N_POINTS)
    known = shared_errors(beat_of(wave(PHASES)[None], 0.9), 50.0, 0.0, 0.0)
    assert (known[:2] == 0).all() and (known[2] != 0).any()
