"""The place of the heart as an unknown: derivatives of the operator, and places that are found."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiotwin import InputError, ecgi
from cardiotwin.ecgi import (
    FourDVar,
    InverseProblem,
    ObservationOperator,
    PacingSearch,
    Source,
    UnknownPose,
    WeakFourDVar,
    evaluate,
    reconstruct,
)
from cardiotwin.ecgi._heart_pose import MovedTissue
from cardiotwin.ecgi._tissue_leads import misfit_and_gradient

SEARCH = PacingSearch(n_sites=24, n_refined=24, max_sites=1)


@pytest.fixture(scope="module")
def cases():
    return ecgi.zoo.mismatch_cases(heart_nodes=150, torso_nodes=100, n_times=150)


@pytest.fixture(scope="module")
def matched(cases):
    return cases["matched"].problem(0.01, seed=0)


def test_the_operator_of_a_pose_is_that_of_a_moved_heart(cases, matched):
    unknown = UnknownPose(shift_sd_mm=4.0, turn_sd_degrees=5.0)
    rest = np.zeros(6)
    np.testing.assert_allclose(unknown.at(matched, rest).matrix, matched.matrix, atol=1e-12)
    turned = np.array([0, 0, 0, 0, 2.0, 0])  # 10° about the front–back axis
    expected = cases["rotated 10°"].operator.matrix
    np.testing.assert_allclose(unknown.at(matched, turned).matrix, expected, atol=1e-12)
    pose = np.array([1, 0, -1, 0, 2.0, 0])
    told = unknown.told(pose)
    assert told["shift_x_mm"] == 4 and told["shift_z_mm"] == -4 and told["turn_y_degrees"] == 10
    there = unknown.moved(matched, told | {"gain": 1.0})
    np.testing.assert_allclose(there.matrix, unknown.at(matched, pose).matrix, atol=1e-12)
    assert there.heart is not None and matched.heart is not None
    shift = there.heart.centroid_mm - matched.heart.centroid_mm
    np.testing.assert_allclose(shift, [4, 0, -4], atol=1e-9)
    with pytest.raises(InputError, match="shift_x_mm"):
        unknown.moved(matched, {"gain": 1.0})


def test_the_linearized_operator_has_an_error_of_second_order(matched):
    unknown, pose = UnknownPose(), np.array([0.3, -0.2, 0.1, 0.4, -0.5, 0.2])
    start, changes = unknown.linearized(matched, pose)
    np.testing.assert_allclose(
        start + np.tensordot(pose, changes, axes=1), unknown.at(matched, pose).matrix, atol=1e-12
    )
    away = np.array([0.5, 0.4, -0.6, 0.3, 0.7, -0.4])

    def left(step):
        there = pose + step * away
        linear = start + np.tensordot(there, changes, axes=1)
        return np.linalg.norm(linear - unknown.at(matched, there).matrix)

    assert 3.2 < left(1.0) / left(0.5) < 4.8


def test_leads_that_are_left_out_and_a_reference_stay_so(cases):
    case = cases["matched"]
    data = case.case.body_potentials
    problem = InverseProblem(
        case.operator, data, reference=ecgi.CommonAverage(), exclude=[3], leads=np.arange(100)
    )
    moved = UnknownPose().at(problem, np.full(6, 0.5)).matrix
    assert moved.shape == problem.matrix.shape
    np.testing.assert_allclose(moved.sum(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("gain", [1.0, None])
def test_the_gradient_is_that_of_finite_differences(matched, gain):
    with jax.enable_x64(False):
        tissue, fit, _, _ = FourDVar(gain=gain, search=SEARCH, n_modes=60).first_fit(matched)
        pose = np.array([0.5, -0.3, 0.2, 0.1, 0.4, -0.2])
        moved = MovedTissue.of(tissue, UnknownPose(), matched, pose)
        xi = moved.extended(fit.xi)
        assert len(xi) == moved.n_coefficients == len(fit.xi) + 6
        xi[60:66] = 0.7 * pose
        np.testing.assert_array_equal(moved.pose(xi), 0.7 * pose)
        _, gradient = misfit_and_gradient(moved, jnp.asarray(xi, jnp.float32))
        for k in range(60, 66):
            step = np.zeros_like(xi)
            step[k] = 0.02
            there, back = (
                float(misfit_and_gradient(moved, jnp.asarray(xi + s * step, jnp.float32))[0])
                for s in (1, -1)
            )
            assert (there - back) / 0.04 == pytest.approx(float(gradient[k]), rel=0.02, abs=0.02)


@pytest.mark.parametrize(
    "name", ["displaced 10 mm", pytest.param("rotated 10°", marks=pytest.mark.slow)]
)
def test_a_misplaced_heart_is_found(cases, name):
    case = cases[name]
    problem = case.problem(0.01, seed=0)
    settled = {"gain": 1.0, "search": SEARCH, "n_modes": 100}
    fixed = reconstruct(problem, FourDVar(**settled))
    found = reconstruct(problem, FourDVar(**settled, unknown=(UnknownPose(),)))
    errors = [evaluate(one.heart_potentials, case.truth).relative_error for one in (fixed, found)]
    assert errors[1] < 0.5 * errors[0]
    told = found.diagnostics
    shift = np.array([told[f"shift_{axis}_mm"] for axis in "xyz"])
    turn = np.array([told[f"turn_{axis}_degrees"] for axis in "xyz"])
    if name.startswith("displaced"):
        expected = -10 * np.array([0.6, -0.6, 0.53]) / np.linalg.norm([0.6, -0.6, 0.53])
        assert np.linalg.norm(shift - expected) < 2
    else:
        assert np.linalg.norm(shift) < 2
        assert abs(turn[1] + 10) < 3


def test_a_pose_that_has_not_settled_is_told(cases):
    problem = cases["displaced 10 mm"].problem(0.01, seed=0)
    method = FourDVar(gain=1.0, search=SEARCH, n_modes=100, unknown=(UnknownPose(rounds=1),))
    assert "still moved" in method.solve(problem).status


def test_operators_that_cannot_be_moved_are_refused(matched):
    method = FourDVar(gain=1.0, search=SEARCH, unknown=(UnknownPose(),))
    bare = InverseProblem(matched.operator.matrix, matched.data, times_ms=matched.times_ms)
    with pytest.raises(InputError, match="heart and torso"):
        method.solve(bare)
    other = ObservationOperator(
        1.2 * matched.operator.matrix,
        Source.EPICARDIAL,
        matched.operator.heart,
        matched.operator.observed,
    )
    with pytest.raises(InputError, match=r"differs by 16\.7%"):
        method.solve(InverseProblem(other, matched.data, times_ms=matched.times_ms))
    with pytest.raises(InputError, match="several poses"):
        FourDVar(unknown=(UnknownPose(), UnknownPose()))
    with pytest.raises(InputError, match="one of the two"):
        WeakFourDVar(method)
