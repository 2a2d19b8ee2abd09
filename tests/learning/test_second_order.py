import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from objectives import Curve, MatrixFit, NetworkFit, SplitNetworkFit, network

from cardiotwin.learning import (
    LBFGS,
    ConjugateGradient,
    DenseNormalEquations,
    LevenbergMarquardt,
    Problem,
    train,
)


def problem_of(objective, weights=None):
    weights = weights or {"data": jnp.asarray(1.0), "physics": jnp.asarray(0.3)}
    return Problem(objective.residuals, weights, getattr(objective, "split", None))


def normal_matrix(solver, problem, parameters, points):
    """Compile as a whole, as the training does: operation by operation takes far longer."""
    return jax.jit(lambda *at: solver.normal_matrix(problem, *at))(parameters, points)


@pytest.mark.parametrize(
    ("objective", "rows"),
    [
        (NetworkFit(), 4096),
        (SplitNetworkFit(), 14),
        (SplitNetworkFit(per_piece=2), 4096),
        (SplitNetworkFit(per_piece=24), 4096),
    ],
    ids=["whole", "points, last group filled up", "pairs", "one piece"],
)
def test_the_gauss_newton_matrix_is_the_product_of_the_explicit_jacobian(objective, rows):
    with jax.enable_x64(True):
        parameters, points = network(jax.random.key(1)), NetworkFit().draw(jax.random.key(2))
        problem = problem_of(objective)
        flat, unravel = ravel_pytree(parameters)

        def vector(w):
            return problem.vector(unravel(w), points)

        explicit, residual = jax.jit(jax.jacrev(vector))(flat), vector(flat)
        solver = DenseNormalEquations(rows_at_once=rows, columns_at_once=10)
        matrix, gradient, parts = normal_matrix(solver, problem, parameters, points)
        np.testing.assert_allclose(matrix, explicit.T @ explicit, atol=1e-13)
        np.testing.assert_allclose(gradient, explicit.T @ residual, atol=1e-13)
        for name, part in problem.parts(parameters, points).items():
            np.testing.assert_allclose(parts[name], part, rtol=1e-12)


def test_pieces_with_more_residuals_than_weights_use_forward_mode_and_agree():
    with jax.enable_x64(True):
        objective = SplitNetworkFit(n_points=120, per_piece=60)
        parameters, points = network(jax.random.key(1), width=3), objective.draw(jax.random.key(2))
        problem = problem_of(objective)
        whole = Problem(problem.residuals, problem.weights)
        assert ravel_pytree(parameters)[0].size < 2 * objective.per_piece
        by_seven = DenseNormalEquations(columns_at_once=7)
        pieces = normal_matrix(by_seven, problem, parameters, points)
        product = normal_matrix(DenseNormalEquations(), whole, parameters, points)
        np.testing.assert_allclose(pieces[0], product[0], atol=1e-13)


def test_conjugate_gradients_solve_the_same_system():
    with jax.enable_x64(True):
        parameters, points = network(jax.random.key(3)), NetworkFit().draw(jax.random.key(4))
        problem = problem_of(NetworkFit())
        n = ravel_pytree(parameters)[0].size
        exact = DenseNormalEquations().linearize(problem, parameters, points)
        loose = ConjugateGradient(steps=4 * n, tolerance=1e-12).linearize(
            problem, parameters, points
        )
        np.testing.assert_allclose(loose.solve(1e-3), exact.solve(1e-3), rtol=1e-6, atol=1e-8)


def test_linear_least_squares_take_one_step_without_damping():
    with jax.enable_x64(True):
        start = {"w": jnp.zeros((8, 6))}
        objective = MatrixFit(spread=1.0)
        undamped = LevenbergMarquardt(initial_damping=1e-12)
        found = train(objective, start, undamped, steps=1, seed=0, quiet=True)
        np.testing.assert_allclose(found.parameters["w"], objective.target, atol=1e-7)
        assert found.history["gain_ratio"][0] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("method", [LevenbergMarquardt(), LevenbergMarquardt(ConjugateGradient())])
def test_a_curve_is_fitted_to_machine_precision(method):
    with jax.enable_x64(True):
        start = jnp.array([1.0, 0.3, 2.5])
        found = train(Curve(), start, method, steps=25, seed=0, quiet=True)
    np.testing.assert_allclose(found.parameters, [2.0, 0.7, 3.0], rtol=1e-12)
    assert found.history["total"][-1] < 1e-26


def test_no_step_of_a_full_batch_raises_the_loss():
    objective = MatrixFit()
    start = {"w": jnp.zeros((8, 6))}
    for method in (LevenbergMarquardt(), LevenbergMarquardt(ConjugateGradient(5)), LBFGS()):
        total = train(objective, start, method, steps=20, seed=0, quiet=True).history["total"]
        assert np.all(np.diff(total) <= 1e-6 * total[:-1])
        assert total[-1] < 0.1 * total[0]


def test_a_refused_step_leaves_the_weights_and_raises_the_damping():
    class Valley:
        """The Gauss–Newton step from 3 overshoots: arctan is nearly flat there."""

        def draw(self, key):
            return None

        def residuals(self, parameters, batch):
            return {"data": jnp.arctan(parameters)}

    impatient = LevenbergMarquardt(initial_damping=1e-6, tries=1)
    found = train(Valley(), jnp.array([3.0]), impatient, steps=2, seed=0, quiet=True)
    assert found.parameters[0] == 3.0
    np.testing.assert_allclose(found.history["damping"], [1e-6, 2e-6], rtol=1e-5)
    patient = LevenbergMarquardt(initial_damping=1e-6, tries=10)
    found = train(Valley(), jnp.array([3.0]), patient, steps=15, seed=0, quiet=True)
    assert abs(found.parameters[0]) < 1e-5


def test_lbfgs_solves_a_convex_problem_of_n_weights_in_few_times_n_steps():
    with jax.enable_x64(True):
        start = {"w": jnp.zeros((8, 6))}
        found = train(MatrixFit(spread=0.5), start, LBFGS(memory=20), steps=100, seed=0, quiet=True)
    assert found.history["total"][-1] < 1e-12 * found.history["total"][0]
    assert found.history["step_size"][-1] > 0


def test_lbfgs_keeps_its_batch():
    seen = train(NetworkFit(), network(jax.random.key(0)), LBFGS(), steps=12, seed=5, quiet=True)
    assert np.all(np.diff(seen.history["total"]) <= 0)


def test_levenberg_marquardt_is_invariant_to_the_scale_of_the_loss():
    with jax.enable_x64(True):
        start = jnp.array([1.0, 0.3, 2.5])
        method = LevenbergMarquardt()
        one, many = (
            train(Curve(), start, method, steps=6, seed=0, weights={"data": w}, quiet=True)
            for w in (1.0, 1e4)
        )
    np.testing.assert_allclose(one.parameters, many.parameters, rtol=1e-8)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: LevenbergMarquardt(initial_damping=-1.0),
        lambda: LevenbergMarquardt(tries=0),
        lambda: ConjugateGradient(steps=0),
        lambda: DenseNormalEquations(rows_at_once=0),
        lambda: LBFGS(memory=0),
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="found"):
        wrong()
