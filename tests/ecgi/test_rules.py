import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from linear_problems import smoothing_problem

from cardiotwin import InputError
from cardiotwin.ecgi import (
    CRESO,
    GCV,
    AsTikhonov,
    CheckedGCV,
    CommonAverage,
    Consensus,
    Discrepancy,
    Fixed,
    Gradient,
    InverseProblem,
    LCurve,
    LeaveOneLeadOut,
    Magnitude,
    ObservationOperator,
    Oracle,
    QuasiOptimality,
    RobustGCV,
    Roughness,
    Source,
    StandardForm,
    Tikhonov,
    UCurve,
    reconstruct,
    tikhonov_path,
)
from cardiotwin.ecgi.zoo import paper_like
from cardiotwin.geometry import Surface

AUTOMATIC = [CRESO, LCurve, UCurve, GCV, RobustGCV, QuasiOptimality, LeaveOneLeadOut, CheckedGCV]
REFERENCES = [None, CommonAverage()]


def make_path(rng, regularizer=None, n_candidates=150, **kwargs):
    problem, truth, heart = smoothing_problem(rng, **kwargs)
    gamma = (regularizer or Roughness()).matrix(heart, 42)
    form = StandardForm.of(problem.matrix, gamma)
    return tikhonov_path(form, problem, n_candidates=n_candidates), problem, truth, gamma


def brute(problem, gamma, lam):
    """Solution and influence matrix of the referenced problem, by dense inversion."""
    n = gamma.shape[1]
    normal = problem.matrix.T @ problem.matrix + lam**2 * gamma.T @ gamma
    # The constant may be invisible to both; then the mean of the solution is zero.
    normal = normal + np.ones((n, n)) * (np.abs(normal @ np.ones(n)).max() < 1e-12)
    inverse = np.linalg.inv(normal) @ problem.matrix.T
    return inverse @ problem.data, problem.matrix @ inverse


@pytest.mark.parametrize("reference", REFERENCES, ids=["recorded", "average"])
@pytest.mark.parametrize("regularizer", [Magnitude(), Gradient(), Roughness()])
def test_path_equals_direct_computation(rng, regularizer, reference):
    path, problem, truth, gamma = make_path(rng, regularizer, reference=reference)
    by_time, beat = path.norms(True), path.norms(False)
    errors = path.errors(truth, remove_mean=False, per_instant=True)
    centered = path.errors(truth, remove_mean=True, per_instant=False)
    for k in (70, 100, 130):
        solution, influence = brute(problem, gamma, path.parameters[k])
        residual = ((problem.data - problem.matrix @ solution) ** 2).sum(axis=0)
        seminorm = ((gamma @ solution) ** 2).sum(axis=0)
        assert np.allclose(by_time.residual[k], residual, rtol=1e-6)
        assert np.allclose(by_time.seminorm[k], seminorm, rtol=1e-6)
        assert beat.residual[k, 0] == pytest.approx(residual.sum(), rel=1e-6)
        assert beat.trace[k, 0] == pytest.approx(np.trace(influence), rel=1e-6)
        assert beat.trace_of_square[k, 0] == pytest.approx(np.sum(influence**2), rel=1e-6)
        assert np.allclose(errors[k], ((solution - truth) ** 2).sum(axis=0), rtol=1e-6)
        difference = solution - truth
        difference = difference - difference.mean(axis=0)
        assert centered[k, 0] == pytest.approx(np.sum(difference**2), rel=1e-6)
    assert path.n_data == (30 if reference is None else 29)


def test_slope_and_step_are_derivatives(rng):
    path, _, _, _ = make_path(rng, n_candidates=2000)
    norms = path.norms(True)
    assert norms.slope is not None
    difference = np.gradient(norms.seminorm, path.parameters**2, axis=0)
    middle = slice(400, 1900)
    assert np.allclose(difference[middle], norms.slope[middle], rtol=1e-2)
    residual = np.gradient(norms.residual, path.parameters**2, axis=0)
    expected = -(path.parameters[:, None] ** 2) * norms.slope
    assert np.allclose(residual[middle], expected[middle], rtol=1e-2)


