import numpy as np
import pytest

from cardiotwin import ecgi
from cardiotwin._errors import InputError


@pytest.fixture(scope="module")
def case():
    return ecgi.zoo.paper_like(heart_nodes=60, torso_nodes=40, n_times=30)


def test_spread_of_a_linear_method_is_its_noise_gain(case):
    # û = K y, so the standard deviation at node i is σ times the length of row i of K.
    problem = case.problem(0.05, seed=1)
    method = ecgi.Tikhonov(order=2, rule=ecgi.Fixed(0.02), uncertainty=False)
    gain = method.solve(problem.with_data(np.eye(problem.n_leads))).heart_potentials
    found = ecgi.Ensemble(method, members=60, noise_sd=0.05).solve(problem)
    assert found.uncertainty is not None
    by_node = np.sqrt(np.mean(found.uncertainty.standard_deviation**2, axis=1))
    assert np.allclose(by_node, 0.05 * np.linalg.norm(gain, axis=1), rtol=0.12)


def test_without_noise_there_is_no_spread_and_the_mean_is_the_method(case):
    problem = case.problem(0.0, seed=1)
    method = ecgi.Tikhonov(order=2, rule=ecgi.Fixed(1e-2), uncertainty=False)
    found = ecgi.Ensemble(method, members=3, noise_sd=1e-12).solve(problem)
    assert np.allclose(found.heart_potentials, method.solve(problem).heart_potentials, atol=1e-7)
    assert found.uncertainty is not None
    assert found.uncertainty.standard_deviation.max() < 1e-8


def test_noise_is_estimated_from_what_is_left(case):
    problem = case.problem(0.05, seed=2)
    found = ecgi.Ensemble(ecgi.Tikhonov(uncertainty=False), members=2).solve(problem)
    assert np.isclose(found.diagnostics["noise_sd"], 0.05, rtol=0.15)


def test_the_same_seed_gives_the_same_ensemble_and_inflation_is_a_factor(case):
    problem = case.problem(0.05, seed=2)
    method = ecgi.Tikhonov(uncertainty=False)
    first, again, wider = (
        ecgi.Ensemble(method, members=3, seed=4, inflation=f).solve(problem).uncertainty
        for f in (1.0, 1.0, 2.0)
    )
    assert first is not None and again is not None and wider is not None
    assert np.array_equal(first.standard_deviation, again.standard_deviation)
    assert np.allclose(2 * first.standard_deviation, wider.standard_deviation)


def test_bad_settings_are_named():
    with pytest.raises(InputError, match="members"):
        ecgi.Ensemble(ecgi.Tikhonov(), members=1)
    with pytest.raises(InputError, match="inflation"):
        ecgi.Ensemble(ecgi.Tikhonov(), inflation=0.0)
