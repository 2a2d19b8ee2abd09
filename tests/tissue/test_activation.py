import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiotwin._errors import InputError
from cardiotwin.geometry import Surface, zoo
from cardiotwin.tissue import (
    Excitation,
    SpatioTemporal,
    SpatioTemporalDeflection,
    SteepestDownstroke,
    SteepestUpstroke,
    Threshold,
    activation_recovery_interval,
    activation_times,
    conduction_velocity,
    recovery_times,
    simulate_beat,
)

TIMES = np.arange(0.0, 30.0, 0.5)


@given(st.lists(st.floats(3.0, 26.0), min_size=1, max_size=8))
def test_cubic_upstrokes_are_timed_exactly_between_samples(arrivals):
    # Central differences of a cubic are off by a constant, and a parabola fits its slope exactly.
    s = TIMES - np.array(arrivals)[:, None]
    wave = 1000 * s - s**3
    np.testing.assert_allclose(activation_times(wave, TIMES), arrivals, atol=1e-9)
    falling = activation_times(-wave, TIMES, method=SteepestDownstroke())
    np.testing.assert_allclose(falling, arrivals, atol=1e-9)


@given(st.floats(5.0, 25.0), st.floats(0.1, 100.0), st.floats(-50.0, 50.0))
def test_times_do_not_depend_on_gain_and_offset(arrival, gain, offset):
    wave = gain * np.tanh(TIMES - arrival)[None] + offset
    assert activation_times(wave, TIMES)[0] == pytest.approx(arrival, abs=0.02)


def test_smoothing_keeps_a_symmetric_upstroke_in_place():
    wave = np.tanh(TIMES - np.array([[12.3], [17.8]]))
    found = activation_times(wave, TIMES, method=SteepestUpstroke(smoothing=1.0))
    np.testing.assert_allclose(found, [12.3, 17.8], atol=0.02)


def test_unequal_instants_are_allowed_for_deflections(rng):
    times = np.sort(rng.uniform(0, 30, 400))
    found = activation_times(np.tanh((times - 14.2) / 2)[None], times)
    assert found[0] == pytest.approx(14.2, abs=0.15)


def test_threshold_interpolates_ramps_exactly_and_knows_who_never_fires():
    ramps = np.array([[0.0], [0.3], [0.6]]) + 0.1 * np.array([[1.0], [0.0], [1.0]]) * TIMES
    np.testing.assert_allclose(
        activation_times(ramps, TIMES, method=Threshold(0.53)), [5.3, np.nan, 0.0], atol=1e-12
    )


def test_flat_and_weak_signals_have_no_activation():
    waves = np.array([[0.0], [0.01], [1.0]]) * np.tanh(TIMES - 9)
    found = activation_times(waves, TIMES, method=SteepestUpstroke(minimum_slope=0.1))
    np.testing.assert_array_equal(np.isnan(found), [True, True, False])
    assert np.isnan(activation_times(waves[:1], TIMES)[0])


def test_recovery_is_the_steepest_repolarization_after_activation():
    start, end = np.array([[4.0], [6.0], [8.0], [9.0]]), np.array([[20.0], [22.5], [29.4], [25.0]])
    pulse = 0.5 * (np.tanh(2 * (TIMES - start)) - np.tanh((TIMES - end) / 2))
    pulse[0] -= 3 * np.exp(-((TIMES - 1) ** 2))  # a steep fall and rise before the activation
    activation = np.r_[start[:3, 0], np.nan]
    recovery = recovery_times(pulse, TIMES, activation)
    np.testing.assert_allclose(recovery, [20.0, 22.5, np.nan, np.nan], atol=0.05)
    np.testing.assert_allclose(
        activation_recovery_interval(activation, recovery)[:2], [16.0, 16.5], atol=0.05
    )
    electrogram = recovery_times(-pulse, TIMES, activation, method=SteepestUpstroke())
    np.testing.assert_allclose(electrogram, recovery)
    late = recovery_times(pulse, TIMES, activation, minimum_interval=25.0)
    assert np.isnan(late[:2]).all()


@pytest.mark.parametrize(
    ("potentials", "times", "message"),
    [
        (np.zeros((2, 4)), [0, 1, 1, 2], "times: found 4 instants out of order; expected at least"),
        (np.zeros((2, 2)), [0, 1], "times: found 2 instants; expected at least three"),
        (np.zeros((4, 2)), [0, 1, 2, 3], r"potentials: found shape \(4, 2\)"),
        (np.full((1, 3), np.nan), [0, 1, 2], "potentials: found 3 values that are NaN"),
    ],
)
def test_unusable_series_are_named(potentials, times, message):
    with pytest.raises(InputError, match=message):
        activation_times(potentials, times)


@pytest.fixture(scope="module")
def ball():
    return zoo.sphere(642, radius_mm=40.0)


@pytest.fixture(scope="module")
def beat(ball):
    pacing = Excitation.near(ball, [0, 0, -40], n_nodes=12)
    return simulate_beat(ball, stimuli=[pacing], n_times=501)


