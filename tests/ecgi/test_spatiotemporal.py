import numpy as np
import pytest
from scipy import sparse

from cardiotwin import InputError
from cardiotwin.ecgi import (
    GCV,
    CommonAverage,
    Fixed,
    InverseProblem,
    LeaveOneLeadOut,
    ObservationOperator,
    Oracle,
    Source,
    SpatioTemporal,
    TemporalDifference,
    TemporalWindow,
    Tikhonov,
    evaluate,
    reconstruct,
)
from cardiotwin.ecgi._spatiotemporal_path import FrequencyData, SpatioTemporalPath
from cardiotwin.ecgi._standard_form import StandardForm
from cardiotwin.geometry import PaperLaplacian, zoo

N_TIMES = 60


@pytest.fixture(scope="module")
def heart():
    return zoo.sphere(42, radius_mm=40.0)


@pytest.fixture(scope="module")
def wave(heart):
    arrival = np.linalg.norm(heart.vertices_mm - heart.vertices_mm[0], axis=1) / 2.0
    return 0.5 * (1 + np.tanh((np.arange(N_TIMES) - 5 - arrival[:, None]) / 3.0))


@pytest.fixture(scope="module")
def operator(heart):
    # A smooth kernel: what a point 25 mm outside sees of each node.
    views = 65 * np.random.default_rng(3).normal(size=(30, 3))
    views *= 65 / np.linalg.norm(views, axis=1, keepdims=True)
    matrix = 1 / np.linalg.norm(views[:, None] - heart.vertices_mm, axis=2) ** 3
    return ObservationOperator(matrix / matrix.sum(axis=1, keepdims=True), Source.EPICARDIAL, heart)


def noisy(operator, wave, sd, **settings):
    noise = np.random.default_rng(11).normal(scale=sd, size=(operator.n_observed, N_TIMES))
    return InverseProblem(operator, operator.apply(wave) + noise, **settings)


def direct_solution(problem, gamma, spatial, temporal, differences):
    """Minimize the whole cost as one sparse least-squares system over space and time."""
    n_times = problem.n_times
    eye = sparse.identity(n_times)
    rows = sparse.vstack(
        [
            sparse.kron(eye, problem.matrix),
            spatial * sparse.kron(eye, gamma),
            temporal * sparse.kron(differences, gamma),
        ]
    ).toarray()
    right = np.zeros(len(rows))
    right[: problem.data.size] = problem.data.T.ravel()
    return np.linalg.lstsq(rows, right, rcond=None)[0].reshape(n_times, -1).T


@pytest.mark.parametrize("order", [1, 2])
def test_it_is_the_exact_minimizer_of_its_cost(heart, rng, order):
    small = zoo.sphere(12, radius_mm=20.0)
    matrix = rng.random((8, 12))
    problem = InverseProblem(
        ObservationOperator(matrix, Source.EPICARDIAL, small), rng.normal(size=(8, 9))
    )
    method = SpatioTemporal(
        rule=Fixed(0.3), temporal=TemporalDifference(order), time_constant_ms=1.7
    )
    found = reconstruct(problem, method).heart_potentials
    first = np.diff(np.eye(9), axis=0)
    differences = first if order == 1 else first.T @ first
    gamma = PaperLaplacian().matrix(small).toarray()
    expected = direct_solution(problem, gamma, 0.3, 0.3 * 1.7**order, differences)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_window_penalty_counts_every_pair_of_the_mirrored_beat(rng):
    series, width = rng.normal(size=11), 4
    mirrored = np.concatenate([series, series[::-1]])
    pairs = sum(((mirrored - np.roll(mirrored, -j)) ** 2).sum() for j in range(1, width + 1)) / 2
    from scipy.fft import dct

    parts = dct(series, norm="ortho")
    scale = (np.arange(1, width + 1) ** 2).sum()
    assert scale * (TemporalWindow(width).spectrum(11) * parts**2).sum() == pytest.approx(pairs)


