import numpy as np
import pytest
from scipy import integrate, stats

from cardiotwin import ecgi
from cardiotwin._errors import InputError
from cardiotwin.ecgi._calibration import near_activation

TIMES = np.arange(60.0)


@pytest.fixture
def truth(rng):
    return 1 / (1 + np.exp(-(TIMES - rng.uniform(20, 40, size=(200, 1)))))


def test_crps_is_the_integral_that_defines_it():
    # CRPS(F, x) = ∫ (F(y) − 1[y ≥ x])² dy for one potential.
    mean, sd, x = 0.3, 0.2, 0.75
    below = integrate.quad(lambda y: stats.norm.cdf(y, mean, sd) ** 2, -5, x)[0]
    above = integrate.quad(lambda y: (stats.norm.cdf(y, mean, sd) - 1) ** 2, x, 5)[0]
    arrays = (np.full((1, 3), value) for value in (mean, sd, x))
    assert np.isclose(ecgi.evaluate_uncertainty(*arrays, TIMES[:3]).crps, below + above)


def test_true_error_bars_hold_the_truth_nine_times_of_ten(truth, rng):
    spread = rng.uniform(0.01, 0.2, size=truth.shape)
    score = ecgi.evaluate_uncertainty(
        truth + spread * rng.standard_normal(truth.shape), spread, truth, TIMES
    )
    assert abs(score.coverage - 0.9) < 0.01 and abs(score.front_coverage - 0.9) < 0.03


def test_crps_is_smallest_for_the_true_spread(truth, rng):
    mean = truth + 0.1 * rng.standard_normal(truth.shape)
    scores = [
        ecgi.evaluate_uncertainty(mean, np.full(truth.shape, sd), truth, TIMES).crps
        for sd in (0.05, 0.1, 0.2)
    ]
    assert scores[1] < min(scores[0], scores[2])


def test_without_spread_crps_is_the_absolute_error(truth):
    score = ecgi.evaluate_uncertainty(truth + 0.02, np.zeros(truth.shape), truth, TIMES)
    assert np.isclose(score.crps, 0.02) and score.coverage == 0.0


def test_the_front_is_where_potentials_rise(truth):
    front = near_activation(truth, TIMES, 5.0)
    slope = np.gradient(truth, axis=1)
    assert slope[front].mean() > 10 * slope[~front].mean()
    assert 9 <= front.sum(axis=1).min() and front.sum(axis=1).max() <= 11


def test_bad_input_is_named(truth):
    with pytest.raises(InputError, match="standard_deviation"):
        ecgi.evaluate_uncertainty(truth, -truth, truth, TIMES)
    with pytest.raises(InputError, match="mean"):
        ecgi.evaluate_uncertainty(truth[:3], truth, truth, TIMES)
