import numpy as np
import pytest

from cardiotwin import InputError, UnitError
from cardiotwin.signals import Recording


@pytest.fixture
def ecg(rng):
    return Recording(rng.normal(size=(4, 200)), 500.0, "mV", names=["RA", "LA", "LL", "V1"])


def test_times_start_at_the_start_and_step_by_the_period():
    recording = Recording(np.zeros((1, 5)), 250.0, "mV", start_ms=-8.0)
    np.testing.assert_allclose(recording.times_ms, [-8, -4, 0, 4, 8])
    assert recording.duration_ms == 20.0


def test_samples_are_a_frozen_copy(rng):
    values = rng.normal(size=(2, 5))
    recording = Recording(values, 1000, "mV")
    values[0, 0] = 99.0
    assert recording.samples[0, 0] != 99.0
    with pytest.raises(ValueError):
        recording.samples[0, 0] = 1.0


@pytest.mark.parametrize("how", [["LL", "RA"], [2, 0], np.array([2, 0])])
def test_select_keeps_the_order_asked_for(ecg, how):
    chosen = ecg.select(how)
    assert chosen.names == ("LL", "RA")
    np.testing.assert_array_equal(chosen.samples, ecg.samples[[2, 0]])


def test_select_by_mask(ecg):
    assert ecg.select([True, False, False, True]).names == ("RA", "V1")


def test_select_suggests_the_nearest_name(ecg):
    with pytest.raises(InputError, match=r"'V11'.*RA, LA, LL, V1.*Did you mean 'V1'"):
        ecg.select(["V11"])


@pytest.mark.parametrize("bad", [[4], [-1], [0.5], [], [True], [[0], [1, 2]]])
def test_select_refuses(ecg, bad):
    with pytest.raises(InputError):
        ecg.select(bad)


def test_crop_takes_the_half_open_interval_despite_rounding():
    recording = Recording(np.arange(1000.0)[None], 1000 / 3, "mV")
    part = recording.crop(recording.times_ms[300], recording.times_ms[303])
    np.testing.assert_array_equal(part.samples[0], [300, 301, 302])
    np.testing.assert_allclose(part.times_ms, recording.times_ms[300:303])


def test_crop_outside_is_refused(ecg):
    with pytest.raises(InputError, match="400 ms"):
        ecg.crop(500, 600)
    with pytest.raises(InputError):
        ecg.crop(100, 50)


def test_units_convert_there_and_back(ecg):
    np.testing.assert_allclose(ecg.in_unit("V").in_unit("uV").samples, ecg.samples * 1000)


def test_units_of_different_quantities_do_not_convert(ecg):
    with pytest.raises(UnitError, match="'mmHg' asked of a recording in 'mV'"):
        ecg.in_unit("mmHg")


def test_unknown_unit_is_refused_with_the_list():
    with pytest.raises(UnitError, match=r"'mv'.*'mV'.*Did you mean"):
        Recording([[1.0]], 1000, "mv")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[np.nan, 1.0]], 1000, "mV"), "samples"),
        (([1.0, 2.0], 1000, "mV"), "samples"),
        ((np.zeros((0, 3)), 1000, "mV"), "samples"),
        (([[1.0]], 0, "mV"), "rate_hz"),
        (([[1.0]], np.inf, "mV"), "rate_hz"),
        (([[1.0]], 1000, "mV", ["a", "b"]), "1 names, one a channel"),
        (([[1.0], [2.0]], 1000, "mV", ["a", "a"]), "'a' more than once"),
        (([[1.0]], 1000, "mV", ["a"], 0.0, ["b"]), "missing"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(InputError, match=message):
        Recording(*arguments)


def test_missing_follows_the_selection():
    recording = Recording(np.zeros((3, 2)), 1000, "mV", ["x", "y", "z"], missing=["z", "x"])
    assert recording.missing == ("x", "z")
    assert recording.select(["y", "z"]).missing == ("z",)


@pytest.mark.parametrize("rate_hz", [250.0, 1000.0, 400.0])
def test_resampling_keeps_a_slow_sine_in_phase(rate_hz):
    times = np.arange(2000) / 500
    recording = Recording(np.sin(2 * np.pi * 5 * times)[None], 500, "mV", start_ms=7.0)
    other = recording.resample(rate_hz)
    seconds = (other.times_ms - 7.0) / 1000
    inner = (seconds > 0.5) & (seconds < 3.5)
    error = np.abs(other.samples[0] - np.sin(2 * np.pi * 5 * seconds))[inner].max()
    assert error < 2e-3


def test_resampling_to_an_incommensurable_rate_is_refused(ecg):
    with pytest.raises(InputError, match="ratio"):
        ecg.resample(500 * np.pi)