@given(seed=st.integers(0, 10_000))
def test_residual_grows_and_seminorm_falls_with_lambda(seed):
    rng = np.random.default_rng(seed)
    form = StandardForm.of(rng.standard_normal((6, 8)), np.diff(np.eye(8), axis=0))
    problem = InverseProblem(rng.standard_normal((6, 8)), rng.standard_normal((6, 2)))
    norms = tikhonov_path(form, problem, n_candidates=30).norms(True)
    assert (np.diff(norms.residual, axis=0) >= -1e-12 * norms.data).all()
    assert (np.diff(norms.seminorm, axis=0) <= 1e-12 * norms.seminorm[0]).all()
    assert (np.diff(norms.trace, axis=0) <= 1e-12).all()


def test_gcv_equals_its_definition(rng):
    path, problem, _, gamma = make_path(rng, reference=CommonAverage())
    choice = GCV().choose(path)
    robust = RobustGCV(gamma=0.3).choose(path)
    for k in (90, 110):
        solution, influence = brute(problem, gamma, path.parameters[k])
        residual = np.sum((problem.data - problem.matrix @ solution) ** 2)
        value = residual / 29 / (1 - np.trace(influence) / 29) ** 2
        assert choice.criterion[k] == pytest.approx(value, rel=1e-6)
        weight = 0.3 + 0.7 * np.trace(influence @ influence) / 29
        assert robust.criterion[k] == pytest.approx(weight * value, rel=1e-6)
    assert choice.value[0] == path.parameters[choice.criterion.argmin()]


def test_l_curve_curvature_is_that_of_the_curve(rng):
    path, _, _, _ = make_path(rng, n_candidates=3000, n_times=1)
    norms = path.norms(False)
    x, y = 0.5 * np.log(norms.residual[:, 0]), 0.5 * np.log(norms.seminorm[:, 0])
    dx, dy = np.gradient(x), np.gradient(y)
    curvature = (dx * np.gradient(dy) - dy * np.gradient(dx)) / (dx**2 + dy**2) ** 1.5
    criterion = LCurve().choose(path).criterion
    middle = (criterion < 0) & (np.abs(curvature) > 0.05)
    assert middle.sum() > 100
    assert np.allclose(-criterion[middle], curvature[middle], rtol=0.05)


def test_l_curve_takes_the_smoothest_real_corner(rng):
    # White noise at 1e-2 and a model error that is fitted only at tiny λ make two corners.
    form = StandardForm.of(np.diag(10.0 ** -np.arange(0.0, 8.0)), np.eye(8))
    signal = form.left.T @ np.zeros(8)
    signal[:2] = [1.0, 0.1]
    signal[2:] = [2e-3, 2e-3, 2e-3, 1e-6, 1e-6, 1e-6]
    problem = InverseProblem(np.diag(10.0 ** -np.arange(0.0, 8.0)), signal[:, None])
    path = tikhonov_path(form, problem)
    smooth = LCurve(significant=0.2).choose(path).value[0]
    sharp = LCurve(significant=1.0).choose(path).value[0]
    assert smooth >= sharp
    assert 1e-3 < smooth < 1e-1


def test_creso_is_its_definition(rng):
    path, _, _, _ = make_path(rng, n_candidates=2000)
    norms = path.norms(False)
    squares = path.parameters**2
    composite = np.gradient(squares * norms.seminorm[:, 0] - norms.residual[:, 0], squares)
    choice = CRESO().choose(path)
    middle = slice(300, 1900)
    assert np.allclose(-choice.criterion[middle], composite[middle], rtol=0.02, atol=1e-3)
    k = int(np.searchsorted(path.parameters, choice.value[0]))
    assert choice.criterion[k] < min(choice.criterion[k - 1], choice.criterion[k + 1])


