import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.ecgi import (
    CommonAverage,
    Fixed,
    InverseProblem,
    ObservationOperator,
    Roughness,
    Source,
    Tikhonov,
    TruncatedSVD,
    blind_spots,
    point_spread,
    reconstruct,
    resolution_matrix,
)
from cardiotwin.geometry import zoo


@pytest.fixture
def ball():
    return zoo.sphere(162, radius_mm=40.0)


def outside_views(ball, n_leads=60, height_mm=20.0):
    directions = zoo.sphere(n_leads, radius_mm=1.0).vertices_mm
    views = (40.0 + height_mm) * directions
    matrix = 1 / np.linalg.norm(views[:, None] - ball.vertices_mm, axis=2) ** 3
    matrix /= matrix.sum(axis=1, keepdims=True)
    return InverseProblem(
        ObservationOperator(matrix, Source.EPICARDIAL, ball), np.zeros((len(views), 1))
    )


def test_a_well_posed_problem_is_resolved_perfectly(rng):
    problem = InverseProblem(rng.normal(size=(20, 8)), np.zeros((20, 1)))
    np.testing.assert_allclose(resolution_matrix(problem, 1e-8), np.eye(8), atol=1e-12)


def test_resolution_matrix_predicts_reconstructions_of_clean_data(ball, rng):
    problem = outside_views(ball)
    truth = rng.normal(size=(162, 3))
    clean = problem.with_data(problem.operator.apply(truth))
    found = reconstruct(clean, Tikhonov(order=2, rule=Fixed(0.01))).heart_potentials
    kernel = resolution_matrix(problem, 0.01, regularizer=Roughness())
    np.testing.assert_allclose(kernel @ truth, found, atol=1e-9)


def test_a_method_and_its_parameter_give_the_same_matrix(ball):
    problem = outside_views(ball).excluding([3, 17])
    np.testing.assert_allclose(
        resolution_matrix(problem, Tikhonov(order=0, rule=Fixed(0.05))),
        resolution_matrix(problem, 0.05),
        atol=1e-10,
    )


def test_truncation_is_a_projection_of_its_rank(ball):
    kernel = resolution_matrix(outside_views(ball), TruncatedSVD(rule=Fixed(7)))
    np.testing.assert_allclose(kernel @ kernel, kernel, atol=1e-9)
    assert np.trace(kernel) == pytest.approx(7)


def test_constants_pass_where_the_penalty_lets_them(ball):
    kernel = resolution_matrix(outside_views(ball), 10.0, regularizer=Roughness())
    np.testing.assert_allclose(kernel.sum(axis=1), 1, atol=1e-9)


def test_a_rule_that_follows_the_data_has_no_resolution_matrix(ball):
    class Thresholded:
        def solve(self, problem):
            solution = Tikhonov(rule=Fixed(0.1)).solve(problem)
            from dataclasses import replace

            return replace(solution, heart_potentials=np.maximum(solution.heart_potentials, 0.01))

    with pytest.raises(InputError, match="Thresholded, which is not linear"):
        resolution_matrix(outside_views(ball), Thresholded())


def test_farther_leads_blur_more(ball):
    near, far = (
        point_spread(resolution_matrix(outside_views(ball, height_mm=h), 1e-3), ball)
        for h in (10.0, 40.0)
    )
    assert np.median(near.spread_mm) < 0.8 * np.median(far.spread_mm)
    assert np.median(near.width_mm) < np.median(far.width_mm)
    assert near.amplitude.sum() > far.amplitude.sum()


def test_spread_of_a_shifted_identity_is_the_shift(ball):
    away = np.argsort(np.linalg.norm(ball.vertices_mm[:, None] - ball.vertices_mm, axis=2))[:, 1]
    kernel = np.zeros((162, 162))
    kernel[away, np.arange(162)] = -0.3
    spread = point_spread(kernel, ball)
    shift = np.linalg.norm(ball.vertices_mm[away] - ball.vertices_mm, axis=1)
    np.testing.assert_array_equal(spread.peak_node, away)
    np.testing.assert_allclose(spread.localization_error_mm, shift)
    np.testing.assert_allclose(spread.spread_mm, shift)
    np.testing.assert_allclose(spread.width_mm, 2 * np.sqrt(ball.node_areas_mm2[away] / np.pi))
    surface = point_spread(kernel, ball, along_surface=True)
    assert (surface.localization_error_mm >= shift - 1e-9).all()


def test_a_disconnected_node_is_blind(rng):
    matrix = rng.normal(size=(6, 5))
    matrix[:, 2] = 0.0
    blind = blind_spots(InverseProblem(matrix, np.zeros((6, 1))), 0.01, 1.0)
    assert blind[2] == 1.0
    assert (np.delete(blind, 2) < 0.05).all()


def test_blind_spots_are_the_posterior_over_the_prior_variance(ball):
    problem = outside_views(ball)
    kernel = np.asarray(problem.matrix)
    posterior = np.linalg.inv(kernel.T @ kernel / 0.02**2 + np.eye(162) / 0.7**2)
    np.testing.assert_allclose(
        blind_spots(problem, 0.02, 0.7), np.diag(posterior) / 0.7**2, rtol=1e-8
    )


def test_noise_through_a_reference_is_accounted_for(rng):
    matrix = rng.normal(size=(7, 4))
    problem = InverseProblem(matrix, np.zeros((7, 1)), reference=CommonAverage())
    # An unknown offset in all leads is noise of endless variance along the ones.
    noise = 0.3**2 * np.eye(7) + 1e8 * np.ones((7, 7))
    posterior = np.linalg.inv(matrix.T @ np.linalg.solve(noise, matrix) + np.eye(4))
    np.testing.assert_allclose(blind_spots(problem, 0.3, 1.0), np.diag(posterior), rtol=1e-4)


def test_blind_spots_do_not_depend_on_the_order_of_leads(ball, rng):
    problem = outside_views(ball)
    order = rng.permutation(problem.n_leads)
    other = InverseProblem(problem.operator, problem.body_potentials[order], leads=order)
    for regularizer in (None, Roughness()):
        np.testing.assert_allclose(
            blind_spots(other, 0.01, 1.0, regularizer=regularizer),
            blind_spots(problem, 0.01, 1.0, regularizer=regularizer),
            atol=1e-10,
        )


def test_more_leads_and_less_noise_leave_less_blind(ball):
    problem = outside_views(ball)
    base = blind_spots(problem, 0.05, 1.0)
    assert (blind_spots(problem.excluding(range(20)), 0.05, 1.0) >= base - 1e-12).all()
    assert (blind_spots(problem, 0.01, 1.0) <= base + 1e-12).all()
    assert ((base >= 0) & (base <= 1)).all()


def test_bad_input_is_named(ball):
    problem = outside_views(ball)
    with pytest.raises(InputError, match="method: found 0"):
        resolution_matrix(problem, 0.0)
    with pytest.raises(InputError, match="noise_sd: found -1"):
        blind_spots(problem, -1.0, 1.0)
    with pytest.raises(InputError, match=r"resolution: found shape .3, 3."):
        point_spread(np.eye(3), ball)
