import numpy as np
import pytest
from linear_problems import smoothing_problem

from cardiotwin import InputError
from cardiotwin.ecgi import (
    CommonAverage,
    Fixed,
    GivenRegularizer,
    Gradient,
    InverseProblem,
    LeaveOneLeadOut,
    Magnitude,
    MeanOfLeads,
    PenaltyFactors,
    Roughness,
    StandardForm,
    Tikhonov,
    cross_validate_leads,
    reconstruct,
    tikhonov_path,
)
from cardiotwin.geometry import CotangentLaplacian

REGULARIZERS = [Magnitude(), Gradient(), Roughness(), Roughness(CotangentLaplacian())]


def direct(problem, gamma, lam):
    stacked = np.vstack([problem.matrix, lam * gamma])
    right = np.vstack([problem.data, np.zeros((len(gamma), problem.n_times))])
    return np.linalg.lstsq(stacked, right, rcond=None)[0]


@pytest.mark.parametrize("regularizer", REGULARIZERS)
@pytest.mark.parametrize("n_leads", [30, 60])
def test_equals_augmented_least_squares(rng, regularizer, n_leads):
    problem, _, heart = smoothing_problem(rng, n_leads=n_leads)
    gamma = regularizer.matrix(heart, 42)
    lam = 0.05 / np.linalg.norm(gamma, 2)
    found = reconstruct(problem, Tikhonov(regularizer=regularizer, rule=Fixed(lam)))
    expected = direct(problem, gamma, lam)
    assert np.abs(found.heart_potentials - expected).max() < 1e-8 * np.abs(expected).max()


def test_orders_name_the_regularizers(rng):
    problem, _, _ = smoothing_problem(rng)
    for order, regularizer in enumerate(REGULARIZERS[:3]):
        one = reconstruct(problem, Tikhonov(order=order, rule=Fixed(0.1)))
        other = reconstruct(problem, Tikhonov(regularizer=regularizer, rule=Fixed(0.1)))
        assert np.array_equal(one.heart_potentials, other.heart_potentials)


def test_one_lambda_an_instant_equals_separate_solves(rng):
    problem, _, heart = smoothing_problem(rng, n_times=3)
    lams = [0.01, 0.1, 1.0]
    found = reconstruct(problem, Tikhonov(order=2, rule=Fixed(lams))).heart_potentials
    gamma = Roughness().matrix(heart, 42)
    for t, lam in enumerate(lams):
        assert np.allclose(found[:, t], direct(problem, gamma, lam)[:, t], atol=1e-8)


def test_no_regularization_is_the_smoothest_exact_fit(rng):
    problem, _, heart = smoothing_problem(rng, n_leads=12)
    gamma = Roughness().matrix(heart, 42)
    found = reconstruct(problem, Tikhonov(order=2, rule=Fixed(1e-9))).heart_potentials
    # min ‖Γu‖ subject to Ru = y, by its Lagrange system.
    zeros = np.zeros((12, 12))
    system = np.block([[gamma.T @ gamma, problem.matrix.T], [problem.matrix, zeros]])
    right = np.vstack([np.zeros((42, problem.n_times)), problem.data])
    expected = np.linalg.solve(system, right)[:42]
    assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)


@pytest.mark.parametrize("order", [1, 2])
def test_full_regularization_leaves_the_best_constant(rng, order):
    problem, _, _ = smoothing_problem(rng)
    found = reconstruct(problem, Tikhonov(order=order, rule=Fixed(1e7))).heart_potentials
    image = problem.matrix @ np.ones(42)
    constant = image @ problem.data / (image @ image)
    assert np.allclose(found, np.tile(constant, (42, 1)), atol=1e-6)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_common_average_solutions_have_no_mean(rng, order):
    problem, _, _ = smoothing_problem(rng, reference=CommonAverage())
    result = reconstruct(problem, Tikhonov(order=order, rule=Fixed(0.01)))
    assert np.abs(result.heart_potentials.mean(axis=0)).max() < 1e-10
    hidden = result.diagnostics["directions_neither_seen_nor_punished"]
    assert hidden == (0 if order == 0 else 1)


def test_rows_that_sum_to_one_only_roughly_do_not_blow_up_the_constant(rng):
    problem, truth, _ = smoothing_problem(rng, reference=CommonAverage(), noise=0.0)
    rounded = problem.lead_matrix.astype(np.float32).astype(float)
    again = InverseProblem(rounded, problem.body_potentials, reference=CommonAverage())
    gamma = GivenRegularizer(Roughness().matrix(problem.heart, 42))
    found = reconstruct(again, Tikhonov(regularizer=gamma, rule=Fixed(0.01))).heart_potentials
    assert np.abs(found).max() < 3 * np.abs(truth).max()