@pytest.mark.parametrize("per_instant", [False, True])
@pytest.mark.parametrize("reference", REFERENCES, ids=["recorded", "average"])
def test_discrepancy_reaches_the_noise(rng, per_instant, reference):
    _, problem, _, _ = make_path(rng, reference=reference, noise=0.05)
    rule = Discrepancy(0.05, per_instant=per_instant)
    result = reconstruct(problem, Tikhonov(order=2, rule=rule))
    residual = ((problem.data - problem.matrix @ result.heart_potentials) ** 2).sum(axis=0)
    n_data = 30 if reference is None else 29
    if per_instant:
        reached = residual > 0.999 * 0.05**2 * n_data
        assert reached.any()
        assert np.allclose(residual[reached], 0.05**2 * n_data, rtol=2e-3)
    else:
        assert residual.sum() == pytest.approx(0.05**2 * n_data * 12, rel=2e-3)


def test_oracle_is_the_best_candidate_and_says_that_it_cheats(rng):
    path, problem, truth, _ = make_path(rng)
    result = reconstruct(problem, Tikhonov(order=2, rule=Oracle(truth)))
    best = np.sum((result.heart_potentials - truth) ** 2)
    for lam in path.parameters[::10]:
        other = reconstruct(problem, Tikhonov(order=2, rule=Fixed(lam), uncertainty=False))
        assert best <= np.sum((other.heart_potentials - truth) ** 2) * (1 + 1e-9)
    assert "knows the truth" in repr(result)
    assert "for studies only" in result.status


@pytest.mark.parametrize("rule", AUTOMATIC)
def test_one_instant_is_a_beat(rng, rule):
    path, _, _, _ = make_path(rng, n_times=1)
    assert rule().choose(path).value == pytest.approx(rule(per_instant=True).choose(path).value)


@pytest.mark.parametrize("rule", AUTOMATIC)
def test_each_instant_is_chosen_by_itself(rng, rule):
    path, problem, _, _ = make_path(rng, n_times=3)
    together = rule(per_instant=True).choose(path).value
    if rule is CheckedGCV:
        return  # its check belongs to the beat
    for t in range(3):
        alone = tikhonov_path(path.form, problem.with_data(problem.body_potentials[:, [t]]))
        assert rule().choose(alone).value[0] == together[t]


@pytest.mark.parametrize("rule", [*AUTOMATIC, Consensus])
def test_choice_does_not_depend_on_the_unit_of_the_potentials(rng, rule):
    path, problem, _, _ = make_path(rng)
    volts = tikhonov_path(path.form, problem.with_data(1e-6 * problem.body_potentials))
    assert np.allclose(rule().choose(path).value, rule().choose(volts).value)


@pytest.mark.parametrize("rule", [r for r in [*AUTOMATIC, AsTikhonov] if r is not UCurve])
def test_lambda_follows_the_scale_of_the_operator(rng, rule):
    path, problem, _, gamma = make_path(rng)
    scaled = InverseProblem(50.0 * problem.matrix, problem.data)
    other = tikhonov_path(StandardForm.of(scaled.matrix, gamma), scaled)
    found, expected = rule().choose(other).value, 50.0 * rule().choose(path).value
    assert np.allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("rule", [*AUTOMATIC, Consensus, AsTikhonov])
def test_interval_holds_the_choice(rng, rule):
    path, _, _, _ = make_path(rng)
    choice = rule().choose(path)
    assert choice.interval[0] <= choice.value[0] * (1 + 1e-12)
    assert choice.value[0] <= choice.interval[1] * (1 + 1e-12)
    assert np.isfinite(choice.criterion).all()
    assert len(choice.criterion) == len(choice.candidates)


@pytest.fixture(
    scope="module",
    params=[(300, 150, 221), pytest.param((1094, 352, 661), marks=pytest.mark.slow)],
    ids=["small", "full"],
)
def beat(request):
    return paper_like(
        **dict(zip(("heart_nodes", "torso_nodes", "n_times"), request.param, strict=True))
    )


