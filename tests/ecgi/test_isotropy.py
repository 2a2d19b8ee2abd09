import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.ecgi import (
    CommonAverage,
    Fixed,
    InverseProblem,
    IsotropyPrewhitening,
    ObservationOperator,
    Oracle,
    Source,
    Tikhonov,
    evaluate,
    reconstruct,
)
from cardiotwin.ecgi._isotropy import noise_edge
from cardiotwin.geometry import Surface


@pytest.fixture
def low_rank(rng):
    """A smoothing operator and heart potentials of three components over 200 instants."""
    places = np.linspace(0, 1, 40)
    matrix = np.exp(-(((places[:25, None] / places[24] - places) / 0.12) ** 2))
    maps = np.stack([np.sin((k + 1) * np.pi * places) for k in range(3)], axis=1)
    series = np.stack([np.sin((k + 1) * np.linspace(0, 6, 200)) for k in range(3)])
    truth = maps @ (np.array([[3.0], [1.0], [0.5]]) * series)
    return matrix, truth


def test_all_components_with_one_parameter_are_tikhonov(rng):
    problem = InverseProblem(rng.normal(size=(8, 12)), rng.normal(size=(8, 30)))
    ours = reconstruct(problem, IsotropyPrewhitening(rule=Fixed(0.4), n_components=8))
    theirs = reconstruct(problem, Tikhonov(rule=Fixed(0.4)))
    np.testing.assert_allclose(ours.heart_potentials, theirs.heart_potentials, atol=1e-11)


def test_each_component_solves_its_own_problem(rng):
    problem = InverseProblem(rng.normal(size=(8, 12)), rng.normal(size=(8, 30)))
    found = reconstruct(problem, IsotropyPrewhitening(rule=Fixed(0.4), n_components=2))
    left, sizes, right = np.linalg.svd(problem.data, full_matrices=False)
    kept = (left[:, :2] * sizes[:2]) @ right[:2]
    inverse = np.linalg.solve(
        problem.matrix.T @ problem.matrix + 0.16 * np.eye(12), problem.matrix.T
    )
    np.testing.assert_allclose(found.heart_potentials, inverse @ kept, atol=1e-11)
    assert len(found.parameter.value) == 2


def test_components_above_the_noise_are_counted(low_rank, rng):
    matrix, truth = low_rank
    data = matrix @ truth + 0.05 * rng.normal(size=(25, 200))
    found = reconstruct(InverseProblem(matrix, data), IsotropyPrewhitening())
    assert found.diagnostics["n_components"] == 3
    assert found.status == "solved"


@pytest.mark.parametrize("shape", [(30, 30), (40, 120), (120, 40)])
def test_pure_noise_has_no_component_above_the_edge(rng, shape):
    sizes = np.linalg.svd(rng.normal(size=shape), compute_uv=False)
    assert sizes[0] < noise_edge(sizes, shape)


def test_truncation_beats_tikhonov_in_white_noise(low_rank, rng):
    matrix, truth = low_rank
    problem = InverseProblem(matrix, matrix @ truth + 0.3 * rng.normal(size=(25, 200)))

    def error(method):
        return evaluate(reconstruct(problem, method).heart_potentials, truth).relative_error

    assert error(IsotropyPrewhitening()) < 0.9 * error(Tikhonov(rule=Oracle(truth)))
    assert error(IsotropyPrewhitening(rule=Oracle(truth))) <= error(IsotropyPrewhitening())


def test_solution_scales_with_the_unit(low_rank, rng):
    matrix, truth = low_rank
    problem = InverseProblem(matrix, matrix @ truth + 0.1 * rng.normal(size=(25, 200)))
    base = reconstruct(problem, IsotropyPrewhitening())
    scaled = reconstruct(problem.with_data(1e3 * problem.body_potentials), base.method)
    np.testing.assert_allclose(
        scaled.heart_potentials, 1e3 * base.heart_potentials, rtol=1e-7, atol=1e-7
    )


def test_measured_tank_is_not_worse_than_nothing_and_better_with_the_oracle(shared_data):
    with np.load(shared_data("ecgi_utah_tank_sock128") / "sock128_tank192.npz") as tank:
        heart = Surface(tank["heart_vertices_mm"], tank["heart_faces"])
        problem = InverseProblem(
            ObservationOperator(tank["forward_matrix"], Source.EPICARDIAL, heart),
            tank["torso_potentials_mV"].astype(float),
            leads=tank["torso_lead_node"],
            reference=CommonAverage(),
        )
        truth = tank["heart_potentials_mV"].astype(float)

    def error(method):
        return evaluate(
            reconstruct(problem, method).heart_potentials, truth, remove_mean=True
        ).relative_error

    assert error(IsotropyPrewhitening(order=2)) < 0.9
    assert error(IsotropyPrewhitening(order=2, rule=Oracle(truth, remove_mean=True))) < 0.845


def test_more_components_than_there_are_is_refused(rng):
    problem = InverseProblem(rng.normal(size=(4, 6)), rng.normal(size=(4, 3)))
    with pytest.raises(InputError, match="n_components: found 5; expected at most 3"):
        reconstruct(problem, IsotropyPrewhitening(n_components=5))


def test_a_silent_recording_is_refused():
    with pytest.raises(InputError, match="body_potentials: found zero"):
        reconstruct(InverseProblem(np.eye(3), np.zeros((3, 4))), IsotropyPrewhitening())
