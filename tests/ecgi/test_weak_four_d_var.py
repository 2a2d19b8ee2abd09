"""Weak-constraint assimilation: what the model's errors do, and what they mend."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.ecgi import (
    FourDVar,
    InverseProblem,
    LinearizedDraws,
    ModelError,
    ObservationOperator,
    PacingSearch,
    Source,
    UnknownParameter,
    WeakFourDVar,
    evaluate,
    reconstruct,
)
from cardiotwin.ecgi._assimilation_unknowns import SurfaceModes, fit_coefficients
from cardiotwin.ecgi._erring_tissue import ErringModel, hat_functions
from cardiotwin.ecgi._linearized_spread import linearized_deviation, told_directions
from cardiotwin.ecgi._tissue_leads import directional, misfit_and_gradient
from cardiotwin.geometry import PaperLaplacian
from cardiotwin.geometry import zoo as shapes
from cardiotwin.tissue import AlievPanfilov, Excitation, MitchellSchaeffer, simulate_beat

N_TIMES = 90
STRONG = FourDVar(
    n_modes=80, gain=1.0, search=PacingSearch(n_sites=12, n_refined=12, max_sites=1, n_starts=1)
)
ERROR = ModelError(n_modes=30)
METHOD = WeakFourDVar(STRONG, ERROR, uncertainty=None)
BALL = shapes.sphere(162, radius_mm=22.0)
# What 40 nodes see of their surroundings: 12 mm is twice the length of an edge.
AWAY_MM = np.linalg.norm(BALL.vertices_mm[:40, None] - BALL.vertices_mm, axis=2)
OPERATOR = ObservationOperator(np.exp(-0.5 * (AWAY_MM / 12) ** 2) / 6, Source.EPICARDIAL, BALL)


def beat_of(model=None, diffusion=10.0):
    return simulate_beat(
        BALL,
        model=AlievPanfilov() if model is None else model,
        diffusion=diffusion,
        stimuli=[Excitation.near(BALL, [0, 0, 22], n_nodes=7)],
        n_times=N_TIMES,
    )


def problem_of(beat, noise_sd, seed=0):
    data = OPERATOR.apply(beat.potentials)
    data = data + noise_sd * np.random.default_rng(seed).normal(size=data.shape)
    return InverseProblem(OPERATOR, data, times_ms=beat.times_ms)


def score(found, beat):
    return evaluate(found.heart_potentials, beat.potentials).relative_error


@pytest.fixture(scope="module")
def matched():
    return beat_of()


@pytest.fixture(scope="module")
def erring(matched):
    """The map with errors, its start, and coefficients with half the errors' deviation."""
    with jax.enable_x64(False):
        _, _, strong, _ = STRONG._prepare(problem_of(matched, 0.01))
        away = np.linalg.norm(BALL.vertices_mm - [0, 0, 22], axis=1)
        logit = np.clip((10.0 - away) / 2, -8.0, 6.0)
        start = fit_coefficients(np.asarray(strong.bases[0], float), logit + 8)
        tissue = ERROR.allow(strong, SurfaceModes.of(BALL, PaperLaplacian(), ERROR.n_modes))
    xi = tissue.extended(start)
    xi[len(start) :] = 0.5 * np.random.default_rng(1).normal(size=tissue.n_further)
    return strong, start, tissue, xi


def in_double_precision(tissue):
    return jax.tree.map(
        lambda x: jnp.asarray(x, jnp.float64) if jnp.asarray(x).dtype == jnp.float32 else x, tissue
    )


def test_a_tissue_without_errors_is_the_tissue_itself(erring):
    strong, start, tissue, _ = erring
    with jax.enable_x64(False):
        without = tissue.potentials(jnp.asarray(tissue.extended(start), jnp.float32))
        itself = strong.potentials(jnp.asarray(start, jnp.float32))
    np.testing.assert_allclose(without, itself, atol=1e-5)


def test_no_error_sets_off_a_wave_in_resting_tissue():
    nudge = 1e-3 * np.ones(3)
    model = ErringModel(AlievPanfilov(), np.array([-5.0, 0.0, 5.0]))
    assert (model.reaction(nudge, 0 * nudge)[0] < 0).all()
    at_rest = ErringModel(MitchellSchaeffer(), 5.0).reaction(0.0, 1.0)
    assert (float(at_rest[0]), float(at_rest[1])) == (0.0, 0.0)


def test_positive_errors_hurry_the_front(erring):
    _, start, tissue, _ = erring
    # The first mode is constant over the heart, and the hats add up to a constant.
    size = float(tissue.modes[0, 0]) * np.sqrt(1.5)
    excited = []
    with jax.enable_x64(False):
        simulated = jax.jit(tissue.potentials)
        for error in (-0.5, 0.0, 0.5):
            xi = tissue.extended(start)
            xi[len(start) :: ERROR.n_modes] = error / size
            assert np.allclose(tissue.errors(jnp.asarray(xi, jnp.float32)), error, atol=1e-5)
            excited.append(float(simulated(jnp.asarray(xi, jnp.float32))[40].mean()))
    assert excited[0] < 0.99 * excited[1] < 0.98 * excited[2]