@pytest.mark.parametrize("order", [0, 1, 2])
def test_default_rule_is_near_the_oracle_on_white_noise(beat, order):
    form = Tikhonov(order=order).prepare(beat.problem(0.01, seed=0)).form
    for noise in (0.01, 0.05, 0.1):
        path = tikhonov_path(form, beat.problem(noise, seed=1))
        errors = np.sqrt(path.errors(beat.truth)[:, 0])
        chosen = CheckedGCV().choose(path)
        assert chosen.rule == "CheckedGCV (RobustGCV)"
        assert errors[path.parameters == chosen.value[0]][0] <= 1.05 * errors.min()


def test_consensus_is_the_median_of_its_rules(rng):
    path, _, _, _ = make_path(rng)
    rules = (CRESO(), GCV(), RobustGCV())
    votes = sorted(float(rule.choose(path).value[0]) for rule in rules)
    choice = Consensus(rules).choose(path)
    assert choice.value[0] == pytest.approx(votes[1])
    assert choice.interval == pytest.approx((votes[0], votes[2]))


def test_failed_rule_says_so(rng):
    _, problem, _, _ = make_path(rng)
    far = Discrepancy(1e3)
    result = reconstruct(problem, Tikhonov(rule=far))
    assert result.parameter is not None and result.parameter.at_edge
    assert "Discrepancy found no optimum" in result.status
    assert "parameter.others" in result.status


def test_other_rules_are_reported_beside_the_choice(rng):
    _, problem, _, _ = make_path(rng)
    result = reconstruct(problem, Tikhonov(order=2, rule=GCV()))
    assert result.parameter is not None
    expected = {"CRESO", "LCurve", "UCurve", "RobustGCV", "QuasiOptimality"}
    assert set(result.parameter.others) == expected


def test_bad_rules_say_what_is_wrong(rng):
    path, _, _, _ = make_path(rng)
    for value in (0.0, -1.0, [0.1, 0.0]):
        with pytest.raises(InputError, match="expected a parameter > 0"):
            Fixed(value)
    with pytest.raises(InputError, match="value"):
        Fixed(float("nan"))
    with pytest.raises(InputError, match="noise_sd"):
        Discrepancy(0.0)
    with pytest.raises(InputError, match="gamma"):
        RobustGCV(gamma=1.5)
    with pytest.raises(InputError, match="factor"):
        CheckedGCV(factor=0.5)
    with pytest.raises(InputError, match="no rules"):
        Consensus(())
    with pytest.raises(InputError, match="truth"):
        Oracle(np.zeros((3, 3))).choose(path)


@pytest.fixture(scope="module")
def tank(shared_data):
    arrays = np.load(shared_data("ecgi_utah_tank_sock128") / "sock128_tank192.npz")
    heart = Surface(arrays["heart_vertices_mm"], arrays["heart_faces"])
    operator = ObservationOperator(arrays["forward_matrix"], Source.EPICARDIAL, heart)
    problem = InverseProblem(
        operator,
        arrays["torso_potentials_mV"],
        leads=arrays["torso_lead_node"],
        reference=CommonAverage(),
    )
    return problem, arrays["heart_potentials_mV"]


@pytest.mark.parametrize(("order", "bound", "electrogram"), [(0, 0.905, 0.55), (2, 0.865, 0.60)])
def test_measured_tank(tank, order, bound, electrogram):
    problem, truth = tank
    truth = truth - truth.mean(axis=0)

    def error(rule):
        found = reconstruct(problem, Tikhonov(order=order, rule=rule)).heart_potentials
        found = found - found.mean(axis=0)
        centered = [a - a.mean(axis=1, keepdims=True) for a in (found, truth)]
        units = [a / np.linalg.norm(a, axis=1, keepdims=True) for a in centered]
        return np.linalg.norm(found - truth) / np.linalg.norm(truth), np.median(
            (units[0] * units[1]).sum(axis=1)
        )

    oracle, median = error(Oracle(truth, remove_mean=True))
    assert oracle <= bound
    assert median >= electrogram
    # The errors here are correlated: the default notices, plain cross-validation does not.
    assert error(CheckedGCV())[0] <= 1.04 * oracle
    assert error(LCurve())[0] <= 1.04 * oracle
    assert error(GCV())[0] > 10 * oracle