def test_prepared_method_serves_other_data(rng):
    problem, _, _ = smoothing_problem(rng)
    other = problem.with_data(rng.standard_normal((30, 5)))
    method = Tikhonov(order=2, rule=Fixed(0.1))
    prepared = method.prepare(problem)
    assert np.array_equal(
        reconstruct(other, prepared).heart_potentials, reconstruct(other, method).heart_potentials
    )
    with pytest.raises(InputError, match="another operator"):
        reconstruct(problem.excluding([0]), prepared)


def test_null_space_of_a_rectangular_penalty_stored_in_single_precision(rng):
    _, _, heart = smoothing_problem(rng)
    gamma = Gradient().matrix(heart, 42).astype(np.float32).astype(float)
    factors = PenaltyFactors.of(gamma)
    assert factors.null_space.shape == (42, 1)
    assert np.ptp(factors.null_space) < 1e-5
    shown = gamma @ factors.inverse
    assert np.allclose(shown.T @ shown, np.eye(41), atol=1e-8)


def test_standard_form_decomposes_the_operator(rng):
    problem, _, heart = smoothing_problem(rng)
    gamma = Roughness().matrix(heart, 42)
    form = StandardForm.of(problem.matrix, gamma)
    assert np.allclose(problem.matrix @ form.basis, form.left * form.values, atol=1e-10)
    shown = gamma @ form.basis
    assert np.allclose(shown.T @ shown, np.eye(len(form.values)), atol=1e-8)
    assert np.allclose(problem.matrix @ form.null_basis, form.null_left)


def test_posterior_covers_truth_drawn_from_the_prior(rng):
    heart_problem, _, heart = smoothing_problem(rng, n_leads=30)
    gamma = Roughness().matrix(heart, 42)
    right, sizes = np.linalg.svd(gamma)[2], np.linalg.svd(gamma)[1]
    n_times, noise, spread = 400, 0.02, 0.004
    draws = rng.standard_normal((41, n_times)) * spread / sizes[:41, None]
    truth = right[:41].T @ draws + rng.standard_normal(n_times)
    data = heart_problem.matrix @ truth + noise * rng.standard_normal((30, n_times))
    problem = InverseProblem(heart_problem.operator, data)
    result = reconstruct(problem, Tikhonov(order=2, rule=Fixed(noise / spread)))
    assert result.uncertainty is not None
    sd = result.uncertainty.standard_deviation
    inside = np.abs(result.heart_potentials - truth) < 1.645 * sd
    assert inside.mean() == pytest.approx(0.90, abs=0.02)
    # And the noise that it is built on is the noise that was put in.
    residual = problem.data - problem.matrix @ result.heart_potentials
    freedom = 30 - result.diagnostics["effective_rank"]
    assert np.mean(residual**2) * 30 / freedom == pytest.approx(noise**2, rel=0.05)


def test_posterior_equals_the_dense_inverse(rng):
    problem, _, heart = smoothing_problem(rng, n_times=1)
    gamma, lam = Roughness().matrix(heart, 42), 0.3
    result = reconstruct(problem, Tikhonov(order=2, rule=Fixed(lam)))
    precision = problem.matrix.T @ problem.matrix + lam**2 * gamma.T @ gamma
    cover = np.linalg.inv(precision)
    influence = problem.matrix @ cover @ problem.matrix.T
    residual = np.sum((problem.data - problem.matrix @ result.heart_potentials) ** 2)
    variance = np.diag(cover) * residual / (30 - np.trace(influence))
    assert result.uncertainty is not None
    found = result.uncertainty.standard_deviation[:, 0]
    assert np.allclose(found, np.sqrt(variance), rtol=1e-7)


def test_interval_ends_are_summarized(rng):
    problem, _, _ = smoothing_problem(rng)
    result = reconstruct(problem, Tikhonov())
    assert result.parameter is not None
    low, high = result.parameter.interval
    assert low <= result.parameter.value[0] <= high
    end = reconstruct(problem, Tikhonov(rule=Fixed(high))).heart_potentials
    change = np.linalg.norm(end - result.heart_potentials) / np.linalg.norm(result.heart_potentials)
    assert result.diagnostics["high_parameter_change"] == pytest.approx(change)


@pytest.mark.parametrize(
    "reference", [None, CommonAverage(), MeanOfLeads([4])], ids=["recorded", "average", "lead"]
)
def test_left_out_leads_by_formula_equal_solving_again(rng, reference):
    problem, _, _ = smoothing_problem(rng, n_leads=14, reference=reference)
    method = Tikhonov(order=1, rule=Fixed(0.05))
    fast = cross_validate_leads(problem, method)

    class Plain:
        def solve(self, inner):
            return method.solve(inner)

    slow = cross_validate_leads(problem, Plain())
    assert np.allclose(fast.predicted, slow.predicted, atol=1e-7)
    assert np.allclose(fast.measured, slow.measured)


