import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.ecgi import (
    CommonAverage,
    Fixed,
    InverseProblem,
    ObservationOperator,
    Oracle,
    Source,
    Tikhonov,
    TotalVariation,
    evaluate,
    reconstruct,
)
from cardiotwin.geometry import surface_gradient, zoo

BALL = zoo.sphere(162, radius_mm=40.0)
VIEWS = 65 * zoo.sphere(162, radius_mm=1.0).vertices_mm
MATRIX = 1 / np.linalg.norm(VIEWS[:, None] - BALL.vertices_mm, axis=2) ** 3
MATRIX /= MATRIX.sum(axis=1, keepdims=True)
OPERATOR = ObservationOperator(MATRIX, Source.EPICARDIAL, BALL)
# A cap that grows: every instant is a front.
FRONT = (BALL.vertices_mm[:, 2:] > np.linspace(25, -25, 7)) * 1.0


def noisy(sd, **settings):
    noise = np.random.default_rng(5).normal(scale=sd, size=(len(MATRIX), FRONT.shape[1]))
    return InverseProblem(OPERATOR, MATRIX @ FRONT + noise, **settings)


def cost(problem, potentials, weight):
    slopes = surface_gradient(BALL) @ potentials * BALL.mean_edge_mm
    lengths = np.linalg.norm(slopes.reshape(3, BALL.n_faces, -1), axis=0)
    areas = BALL.face_areas_mm2 / BALL.face_areas_mm2.mean()
    misfit = ((problem.data - problem.matrix @ potentials) ** 2).sum(axis=0)
    return misfit + weight * areas @ lengths


def test_nothing_near_it_costs_less(rng):
    problem = noisy(0.02)
    found = reconstruct(
        problem, TotalVariation(rule=Fixed(0.05), tolerance=1e-5, max_iterations=9000)
    )
    assert found.status == "solved"
    least = cost(problem, found.heart_potentials, 0.05**2)
    for size in (1e-3, 1e-2, 1e-1):
        for _ in range(10):
            step = size * rng.normal(size=FRONT.shape)
            assert (cost(problem, found.heart_potentials + step, 0.05**2) > least).all()
    towards = found.heart_potentials + 0.01 * (FRONT - found.heart_potentials)
    assert (cost(problem, towards, 0.05**2) > least - 1e-7).all()


def test_fronts_come_back_sharper_than_from_tikhonov():
    problem = noisy(0.005)
    automatic = reconstruct(problem, TotalVariation())
    gentle = reconstruct(problem, Tikhonov(order=1, rule=Oracle(FRONT)))
    error = evaluate(automatic.heart_potentials, FRONT).relative_error
    assert error < 0.8 * evaluate(gentle.heart_potentials, FRONT).relative_error
    best = reconstruct(problem, TotalVariation(rule=Oracle(FRONT)))
    assert error < 1.25 * evaluate(best.heart_potentials, FRONT).relative_error


def test_same_fit_as_the_tikhonov_solution_it_starts_from():
    problem = noisy(0.02)
    ours = reconstruct(problem, TotalVariation())
    theirs = reconstruct(problem, Tikhonov(order=1, rule=Fixed(float(ours.parameter.value[0]))))
    assert ours.body_residual == pytest.approx(theirs.body_residual, rel=0.03)


def test_strong_regularization_leaves_the_constant_that_fits_best():
    problem = noisy(0.02)
    found = reconstruct(problem, TotalVariation(rule=Fixed(30.0), max_iterations=2000))
    rows = MATRIX.sum(axis=1)
    constant = rows @ problem.data / (rows @ rows)
    np.testing.assert_allclose(found.heart_potentials, np.tile(constant, (162, 1)), atol=2e-3)


def test_solution_scales_with_the_unit():
    problem = noisy(0.02)
    base = reconstruct(problem, TotalVariation(tolerance=1e-5, max_iterations=3000))
    scaled = reconstruct(problem.with_data(50 * problem.body_potentials), base.method)
    np.testing.assert_allclose(scaled.heart_potentials / 50, base.heart_potentials, atol=5e-3)


def test_a_common_average_is_no_obstacle():
    found = reconstruct(noisy(0.005, reference=CommonAverage()), TotalVariation())
    metrics = evaluate(found.heart_potentials, FRONT, remove_mean=True)
    assert metrics.relative_error < 0.35


def test_instants_that_did_not_converge_are_counted():
    found = reconstruct(noisy(0.02), TotalVariation(rule=Fixed(0.02), max_iterations=3))
    assert found.diagnostics["instants_not_converged"] == 7
    assert "did not converge in 3 iterations: raise max_iterations" in found.status


def test_a_bare_matrix_is_refused():
    with pytest.raises(InputError, match="without a heart surface"):
        reconstruct(InverseProblem(np.eye(3), np.ones((3, 1))), TotalVariation())
