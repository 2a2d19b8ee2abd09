import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardiotwin import ecgi
from cardiotwin._errors import InputError
from cardiotwin.ecgi._twin_experiment import calibrate, find_foci
from cardiotwin.geometry import geodesic_distance


@pytest.fixture(scope="module")
def case():
    return ecgi.zoo.paper_like(heart_nodes=150, torso_nodes=100, n_times=400)


@pytest.fixture(scope="module")
def found(case):
    method = ecgi.TwinExperiment(ecgi.TravelingWave(uncertainty=False))
    return method.solve(case.problem(0.02, seed=0))


def test_potentials_are_those_of_the_method(case, found):
    alone = ecgi.TravelingWave(uncertainty=False).solve(case.problem(0.02, seed=0))
    assert np.array_equal(found.heart_potentials, alone.heart_potentials)


def test_the_twin_errs_about_as_much_as_the_method_does(case, found):
    error = ecgi.evaluate(found.heart_potentials, case.truth).relative_error
    assert 0.6 < found.diagnostics["twin_relative_error"] / error < 1.6


def test_bands_hold_the_truth_about_as_often_as_they_say(case, found):
    band = ecgi.NINETY_PERCENT * found.uncertainty.standard_deviation
    inside = np.abs(found.heart_potentials - case.truth) < band
    assert 0.8 < inside.mean() < 0.99


@settings(max_examples=20, deadline=None)
@given(
    rise=st.floats(0.05, 2.0),
    fall=st.floats(0.05, 2.0),
    size=st.floats(1e-3, 0.05),
    seed=st.integers(0, 1000),
)
def test_calibration_covers_ninety_percent_in_every_group(rise, fall, size, seed):
    rng = np.random.default_rng(seed)
    slopes = rng.uniform(-1, 1, size=20000)
    true_sd = np.hypot(np.where(slopes > 0, rise, fall) * slopes, size)
    errors = np.abs(true_sd * rng.standard_normal(slopes.size))
    band = ecgi.NINETY_PERCENT * calibrate(slopes, errors).at(slopes)
    for group in (slopes > 0.1, slopes < -0.1, abs(slopes) <= 0.1):
        assert abs((errors[group] < band[group]).mean() - 0.9) < 0.02


def test_few_independent_errors_make_bands_wider(rng):
    slopes = rng.uniform(-1, 1, size=5000)
    errors = np.abs(0.3 * rng.standard_normal(slopes.size))
    narrow, wide = calibrate(slopes, errors), calibrate(slopes, errors, 20.0)
    assert all(b > a for a, b in zip(narrow, wide, strict=True))


def test_one_wave_has_one_focus_and_two_have_two(case):
    heart = case.human.heart
    one = geodesic_distance(heart, [case.human.apex_node]) / 5.0
    two = np.minimum(one, 3.0 + geodesic_distance(heart, [case.human.base_node]) / 5.0)
    assert [node for node, _ in find_foci(heart, one, 10.0)] == [case.human.apex_node]
    nodes = [node for node, _ in find_foci(heart, two, 10.0)]
    assert nodes == [case.human.apex_node, case.human.base_node]


def test_bad_input_is_named():
    with pytest.raises(InputError, match="twins"):
        ecgi.TwinExperiment(ecgi.Tikhonov(), twins=0)
    bare = ecgi.InverseProblem(np.eye(3), np.ones((3, 6)))
    with pytest.raises(InputError, match="heart surface"):
        ecgi.TwinExperiment(ecgi.Tikhonov()).solve(bare)