def test_gradient_with_errors_is_that_of_finite_differences(erring):
    _, _, tissue, xi = erring
    with jax.enable_x64(True):
        exact = in_double_precision(tissue)
        _, gradient = misfit_and_gradient(exact, jnp.asarray(xi))
        way = np.random.default_rng(3).normal(size=len(xi))
        step = 1e-5
        up, down = (float(exact.misfit(jnp.asarray(xi + s * step * way))) for s in (1, -1))
    assert way @ np.asarray(gradient) == pytest.approx((up - down) / (2 * step), rel=1e-5)


def test_hat_functions_interpolate_and_have_unit_mean_square():
    hats = hat_functions(200, 0.1, 2.0)
    assert np.allclose(hats.sum(axis=1), np.sqrt(1.5))
    whole = hats[:200]  # ten intervals
    assert (whole**2).sum(axis=1).mean() == pytest.approx(1.0, rel=1e-3)


@pytest.mark.slow
def test_another_membrane_is_mended_by_parameters_and_errors():
    beat = beat_of(MitchellSchaeffer())
    problem = problem_of(beat, 0.01)
    free = replace(STRONG, unknown=(UnknownParameter("a"), UnknownParameter("mu1")))
    strong = reconstruct(problem, STRONG)
    weak = reconstruct(problem, WeakFourDVar(free, ERROR, uncertainty=None))
    assert score(weak, beat) < 0.7 * score(strong, beat)


@pytest.mark.slow
def test_where_the_model_is_right_the_errors_stay_small(matched):
    weak = reconstruct(problem_of(matched, 0.02), METHOD)
    assert weak.diagnostics["noise_sd"] == pytest.approx(0.02, rel=0.1)
    assert weak.diagnostics["error_sd"] < 0.5 * ERROR.sd
    assert score(weak, matched) < 0.05


@pytest.mark.slow
def test_errors_that_may_hardly_be_are_those_of_the_strong_constraint(matched):
    problem = problem_of(matched, 0.02)
    found = reconstruct(problem, replace(METHOD, error=ModelError(1e-6, n_modes=10)))
    strong = reconstruct(problem, replace(STRONG, noise_sd=0.02))
    assert found.diagnostics["error_sd"] < 1e-5
    apart = evaluate(found.heart_potentials, strong.heart_potentials)
    assert apart.relative_error < 0.02


@pytest.mark.slow
def test_told_directions_are_the_leading_ones_of_the_dense_matrix(erring):
    _, _, tissue, xi = erring
    with jax.enable_x64(False):
        eye = jnp.eye(len(xi), dtype=jnp.float32)
        moves = np.asarray(directional(tissue, jnp.asarray(xi, jnp.float32), eye), float)
        flat = moves.reshape(len(xi), -1)
        exact = np.linalg.eigvalsh(flat @ flat.T)[::-1]
        basis, values = told_directions(tissue, xi, 120, np.random.default_rng(0))
    np.testing.assert_allclose(basis.T @ basis, np.eye(120), atol=1e-5)
    np.testing.assert_allclose(values[::-1][:20], exact[:20], rtol=1e-2)
    assert values.sum() > 0.99 * exact.sum()


@pytest.mark.slow
def test_the_spread_is_the_prior_without_data_and_shrinks_with_them(erring):
    _, _, tissue, xi = erring
    with jax.enable_x64(False):
        point = jnp.asarray(xi, jnp.float32)
        slopes = jax.jit(jax.jacfwd(tissue.potentials))(point)
        prior = np.sqrt((np.asarray(slopes, float) ** 2).sum(axis=-1)).T
        found = [
            linearized_deviation(tissue, xi, w, n_directions=120, n_draws=200, seed=0)
            for w in (0.0, 1e2, 1e4)
        ]
    assert found[0].shape == (BALL.n_nodes, N_TIMES)
    # Two hundred draws know a standard deviation to 5 %.
    np.testing.assert_allclose(found[0], prior, rtol=0.25, atol=1e-4)
    means = [one.mean() for one in found]
    assert means[2] < 0.7 * means[1] < 0.5 * means[0]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_error_bars(matched):
    problem = problem_of(matched, 0.05)
    few = LinearizedDraws(n_directions=20, n_draws=8)
    bars = []
    for seed in (1, 1, 2):
        method = replace(METHOD, uncertainty=few, seed=seed, max_evaluations=5)
        found = reconstruct(problem, method)
        assert found.uncertainty is not None
        bars.append(found.uncertainty.standard_deviation)
    assert np.array_equal(bars[0], bars[1])
    assert not np.array_equal(bars[0], bars[2])


def test_bad_settings_and_problems_are_refused(matched):
    for make in (
        lambda: ModelError(sd=0.0),
        lambda: ModelError(length_mm=-1.0),
        lambda: ModelError(time_tu=0.0),
        lambda: ModelError(n_modes=0),
        lambda: LinearizedDraws(n_draws=1),
        lambda: WeakFourDVar(first_evaluations=0),
        lambda: WeakFourDVar(tolerance=0.0),
    ):
        with pytest.raises(InputError):
            make()
    with pytest.raises(InputError, match="without a heart surface"):
        reconstruct(InverseProblem(np.eye(3), np.ones((3, 9))), METHOD)
    silent = problem_of(matched, 0.0).with_data(np.zeros((40, N_TIMES)))
    with pytest.raises(InputError, match="zero everywhere"):
        reconstruct(silent, METHOD)
