import numpy as np
import pytest
from linear_problems import smoothing_problem

from cardiotwin import InputError
from cardiotwin.ecgi import (
    CRESO,
    GCV,
    GMRES,
    CheckedGCV,
    CommonAverage,
    ConjugateGradient,
    Discrepancy,
    Fixed,
    InverseProblem,
    LeaveOneLeadOut,
    Oracle,
    Roughness,
    Tikhonov,
    TruncatedSVD,
    cross_validate_leads,
    reconstruct,
)
from cardiotwin.ecgi._iterative import conjugate_gradients, minimal_residuals


def well_posed(rng, n_leads=20, n_nodes=12, n_times=4):
    matrix = rng.standard_normal((n_leads, n_nodes))
    return InverseProblem(matrix, rng.standard_normal((n_leads, n_times)))


def test_truncation_is_the_textbook_formula(rng):
    problem = well_posed(rng)
    left, values, right = np.linalg.svd(problem.matrix, full_matrices=False)
    found = reconstruct(problem, TruncatedSVD(rule=Fixed(5))).heart_potentials
    expected = right[:5].T @ ((left[:, :5].T @ problem.data) / values[:5, None])
    assert np.allclose(found, expected)


def test_full_rank_is_unregularized_tikhonov(rng):
    problem, _, _ = smoothing_problem(rng, n_leads=8)
    full = reconstruct(problem, TruncatedSVD(order=2, rule=Fixed(7))).heart_potentials
    limit = reconstruct(problem, Tikhonov(order=2, rule=Fixed(1e-9))).heart_potentials
    assert np.linalg.norm(full - limit) < 1e-5 * np.linalg.norm(limit)


def test_one_rank_an_instant(rng):
    problem = well_posed(rng, n_times=3)
    ranks = [2, 7, 12]
    found = reconstruct(problem, TruncatedSVD(rule=Fixed(ranks))).heart_potentials
    for t, rank in enumerate(ranks):
        one = reconstruct(problem, TruncatedSVD(rule=Fixed(rank))).heart_potentials
        assert np.allclose(found[:, t], one[:, t])


def test_truncation_left_out_errors_are_exact(rng):
    problem = well_posed(rng, n_leads=9, n_nodes=4)
    result = reconstruct(problem, TruncatedSVD(rule=LeaveOneLeadOut()))
    assert result.parameter is not None
    # With all directions kept it is ordinary least squares, whose left-out error is PRESS.
    hat = problem.matrix @ np.linalg.pinv(problem.matrix)
    residual = problem.data - hat @ problem.data
    press = np.sum((residual / (1 - np.diag(hat))[:, None]) ** 2)
    assert result.parameter.criterion[-1] == pytest.approx(press)


@pytest.mark.parametrize("iterate", [conjugate_gradients, minimal_residuals])
def test_iterations_converge_to_least_squares(rng, iterate):
    problem = well_posed(rng)
    steps = iterate(problem.matrix, problem.data, 40)
    expected = np.linalg.lstsq(problem.matrix, problem.data, rcond=None)[0]
    assert np.allclose(steps[-1], expected, atol=1e-8)
    assert len(steps) <= 40


def test_conjugate_gradients_minimize_the_residual_in_their_krylov_space(rng):
    problem = well_posed(rng, n_times=2)
    steps = conjugate_gradients(problem.matrix, problem.data, 4)
    normal = problem.matrix.T @ problem.matrix
    for t in range(2):
        vector = problem.matrix.T @ problem.data[:, t]
        space = []
        for k in range(4):
            space.append(vector / np.linalg.norm(vector))
            vector = normal @ vector
            basis = np.linalg.qr(np.stack(space, axis=1))[0]
            image = problem.matrix @ basis
            best = basis @ np.linalg.lstsq(image, problem.data[:, t], rcond=None)[0]
            assert np.allclose(steps[k][:, t], best, atol=1e-9)
            # GMRES minimizes the normal residual in the same space.
            image = normal @ basis
            right = problem.matrix.T @ problem.data[:, t]
            best = basis @ np.linalg.lstsq(image, right, rcond=None)[0]
            other = minimal_residuals(problem.matrix, problem.data, 4)[k][:, t]
            assert np.allclose(other, best, atol=1e-9)


def test_residuals_fall_and_solutions_grow(rng):
    problem, _, _ = smoothing_problem(rng)
    steps = conjugate_gradients(problem.matrix, problem.data, 12)
    residual = [np.linalg.norm(problem.data - problem.matrix @ x, axis=0) for x in steps]
    assert (np.diff(residual, axis=0) <= 1e-12).all()
    assert (np.diff(np.linalg.norm(steps, axis=1), axis=0) >= -1e-12).all()
    gradients = [
        np.linalg.norm(problem.matrix.T @ (problem.data - problem.matrix @ x), axis=0)
        for x in minimal_residuals(problem.matrix, problem.data, 12)
    ]
    assert (np.diff(gradients, axis=0) <= 1e-10).all()