@pytest.mark.parametrize(
    "penalty", [TemporalDifference(), TemporalDifference(1), TemporalWindow(3)]
)
def test_slow_changes_cost_their_frequency_to_the_power(penalty):
    spectrum = penalty.spectrum(4000)
    slow = np.pi * np.arange(1, 4) / 4000
    np.testing.assert_allclose(spectrum[1:4], slow ** (2 * penalty.order), rtol=1e-3)
    assert spectrum[0] == 0


def test_without_time_constant_it_is_tikhonov(operator, wave):
    problem = noisy(operator, wave, 0.02)
    ours = SpatioTemporal(rule=Fixed(1e-3), time_constant_ms=0.0)
    theirs = Tikhonov(order=2, rule=Fixed(1e-3))
    np.testing.assert_allclose(
        reconstruct(problem, ours).heart_potentials,
        reconstruct(problem, theirs).heart_potentials,
        atol=1e-9,
    )


def test_an_endless_time_constant_leaves_one_map(operator, wave):
    problem = noisy(operator, wave, 0.02)
    method = SpatioTemporal(order=0, rule=Fixed(1e-2), time_constant_ms=1e6)
    found = reconstruct(problem, method).heart_potentials
    mean = InverseProblem(operator, np.repeat(problem.data.mean(axis=1)[:, None], 2, axis=1))
    one = reconstruct(mean, Tikhonov(order=0, rule=Fixed(1e-2))).heart_potentials
    np.testing.assert_allclose(found, np.repeat(one[:, :1], N_TIMES, axis=1), atol=1e-6)


@pytest.mark.parametrize("sd", [0.01, 0.05])
def test_time_helps_against_white_noise(operator, wave, sd):
    problem = noisy(operator, wave, sd)
    errors = [
        evaluate(reconstruct(problem, method).heart_potentials, wave).relative_error
        for method in (
            Tikhonov(order=2, rule=Oracle(wave)),
            SpatioTemporal(rule=Oracle(wave)),
            SpatioTemporal(),
        )
    ]
    assert errors[1] < 0.93 * errors[0]
    assert errors[2] < 1.0 * errors[0]


def test_path_norms_are_those_of_the_solutions(operator, wave):
    problem = noisy(operator, wave, 0.02, reference=CommonAverage())
    method = SpatioTemporal(temporal=TemporalDifference(1), time_constant_ms=3.0)
    form = StandardForm.of(problem.matrix, method.factors(problem))
    source = FrequencyData.of(form, problem)
    weights = 1 + 9.0 * TemporalDifference(1).spectrum(N_TIMES)
    lams = form.values[0] * np.array([1e-3, 1e-3 * (1 + 1e-5), 1e-1])
    path = SpatioTemporalPath(source, weights, lams)
    norms, errors = path.norms(False), path.errors(wave, remove_mean=True)[:, 0]
    gamma = PaperLaplacian().matrix(operator.heart).toarray()
    penalties = []
    for k, lam in enumerate(lams):
        u = (
            method.__class__(rule=Fixed(lam), temporal=TemporalDifference(1), time_constant_ms=3.0)
            .solve(problem)
            .heart_potentials
        )
        residual = ((problem.data - problem.matrix @ u) ** 2).sum()
        penalties.append(((gamma @ u) ** 2).sum() + 9.0 * ((gamma @ np.diff(u, axis=1)) ** 2).sum())
        assert norms.residual[k, 0] == pytest.approx(residual, rel=1e-6)
        assert norms.seminorm[k, 0] == pytest.approx(penalties[-1], rel=1e-6)
        centered = u - u.mean(axis=0) - wave + wave.mean(axis=0)
        assert errors[k] == pytest.approx((centered**2).sum(), rel=1e-6)
    slope = (penalties[1] - penalties[0]) / (lams[1] ** 2 - lams[0] ** 2)
    assert norms.slope[0, 0] == pytest.approx(slope, rel=1e-3)