def test_simulated_intervals_are_those_of_an_action_potential(beat):
    activation = activation_times(beat.potentials, beat.times_tu, method=Threshold(0.5))
    recovery = recovery_times(beat.potentials, beat.times_tu, activation)
    interval = activation_recovery_interval(activation, recovery)
    done = np.isfinite(interval)
    assert done.mean() > 0.5
    assert 15 < np.median(interval[done]) < 35  # 194 to 452 ms
    assert np.ptp(interval[done]) < 6


def test_neighbors_rescue_activation_times_from_noise(ball, beat, rng):
    """With noise of a fifth of the signal: no lines of block, and a tenth of the error."""
    truth = activation_times(beat.potentials, beat.times_tu)
    noisy = beat.potentials + 0.2 * rng.standard_normal(beat.potentials.shape)
    upstroke = SteepestUpstroke(smoothing=0.5)
    product = SpatioTemporalDeflection(ball, upstroke)
    methods = [upstroke, product, SpatioTemporal(ball, product, longest_delay=5.0)]
    # The pacing nodes start excited and have no upstroke of their own.
    usable = beat.potentials[:, 0] == 0
    edges = ball.edges[usable[ball.edges].all(axis=1)]
    errors, jumps = [], []
    for method in methods:
        times = activation_times(noisy, beat.times_tu, method=method)
        errors.append(np.abs(times - truth)[usable].mean())
        jumps.append(np.abs(np.diff(times[edges], axis=1)).max())
    true_jump = np.abs(np.diff(truth[edges], axis=1)).max()
    assert errors[1] < 0.8 * errors[0]
    assert errors[2] < 0.1 * errors[1]
    assert errors[2] < 0.3
    assert jumps[2] < 2.5 * true_jump < 0.2 * jumps[1]


def test_without_noise_the_fitted_times_are_the_local_ones(ball, beat):
    usable = beat.potentials[:, 0] == 0
    local = activation_times(beat.potentials, beat.times_tu)
    fitted = activation_times(
        beat.potentials, beat.times_tu, method=SpatioTemporal(ball, SteepestUpstroke())
    )
    assert np.abs(fitted - local)[usable].mean() < 0.05


def test_fitted_times_need_not_start_at_zero_and_follow_a_plane_wave(ball):
    arrival = (ball.vertices_mm @ [0.6, 0.0, 0.8]) / 4.7 + 3.0
    times = np.arange(-20.0, 25.0, 0.25)
    for sign, deflection in ((1, SteepestUpstroke()), (-1, SteepestDownstroke())):
        wave = sign * np.tanh(times - arrival[:, None])
        found = activation_times(wave, times, method=SpatioTemporal(ball, deflection, rings=1))
        np.testing.assert_allclose(found, arrival, atol=0.02)


def test_a_part_without_signal_has_no_times():
    one, other = zoo.sphere(42, radius_mm=20.0), zoo.sphere(42, radius_mm=20.0)
    both = Surface(
        np.r_[one.vertices_mm, other.vertices_mm + 100.0], np.r_[one.faces, other.faces + 42]
    )
    arrival = both.vertices_mm[:, 2] / 5 + 10
    waves = np.tanh(TIMES - arrival[:, None])
    waves[42:] = 0.2
    found = SpatioTemporal(both, SteepestUpstroke()).estimate(waves, TIMES)
    np.testing.assert_allclose(found[:42], arrival[:42], atol=0.05)
    assert np.isnan(found[42:]).all()
    with pytest.raises(InputError, match=r"equally spaced.*Resample"):
        SpatioTemporal(both, SteepestUpstroke()).estimate(waves, TIMES**1.1)
    with pytest.raises(InputError, match="surface on which these potentials live"):
        SpatioTemporal(one).estimate(waves, TIMES)


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_conduction_velocity_is_exact_for_a_plane_wave(make_strip, east, north):
    slowness = np.array([east, north, 0.0])
    size = np.linalg.norm(slowness)
    if size < 1e-3:
        return
    mesh = make_strip(1.0, 10.0)
    result = conduction_velocity(mesh, mesh.vertices_mm @ slowness + 7.0)
    np.testing.assert_allclose(result.speed, 1 / size, rtol=1e-9)
    np.testing.assert_allclose(
        result.direction, np.tile(slowness / size, (mesh.n_faces, 1)), atol=1e-9
    )
    np.testing.assert_allclose(
        result.velocity, np.tile(slowness / size**2, (mesh.n_faces, 1)), rtol=1e-9, atol=1e-9 / size
    )


def test_missing_and_simultaneous_times_are_told_apart(make_strip):
    mesh = make_strip(1.0, 10.0)
    times = np.ones(mesh.n_nodes)
    times[0] = np.nan
    result = conduction_velocity(mesh, times)
    touched = (mesh.faces == 0).any(axis=1)
    assert np.isnan(result.speed[touched]).all()
    assert np.isposinf(result.speed[~touched]).all()
    assert (result.direction[~touched] == 0).all()