@pytest.mark.parametrize("method", [ConjugateGradient, GMRES])
def test_instants_do_not_disturb_each_other(rng, method):
    problem = well_posed(rng)
    both = reconstruct(problem, method(rule=Fixed(3))).heart_potentials
    alone = problem.with_data(problem.body_potentials[:, [1]])
    one = reconstruct(alone, method(rule=Fixed(3))).heart_potentials
    assert np.allclose(both[:, [1]], one)


@pytest.mark.parametrize("method", [ConjugateGradient, GMRES])
@pytest.mark.parametrize("order", [0, 2])
def test_preconditioned_iterations_reach_the_smoothest_fit(rng, method, order):
    problem, _, _ = smoothing_problem(rng, n_leads=6)
    problem = problem.excluding([])
    found = reconstruct(problem, method(order=order, rule=Fixed(5))).heart_potentials
    full = reconstruct(problem, TruncatedSVD(order=order, rule=Fixed(5))).heart_potentials
    if order == 2:
        assert np.linalg.norm(found - full) < 1e-4 * np.linalg.norm(full)
    misfit = np.linalg.norm(problem.data - problem.matrix @ found)
    assert misfit < 0.02 * np.linalg.norm(problem.data)


@pytest.mark.parametrize("method", [TruncatedSVD, ConjugateGradient, GMRES])
def test_common_average_solutions_have_no_mean(rng, method):
    problem, _, _ = smoothing_problem(rng, reference=CommonAverage())
    for order in (0, 2):
        found = reconstruct(problem, method(order=order)).heart_potentials
        assert np.abs(found.mean(axis=0)).max() < 1e-9


@pytest.mark.parametrize("method", [TruncatedSVD, ConjugateGradient, GMRES])
@pytest.mark.parametrize("order", [0, 2])
def test_default_rule_is_near_the_oracle(method, order):
    ratios = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        problem, truth, _ = smoothing_problem(rng, n_leads=80, n_times=60)
        found = reconstruct(problem, method(order=order)).heart_potentials
        best = reconstruct(problem, method(order=order, rule=Oracle(truth))).heart_potentials
        ratios.append(np.linalg.norm(found - truth) / np.linalg.norm(best - truth))
    assert np.mean(ratios) < 1.25


@pytest.mark.parametrize("method", [TruncatedSVD, ConjugateGradient, GMRES])
@pytest.mark.parametrize("per_instant", [False, True])
def test_discrepancy_stops_at_the_first_that_is_under_the_noise(rng, method, per_instant):
    problem, _, _ = smoothing_problem(rng, noise=0.05, n_leads=60)
    rule = Discrepancy(0.05, safety=1.1, per_instant=per_instant)
    result = reconstruct(problem, method(rule=rule))
    assert result.parameter is not None
    misfit = problem.data - problem.matrix @ result.heart_potentials
    bound = (1.1 * 0.05) ** 2 * 60
    assert np.sum(misfit**2) <= bound * 12
    fewer = result.parameter.value - 1
    if not per_instant and fewer[0] >= 1:
        before = reconstruct(problem, method(rule=Fixed(fewer[0]))).heart_potentials
        assert np.sum((problem.data - problem.matrix @ before) ** 2) > bound * 12


def test_any_method_can_be_cross_validated(rng):
    problem, _, _ = smoothing_problem(rng, n_leads=20)
    score = cross_validate_leads(problem, ConjugateGradient(order=2, rule=GCV()))
    assert score.correlation > 0.9
    assert (score.parameters >= 1).all()


def test_zero_data_give_zero_potentials(rng):
    problem, _, _ = smoothing_problem(rng)
    silent = problem.with_data(np.zeros((30, 3)))
    for method in (TruncatedSVD(), ConjugateGradient(), GMRES()):
        assert np.all(reconstruct(silent, method).heart_potentials == 0)


def test_bad_settings_say_what_is_wrong(rng):
    problem = well_posed(rng)
    with pytest.raises(InputError, match=r"CRESO for a parameter called rank.*Tikhonov"):
        reconstruct(problem, TruncatedSVD(rule=CRESO()))
    with pytest.raises(InputError, match="to the rank 12"):
        reconstruct(problem, TruncatedSVD(rule=Fixed(13)))
    with pytest.raises(InputError, match="whole numbers"):
        reconstruct(problem, TruncatedSVD(rule=Fixed(2.5)))
    with pytest.raises(InputError, match="Raise max_iterations"):
        reconstruct(problem, ConjugateGradient(max_iterations=3, rule=Fixed(5)))
    with pytest.raises(InputError, match="LeaveOneLeadOut for an iterative method"):
        reconstruct(problem, GMRES(rule=LeaveOneLeadOut()))
    with pytest.raises(InputError, match="max_iterations"):
        ConjugateGradient(max_iterations=0)
    with pytest.raises(InputError, match="order"):
        GMRES(order=5)
    assert isinstance(TruncatedSVD().rule, CheckedGCV)
    assert Roughness().laplacian.name == "eq15"