def test_trace_is_that_of_the_influence_matrix(rng):
    matrix = rng.normal(size=(5, 6))
    problem = InverseProblem(matrix, rng.normal(size=(5, 4)))
    method = SpatioTemporal(order=0, rule=Fixed(0.7), time_constant_ms=2.0)
    trace = 0.0
    for lead in range(5):
        for time in range(4):
            data = np.zeros((5, 4))
            data[lead, time] = 1.0
            u = method.solve(problem.with_data(data)).heart_potentials
            trace += (matrix @ u)[lead, time]
    form = StandardForm.of(problem.matrix, method.factors(problem))
    weights = 1 + 2.0**4 * TemporalDifference(2).spectrum(4)
    path = SpatioTemporalPath(FrequencyData.of(form, problem), weights, np.array([0.7]))
    assert 4 * path.norms(False).trace[0, 0] == pytest.approx(trace, rel=1e-10)


def test_leave_one_lead_out_is_what_solving_again_gives(rng):
    matrix = rng.normal(size=(7, 10))
    problem = InverseProblem(matrix, rng.normal(size=(7, 8)))
    method = SpatioTemporal(
        order=0, rule=Fixed(0.9), temporal=TemporalDifference(1), time_constant_ms=1.5
    )
    again = 0.0
    for lead in range(7):
        u = method.solve(problem.excluding([lead])).heart_potentials
        again += ((problem.body_potentials[lead] - matrix[lead] @ u) ** 2).sum()
    form = StandardForm.of(problem.matrix, method.factors(problem))
    weights = 1 + 1.5**2 * TemporalDifference(1).spectrum(8)
    path = SpatioTemporalPath(FrequencyData.of(form, problem), weights, np.array([0.9]))
    assert path.left_out_errors()[0, 0] == pytest.approx(again, rel=1e-9)


def test_solution_scales_with_the_unit_and_with_the_clock(operator, wave):
    problem = noisy(operator, wave, 0.02)
    base = reconstruct(problem, SpatioTemporal(rule=GCV()))
    millivolts = reconstruct(problem.with_data(1e3 * problem.body_potentials), base.method)
    np.testing.assert_allclose(
        millivolts.heart_potentials, 1e3 * base.heart_potentials, rtol=1e-6, atol=1e-6
    )
    slow = InverseProblem(operator, problem.body_potentials, times_ms=4.0 * np.arange(N_TIMES))
    slower = reconstruct(slow, base.method)
    np.testing.assert_allclose(slower.heart_potentials, base.heart_potentials, atol=1e-9)
    assert slower.diagnostics["time_constant_ms"] == pytest.approx(
        4 * base.diagnostics["time_constant_ms"]
    )


def test_uneven_instants_are_refused(operator, wave):
    problem = noisy(operator, wave, 0.02, times_ms=np.arange(N_TIMES) ** 1.5)
    with pytest.raises(InputError, match=r"times_ms: found steps.*Resample"):
        reconstruct(problem, SpatioTemporal())


def test_a_parameter_an_instant_is_refused(operator, wave):
    with pytest.raises(InputError, match="per_instant=False"):
        reconstruct(noisy(operator, wave, 0.02), SpatioTemporal(rule=GCV(per_instant=True)))


def test_measured_tank_beats_both_tikhonovs(shared_data):
    from cardiotwin.geometry import Surface

    with np.load(shared_data("ecgi_utah_tank_sock128") / "sock128_tank192.npz") as tank:
        heart = Surface(tank["heart_vertices_mm"], tank["heart_faces"])
        operator = ObservationOperator(tank["forward_matrix"], Source.EPICARDIAL, heart)
        problem = InverseProblem(
            operator,
            tank["torso_potentials_mV"].astype(float),
            leads=tank["torso_lead_node"],
            reference=CommonAverage(),
        )
        truth = tank["heart_potentials_mV"].astype(float)

    def score(method):
        return evaluate(
            reconstruct(problem, method).heart_potentials, truth, remove_mean=True
        ).relative_error

    oracle = Oracle(truth, remove_mean=True)
    best = score(
        SpatioTemporal(order=1, rule=oracle, temporal=TemporalDifference(1), n_time_constants=5)
    )
    assert best < score(Tikhonov(order=2, rule=oracle)) < score(Tikhonov(order=0, rule=oracle))
    assert best < 0.860
    assert score(SpatioTemporal()) < 1.04 * best