def test_left_out_path_errors_equal_solving_again(rng):
    problem, _, heart = smoothing_problem(rng, n_leads=14, reference=CommonAverage())
    form = StandardForm.of(problem.matrix, Roughness().matrix(heart, 42))
    lams = [0.03, 0.3, 3.0]
    path = tikhonov_path(form, problem, parameters=lams)
    for lam, error, by_time in zip(
        lams, path.left_out_errors(False), path.left_out_errors(True), strict=True
    ):
        left_out = cross_validate_leads(problem, Tikhonov(order=2, rule=Fixed([lam] * 12)))
        expected = (left_out.predicted - left_out.measured) ** 2
        assert error[0] == pytest.approx(expected.sum(), rel=1e-6)
        assert np.allclose(by_time, expected.sum(axis=0), rtol=1e-6)


def test_nested_choice_never_sees_the_lead(rng):
    problem, _, _ = smoothing_problem(rng, n_leads=10)
    method = Tikhonov(rule=LeaveOneLeadOut(), n_candidates=40)
    before = cross_validate_leads(problem, method)
    spoiled = problem.body_potentials.copy()
    spoiled[3] += 50.0
    after = cross_validate_leads(problem.with_data(spoiled), method)
    assert np.allclose(before.predicted[3], after.predicted[3])
    assert before.parameters[3] == after.parameters[3]
    assert not np.allclose(before.predicted[4], after.predicted[4])


def test_zero_data_give_zero_potentials(rng):
    problem, _, _ = smoothing_problem(rng)
    result = reconstruct(problem.with_data(np.zeros((30, 4))), Tikhonov(order=2))
    assert np.all(result.heart_potentials == 0)


def test_bad_settings_say_what_is_wrong(rng):
    problem, _, _ = smoothing_problem(rng)
    bare = InverseProblem(problem.matrix, problem.data)
    with pytest.raises(InputError, match=r"without a heart surface.*heart=surface"):
        reconstruct(bare, Tikhonov(order=2))
    with pytest.raises(InputError, match="order: found 3"):
        Tikhonov(order=3)
    with pytest.raises(InputError, match="a zero matrix"):
        reconstruct(problem, Tikhonov(regularizer=GivenRegularizer(np.zeros((2, 42)))))
    with pytest.raises(InputError, match="gamma"):
        reconstruct(problem, Tikhonov(regularizer=GivenRegularizer(np.eye(3))))
    with pytest.raises(InputError, match=r"5 values.*1 or 12"):
        reconstruct(problem, Tikhonov(rule=Fixed([0.1] * 5)))


@pytest.fixture(scope="module")
def subject(shared_data):
    from cardiotwin.ecgi import ObservationOperator, Source
    from cardiotwin.geometry import Surface

    arrays = np.load(shared_data("ecgi_human_bspm_subject1") / "subject1.npz")
    heart = Surface(arrays["heart_vertices_mm"], arrays["heart_faces"])
    operator = ObservationOperator(arrays["forward_matrix"], Source.EPICARDIAL, heart)
    gamma = GivenRegularizer(arrays["volume_gradient_operator"])
    return InverseProblem(operator, arrays["bspm_qrs"]), gamma


def test_patient_fixed_lambda_gives_the_known_left_out_score(subject):
    problem, _ = subject
    largest = np.linalg.norm(problem.matrix, 2)
    for share, correlation, error in ((0.005, 0.984, 0.164), (0.018, 0.977, 0.198)):
        score = cross_validate_leads(problem, Tikhonov(rule=Fixed(share * largest)))
        assert score.correlation == pytest.approx(correlation, abs=0.0015)
        assert score.relative_error == pytest.approx(error, abs=0.0015)


@pytest.mark.parametrize(
    "which",
    ["magnitude", *(pytest.param(n, marks=pytest.mark.slow) for n in ("roughness", "volume"))],
)
def test_patient_nested_left_out_score(subject, which):
    problem, volume = subject
    gamma = {"magnitude": Magnitude(), "roughness": Roughness(), "volume": volume}[which]
    rule = LeaveOneLeadOut()
    method = Tikhonov(regularizer=gamma, rule=rule, uncertainty=False, n_candidates=40)
    score = cross_validate_leads(problem, method)
    assert score.correlation >= 0.982
    assert score.relative_error <= 0.175
