"""Strong-constraint assimilation: derivatives, known starts, wrong starts, unknown tissue."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.ecgi import (
    FourDVar,
    InverseProblem,
    ObservationOperator,
    PacingSearch,
    StartEnsemble,
    UnknownDiffusion,
    UnknownParameter,
    UnknownRecovery,
    evaluate,
    reconstruct,
    transfer_matrix,
)
from cardiotwin.ecgi._assimilation_unknowns import SurfaceModes, fit_coefficients
from cardiotwin.ecgi._descent import independent_share, minimize
from cardiotwin.ecgi._gauss_newton import curvature_at
from cardiotwin.ecgi._pacing_search import edge_graph, spread_nodes
from cardiotwin.ecgi._tissue_leads import directional, misfit_and_gradient, residual
from cardiotwin.geometry import CotangentLaplacian, PaperLaplacian
from cardiotwin.geometry import zoo as shapes
from cardiotwin.tissue import Excitation, ExplicitHeun, Simulation, simulate_beat

SEARCH = PacingSearch(n_sites=24, n_refined=24, max_sites=1)
METHOD = FourDVar(search=SEARCH, n_modes=150)
N_NODES, N_TIMES = 300, 120


@dataclass(frozen=True, eq=False)
class Ball:
    """A beat on a ball whose edges (6.6 mm) carry the front, off the middle of its torso."""

    simulation: Simulation
    operator: ObservationOperator

    @property
    def heart(self):
        return self.simulation.surface

    @property
    def truth(self):
        return self.simulation.potentials

    def problem(self, noise_sd, seed, delay=0):
        beat = np.zeros_like(self.truth)
        beat[:, delay:] = self.truth[:, : N_TIMES - delay]
        noise = np.random.default_rng(seed).normal(scale=noise_sd, size=(120, N_TIMES))
        data = self.operator.apply(beat) + noise
        return InverseProblem(self.operator, data, times_ms=self.simulation.times_ms)


@pytest.fixture(scope="module")
def case():
    heart = shapes.sphere(N_NODES, radius_mm=30.0)
    torso = shapes.sphere(120, radius_mm=70.0, centre_mm=(0.0, 10.0, 5.0))
    pacing = Excitation.near(heart, [10.0, -20.0, 20.0], n_nodes=9)
    beat = simulate_beat(
        heart, stimuli=[pacing], n_times=N_TIMES, stepper=ExplicitHeun(step_tu=0.025)
    )
    return Ball(beat, transfer_matrix(heart, torso))


def score(found, case):
    return evaluate(found.heart_potentials, case.truth).relative_error


def begun(method, problem, seed=0):
    """The map of a method at random coefficients around a patch (call in single precision)."""
    heart, _, tissue, front = method._prepare(problem)
    start = method.search.starts(tissue, heart, front, method.gain)[0]
    tissue, xi = method._begin(tissue, start)
    return tissue, xi + 0.3 * np.random.default_rng(seed).normal(size=len(xi))


UNKNOWN = (UnknownDiffusion(n_modes=3), UnknownParameter("a"), UnknownRecovery(n_modes=5))


@pytest.fixture(scope="module")
def everything_unknown(case):
    with jax.enable_x64(False):
        return begun(replace(METHOD, unknown=UNKNOWN), case.problem(0.05, seed=1))


def test_adjoint_gradient_is_that_of_finite_differences(everything_unknown):
    tissue, xi = everything_unknown
    with jax.enable_x64(True):
        exact = jax.tree.map(
            lambda x: jnp.asarray(x, jnp.float64) if jnp.asarray(x).dtype == jnp.float32 else x,
            tissue,
        )
        _, gradient = misfit_and_gradient(exact, jnp.asarray(xi))
        rng = np.random.default_rng(3)
        ends = [part.stop - 1 for part in tissue.slices.values()] + [len(xi) - 1]
        ways = np.concatenate([rng.normal(size=(4, len(xi))), np.eye(len(xi))[ends]])
        step = 1e-5
        misfits = jax.jit(jax.vmap(exact.misfit))
        up, down = (np.asarray(misfits(xi + s * step * ways)) for s in (1, -1))
    assert np.isfinite(up).all()
    np.testing.assert_allclose(ways @ np.asarray(gradient), (up - down) / (2 * step), rtol=2e-5)


@pytest.mark.slow
def test_forward_and_reverse_derivatives_are_adjoint(everything_unknown):
    tissue, xi = everything_unknown
    with jax.enable_x64(False):
        point = jnp.asarray(xi, jnp.float32)
        ways = np.random.default_rng(4).normal(size=(16, len(xi)))
        moves = np.asarray(directional(tissue, point, jnp.asarray(ways, jnp.float32)), float)
        left = np.asarray(residual(tissue, point), float)
        _, gradient = misfit_and_gradient(tissue, point)
    assert np.isfinite(moves).all()
    forward = -2 * (moves * left).sum(axis=(1, 2))
    np.testing.assert_allclose(ways @ np.asarray(gradient, float), forward, rtol=1e-3)


@pytest.mark.slow
def test_curvature_is_that_of_the_linearized_map(everything_unknown):
    tissue, xi = everything_unknown
    with jax.enable_x64(False):
        found = curvature_at(tissue, xi)
        ways = np.zeros((16, len(xi)))
        ways[0] = found.directions[:, -1]
        moved = np.asarray(
            directional(tissue, jnp.asarray(xi, jnp.float32), jnp.asarray(ways, jnp.float32))
        )
    assert (moved.astype(float) ** 2).sum() == pytest.approx(found.values[-1], rel=1e-3)
    eye = found.directions.T @ found.directions
    np.testing.assert_allclose(eye, np.eye(len(eye)), atol=1e-5)


def test_a_known_start_is_explained_to_noise_level(case):
    found = reconstruct(case.problem(0.02, seed=1), METHOD)
    assert found.status == "solved"
    assert found.diagnostics["noise_sd"] == pytest.approx(0.02, rel=0.05)
    assert found.diagnostics["gain"] == pytest.approx(1.0, abs=0.02)
    assert score(found, case) < 0.06


@pytest.mark.slow
def test_less_noise_is_a_better_start(case):
    errors = [score(reconstruct(case.problem(sd, seed=2), METHOD), case) for sd in (0.2, 0.002)]
    assert errors[1] < 0.5 * errors[0]
    assert errors[1] < 0.02


def test_the_search_finds_what_a_descent_from_afar_does_not(case):
    problem = case.problem(0.05, seed=3)
    with jax.enable_x64(False):
        heart, _, tissue, _ = METHOD._prepare(problem)
        site = case.truth[:, 0].argmax()
        away = np.linalg.norm(heart.vertices_mm - heart.vertices_mm[site], axis=1)
        logit = np.where(away > 0.9 * away.max(), 6.0, -8.0)
        xi = np.zeros(tissue.n_coefficients)
        xi[: len(xi) - 1] = fit_coefficients(np.asarray(tissue.bases[0], float), logit + 8)
        far = minimize(tissue, xi, noise_floor=0.0, max_evaluations=100, tolerance=1e-4)
    near = reconstruct(problem, METHOD)
    floor = near.diagnostics["noise_sd"] ** 2
    assert far.misfit / tissue.data.size > 3 * floor
    assert score(near, case) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_wrong_diffusion_is_corrected_when_unknown(case, factor):
    problem = case.problem(0.02, seed=4)
    method = replace(METHOD, diffusion=10.0 * factor)
    fixed = reconstruct(problem, method)
    free = reconstruct(problem, replace(method, unknown=(UnknownDiffusion(),)))
    assert free.diagnostics["diffusion"] == pytest.approx(10.0, rel=0.1)
    assert score(free, case) < 0.5 * score(fixed, case)


def test_a_beat_that_begins_late_is_found(case):
    wait = 25
    truth = np.hstack([np.zeros((N_NODES, wait)), case.truth[:, :-wait]])
    problem = case.problem(0.02, seed=5, delay=wait)
    found = reconstruct(problem, METHOD)
    assert found.diagnostics["onset_ms"] == pytest.approx(wait * 1.29, abs=6)
    assert evaluate(found.heart_potentials, truth).relative_error < 0.15


def test_the_unit_of_the_data_is_that_of_the_potentials(case):
    problem = case.problem(0.02, seed=6)
    base = reconstruct(problem, METHOD)
    scaled = reconstruct(problem.with_data(100 * problem.body_potentials), METHOD)
    assert scaled.diagnostics["gain"] == pytest.approx(100 * base.diagnostics["gain"], rel=1e-2)
    # Not to the last digit: single precision takes L-BFGS along another path.
    apart = evaluate(scaled.heart_potentials / 100, base.heart_potentials)
    assert apart.relative_error < 0.02


def test_leads_that_no_beat_explains_are_not_called_solved(case):
    noise = np.random.default_rng(5).normal(size=(120, N_TIMES))
    problem = InverseProblem(case.operator, noise, times_ms=case.simulation.times_ms)
    status = replace(METHOD, max_evaluations=30).solve(problem).status
    assert "explains" in status or "dies out" in status, status


@pytest.mark.slow
def test_ensemble_spreads_with_the_noise_and_repeats(case):
    method = replace(METHOD, uncertainty=StartEnsemble(16))
    spreads = []
    for sd in (0.01, 0.1):
        found = reconstruct(case.problem(sd, seed=7), method)
        spreads.append(found.uncertainty.standard_deviation)
    assert spreads[0].shape == case.truth.shape
    assert spreads[1].mean() > 1.5 * spreads[0].mean()
    again = reconstruct(case.problem(0.1, seed=7), method)
    np.testing.assert_array_equal(again.heart_potentials, found.heart_potentials)
    np.testing.assert_array_equal(again.uncertainty.standard_deviation, spreads[1])


def test_white_residuals_are_independent_and_correlated_ones_are_not():
    rng = np.random.default_rng(8)
    white = rng.normal(size=(4000, 12))
    assert independent_share(white) > 0.9
    slow = np.repeat(rng.normal(size=(400, 12)), 10, axis=0)
    assert independent_share(slow) == pytest.approx(0.1, rel=0.2)
    assert independent_share(np.repeat(white[:, :1], 12, axis=1)) < 0.15


@pytest.mark.parametrize(
    "laplacian", [PaperLaplacian(), CotangentLaplacian()], ids=lambda x: x.name
)
def test_modes_are_orthonormal_and_span_their_fields(case, laplacian):
    heart = case.heart
    modes = SurfaceModes.of(heart, laplacian, 30)
    weighted = modes.mass[:, None] * modes.modes
    np.testing.assert_allclose(modes.modes.T @ weighted / N_NODES, np.eye(30) / N_NODES, atol=1e-12)
    np.testing.assert_allclose(
        laplacian.matrix(heart) @ modes.modes, -modes.squares * modes.modes, atol=1e-9
    )
    basis = modes.basis(3.0, 20.0, 30)
    assert (basis**2).sum(axis=1).mean() == pytest.approx(9.0)
    xi = np.random.default_rng(9).normal(size=30)
    found = basis @ fit_coefficients(1e3 * basis, basis @ xi) * 1e3
    np.testing.assert_allclose(found, basis @ xi, atol=1e-2)


def test_first_sites_are_spread_over_the_heart(case):
    graph = edge_graph(case.heart)
    nodes = spread_nodes(graph, 20)
    assert len(set(nodes.tolist())) == 20
    points = case.heart.vertices_mm[nodes]
    between = np.linalg.norm(points[:, None] - points[None], axis=2) + 1e9 * np.eye(20)
    fair_share = np.sqrt(case.heart.area_mm2 / 20)
    assert between.min() > 0.4 * fair_share


def test_bad_input_is_refused(case):
    with pytest.raises(InputError, match="without a heart surface"):
        reconstruct(InverseProblem(np.eye(3), np.ones((3, 9))), METHOD)
    data = case.operator.apply(case.truth)
    with pytest.raises(InputError, match="at least 8"):
        reconstruct(InverseProblem(case.operator, data[:, :5]), METHOD)
    uneven = np.r_[0.0, np.arange(2.0, N_TIMES + 1.0)]
    with pytest.raises(InputError, match="evenly spaced"):
        reconstruct(InverseProblem(case.operator, data, times_ms=uneven), METHOD)
    with pytest.raises(InputError, match="zero everywhere"):
        reconstruct(InverseProblem(case.operator, 0 * data), METHOD)
    with pytest.raises(InputError, match="mu2"):
        FourDVar(unknown=(UnknownParameter("tau_in"),))
    with pytest.raises(InputError, match="gain"):
        FourDVar(gain=-1.0)