def test_rules_over_leads_work_too(operator, wave):
    problem = noisy(operator, wave, 0.05)
    method = SpatioTemporal(
        rule=LeaveOneLeadOut(), time_rule=LeaveOneLeadOut(), n_candidates=24, n_time_constants=4
    )
    assert evaluate(reconstruct(problem, method).heart_potentials, wave).relative_error < 0.5


@pytest.mark.parametrize("order", [0, 2])
def test_posterior_equals_the_inverse_of_the_whole_precision(operator, wave, order):
    n_times, lam, constant = 7, 0.05 if order == 0 else 2.0, 3.0
    data = operator.apply(wave[:, 20 : 20 + n_times])
    data += np.random.default_rng(5).normal(scale=0.02, size=data.shape)
    problem = InverseProblem(operator, data, times_ms=np.arange(n_times, dtype=float))
    method = SpatioTemporal(order=order, rule=Fixed(lam), time_constant_ms=constant)
    result = reconstruct(problem, method)
    n_nodes = problem.n_nodes
    gamma = np.eye(n_nodes)
    if order == 2:
        gamma = PaperLaplacian().matrix(problem.heart).toarray()
    differences = np.diff(np.eye(n_times), n=1, axis=0)
    laplacian = differences.T @ differences
    power = method.temporal.order
    in_time = np.eye(n_times) + constant ** (2 * power) * np.linalg.matrix_power(laplacian, power)
    fit = np.kron(problem.matrix.T @ problem.matrix, np.eye(n_times))
    precision = fit + lam**2 * np.kron(gamma.T @ gamma, in_time)
    covariance = np.linalg.inv(precision)
    residual = problem.data - problem.matrix @ result.heart_potentials
    freedom = problem.data.size - np.trace(covariance @ fit)
    variance = np.diag(covariance).reshape(n_nodes, n_times) * (residual**2).sum() / freedom
    np.testing.assert_allclose(result.uncertainty.standard_deviation**2, variance, rtol=1e-6)


def test_posterior_without_time_is_that_of_tikhonov(operator, wave):
    problem = noisy(operator, wave, 0.02)
    free = SpatioTemporal(rule=Fixed(2.0), time_constant_ms=0.0)
    alone = Tikhonov(order=2, rule=Fixed(2.0))
    ours, theirs = (
        reconstruct(problem, method).uncertainty.standard_deviation ** 2 for method in (free, alone)
    )
    # One variance of the noise for the beat, instead of one an instant.
    pooled = np.broadcast_to(theirs.mean(axis=1, keepdims=True), ours.shape)
    np.testing.assert_allclose(ours, pooled, rtol=1e-9)


def test_intervals_hold_what_they_promise_on_the_prior_itself(operator):
    rng = np.random.default_rng(8)
    n_nodes, sd = operator.n_sources, 0.05
    # u with the precision of order 0 at λ = noise/signal: white over nodes, no tie over time.
    truth = rng.normal(size=(n_nodes, 400))
    data = operator.apply(truth) + rng.normal(scale=sd, size=(operator.n_observed, 400))
    problem = InverseProblem(operator, data)
    method = SpatioTemporal(order=0, rule=Fixed(sd), time_constant_ms=0.0)
    found = reconstruct(problem, method)
    inside = np.abs(found.heart_potentials - truth) < 1.645 * found.uncertainty.standard_deviation
    assert 0.88 < inside.mean() < 0.92
