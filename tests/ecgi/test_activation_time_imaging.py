"""Activation times from the double layer: derivatives, exact data, symmetries, bad input."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from cardiotwin import GeometryError, InputError
from cardiotwin.ecgi import (
    CRESO,
    ActivationTimeImaging,
    CommonAverage,
    Discrepancy,
    Fixed,
    InverseMethod,
    InverseProblem,
    LeaveOneLeadOut,
    ObservationOperator,
    Oracle,
    Source,
    double_layer_matrix,
    evaluate,
    reconstruct,
)
from cardiotwin.ecgi._upstroke import UpstrokeFit, Upstrokes, levenberg_marquardt
from cardiotwin.ecgi._wall_routes import route_lengths, wall_connections
from cardiotwin.geometry import Surface, zoo

TIMES = np.arange(0.0, 80.0)
FAST = ActivationTimeImaging(
    gains=(1.0, 1.4), velocities=(0.8, 1.2), max_foci=2, n_candidates=9, rule=Discrepancy(2e-3)
)


@pytest.fixture(scope="module")
def operator():
    heart = zoo.sphere(42, radius_mm=35.0)
    torso = zoo.sphere(162, radius_mm=90.0)
    shifted = heart.moved([25.0, 10.0, 0.0])
    return double_layer_matrix(shifted, torso, torso)


@pytest.fixture(scope="module")
def truth(operator):
    points = operator.heart.vertices_mm - operator.heart.centroid_mm
    return 40 + 0.45 * points[:, 0] + 0.2 * points[:, 2] + 0.004 * points[:, 1] ** 2


def leads(operator, times, gain=1.0, width=2.0, noise=0.0, seed=0):
    wave = gain * expit((TIMES - times[:, None]) / width)
    errors = np.random.default_rng(seed).normal(size=(operator.n_observed, len(TIMES)))
    return InverseProblem(operator, operator.apply(wave) + noise * errors, times_ms=TIMES)


def test_normal_equations_are_those_of_finite_differences(operator, truth, rng):
    problem = replace_reference(leads(operator, truth, noise=0.1))
    fit = UpstrokeFit.of(problem)
    here = Upstrokes(truth + rng.normal(size=len(truth)), 1.3, 2.5)
    step, n = 1e-5, len(truth) + 2
    columns = []
    for k in range(n):
        ends = [
            problem.matrix @ here.moved(sign * step * np.eye(n)[k]).at(TIMES) for sign in (1, -1)
        ]
        columns.append((ends[0] - ends[1]).ravel() / (2 * step))
    jacobian = np.stack(columns, axis=1)
    misfit = (problem.data - problem.matrix @ here.at(TIMES)).ravel()
    normal = fit.normal(here)
    np.testing.assert_allclose(
        normal.square, jacobian.T @ jacobian, atol=1e-7 * abs(normal.square).max()
    )
    np.testing.assert_allclose(
        normal.right, jacobian.T @ misfit, atol=1e-7 * abs(normal.right).max()
    )
    np.testing.assert_allclose(fit.residual(here), misfit @ misfit, rtol=1e-10)


def replace_reference(problem):
    return InverseProblem(
        problem.operator,
        problem.body_potentials,
        reference=CommonAverage(),
        times_ms=problem.times_ms,
    )


def test_exact_data_are_fitted_exactly_from_near_the_truth(operator, truth, rng):
    fit = UpstrokeFit.of(leads(operator, truth, gain=2.0))
    start = Upstrokes(truth + rng.normal(size=len(truth)), 1.0, 3.0)
    found = levenberg_marquardt(
        fit, start, np.eye(len(truth)), 0.0, free_width=True, iterations=200, tolerance=0.0
    )
    np.testing.assert_allclose(found.upstrokes.times_ms, truth, atol=1e-3)
    np.testing.assert_allclose([found.upstrokes.gain, found.upstrokes.width_ms], 2.0, rtol=1e-4)


def test_error_vanishes_with_the_noise(operator, truth):
    errors = []
    for noise in (2e-2, 2e-3, 2e-4):
        method = replace(FAST, rule=Discrepancy(noise))
        found = method.estimate(leads(operator, truth, noise=noise))
        errors.append(abs(found.times_ms - truth).mean())
    assert errors == sorted(errors, reverse=True)
    assert errors[0] < 3.0 and errors[-1] < 0.3


def test_data_that_start_later_give_times_that_are_later(operator, truth):
    problem = leads(operator, truth, noise=2e-3)
    later = InverseProblem(operator, problem.body_potentials, times_ms=TIMES + 137.0)
    one, other = FAST.estimate(problem), FAST.estimate(later)
    np.testing.assert_allclose(other.times_ms - one.times_ms, 137.0, atol=1e-3)


def test_data_twice_as_large_give_twice_the_gain_and_the_same_times(operator, truth):
    problem = leads(operator, truth, noise=2e-3)
    doubled = problem.with_data(1000 * problem.body_potentials)
    one = FAST.estimate(problem)
    other = replace(FAST, rule=Discrepancy(2.0)).estimate(doubled)
    np.testing.assert_allclose(other.times_ms, one.times_ms, atol=1e-3)
    np.testing.assert_allclose(other.gain, 1000 * one.gain, rtol=1e-4)


def test_nodes_activated_together_are_invisible(operator):
    wave = Upstrokes(np.full(operator.n_sources, 30.0), 100.0, 2.0).at(TIMES)
    assert abs(operator.apply(wave)).max() < 1e-10


def test_intervals_hold_the_truth_about_as_often_as_they_say(operator, truth):
    inside, deviations = [], []
    for seed in range(3):
        method = replace(FAST, rule=Discrepancy(5e-3))
        found = method.estimate(leads(operator, truth, noise=5e-3, seed=seed))
        low, high = found.interval_ms.T
        inside.append(((truth >= low) & (truth <= high)).mean())
        deviations.append(found.standard_deviation_ms.mean())
        assert abs(found.noise_sd - 5e-3) < 1e-3
    assert 0.7 <= np.mean(inside) <= 1.0
    assert np.mean(deviations) < 0.5 * truth.std()


def test_method_gives_the_upstrokes_as_potentials(operator, truth):
    problem = leads(operator, truth, noise=2e-3)
    assert isinstance(FAST, InverseMethod)
    result, found = reconstruct(problem, FAST), FAST.estimate(problem)
    np.testing.assert_array_equal(result.heart_potentials, found.potentials())
    np.testing.assert_array_equal(found.potentials(found.times_ms).diagonal(), found.gain / 2)
    assert result.diagnostics["gain"] == found.gain
    assert result.uncertainty is not None
    assert result.uncertainty.standard_deviation.shape == result.heart_potentials.shape
    wave = Upstrokes(truth, 1.0, 2.0).at(TIMES)
    assert evaluate(result.heart_potentials, wave, remove_mean=True).correlation > 0.95


def test_width_can_be_fitted(operator, truth):
    problem = leads(operator, truth, width=3.0, noise=2e-4)
    found = replace(FAST, fit_width=True, rule=Discrepancy(2e-4)).estimate(problem)
    assert abs(found.width_ms - 3.0) < 0.3


def test_rules_see_the_path(operator, truth):
    problem = leads(operator, truth, noise=2e-3)
    wave = Upstrokes(truth, 1.0, 2.0).at(TIMES)
    oracle = replace(FAST, rule=Oracle(wave)).estimate(problem)
    value = float(oracle.parameter.value[0])
    fixed = replace(FAST, rule=Fixed(value)).estimate(problem)
    np.testing.assert_allclose(fixed.times_ms, oracle.times_ms)
    for rule in (LeaveOneLeadOut(), CRESO(), Discrepancy(1e-3, per_instant=True)):
        with pytest.raises(InputError):
            replace(FAST, rule=rule).estimate(problem)


def test_routes_through_the_inside_of_a_sphere_are_its_chords():
    ball = zoo.sphere(162, radius_mm=30.0)
    lengths = route_lengths(ball)
    chords = np.linalg.norm(ball.vertices_mm[:, None] - ball.vertices_mm, axis=2)
    assert (lengths >= chords - 1e-9).all()
    assert lengths.max() < 1.3 * 60.0
    apart = chords > 0
    assert np.median(lengths[apart] / chords[apart]) < 1.1
    np.testing.assert_allclose(lengths, lengths.T)


def test_no_route_leads_through_the_cavity():
    outer, inner = zoo.sphere(42, radius_mm=30.0), zoo.sphere(42, radius_mm=20.0)
    shell = Surface(
        np.vstack([outer.vertices_mm, inner.vertices_mm]),
        np.vstack([outer.faces, inner.faces[:, ::-1] + outer.n_nodes]),
    )
    pairs = wall_connections(shell)
    start, end = shell.vertices_mm[pairs].transpose(1, 0, 2)
    assert np.linalg.norm((start + end) / 2, axis=1).min() > 15.0
    across = (pairs < outer.n_nodes).sum(axis=1) == 1
    lengths = np.linalg.norm(end - start, axis=1)[across]
    assert across.any() and 8.0 < lengths.min() < 11.0
    # Around the cavity: at least half of a circle over the inner wall.
    assert route_lengths(shell)[: outer.n_nodes, : outer.n_nodes].max() > 2 * 20.0 + np.pi * 10


def test_bad_input_is_refused_with_advice(operator, truth):
    problem = leads(operator, truth)
    matrix = operator.matrix
    epicardial = ObservationOperator(matrix, Source.EPICARDIAL, operator.heart)
    with pytest.raises(InputError, match="double_layer_matrix"):
        FAST.estimate(InverseProblem(epicardial, problem.body_potentials))
    bare = ObservationOperator(matrix, Source.TRANSMEMBRANE)
    with pytest.raises(InputError, match="heart=surface"):
        FAST.estimate(InverseProblem(bare, problem.body_potentials))
    opened = Surface(operator.heart.vertices_mm, operator.heart.faces[1:])
    with pytest.raises(GeometryError, match="closed"):
        FAST.estimate(
            InverseProblem(
                ObservationOperator(matrix, Source.TRANSMEMBRANE, opened), problem.body_potentials
            )
        )
    with pytest.raises(InputError, match="zero everywhere"):
        FAST.estimate(problem.with_data(0 * problem.body_potentials))
    with pytest.raises(InputError, match="ascending"):
        FAST.estimate(InverseProblem(operator, problem.body_potentials, times_ms=TIMES[::-1]))
    settings: list[dict[str, Any]] = [
        {"width_ms": 0.0},
        {"gains": ()},
        {"velocities": (-1.0,)},
        {"max_foci": 0},
    ]
    for setting in settings:
        with pytest.raises(InputError, match=next(iter(setting))):
            ActivationTimeImaging(**setting)
