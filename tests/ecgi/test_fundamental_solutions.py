import numpy as np
import pytest
from scipy.special import eval_legendre

from cardiotwin import GeometryError, InputError
from cardiotwin.ecgi import (
    CheckedGCV,
    CommonAverage,
    Fixed,
    FundamentalSolutions,
    InverseProblem,
    ObservationOperator,
    Oracle,
    Source,
    evaluate,
    reconstruct,
)
from cardiotwin.geometry import Surface, zoo

CASE = zoo.concentric_spheres(162)


def harmonic(points, degree, axis=2):
    """A potential that is harmonic between the spheres and has no flux through the outer one."""
    radius = np.linalg.norm(points, axis=1)
    ratio = radius / CASE.torso_radius_mm
    legendre = eval_legendre(degree, points[:, axis] / radius)
    return legendre * ((degree + 1) / degree * ratio**degree + ratio ** -(degree + 1))


def problem_of(body_potentials, **settings):
    # The method needs the surfaces only: the matrix is never read.
    unread = np.eye(CASE.torso.n_nodes, CASE.heart.n_nodes)
    operator = ObservationOperator(unread, Source.EPICARDIAL, CASE.heart, CASE.torso)
    return InverseProblem(operator, body_potentials, **settings)


@pytest.mark.parametrize(("degree", "bound"), [(1, 0.02), (2, 0.03), (3, 0.06)])
def test_exact_solutions_between_spheres_come_back(degree, bound):
    body = harmonic(CASE.torso.vertices_mm, degree)[:, None]
    truth = harmonic(CASE.heart.vertices_mm, degree)[:, None]
    found = reconstruct(problem_of(body), FundamentalSolutions(rule=Oracle(truth)))
    assert evaluate(found.heart_potentials, truth).relative_error < bound


def test_noise_is_regularized_away(rng):
    bodies = np.stack([harmonic(CASE.torso.vertices_mm, 1, axis) for axis in range(3)], axis=1)
    truth = np.stack([harmonic(CASE.heart.vertices_mm, 1, axis) for axis in range(3)], axis=1)
    noisy = bodies + 0.02 * np.abs(bodies).max() * rng.normal(size=bodies.shape)
    found = reconstruct(problem_of(noisy), FundamentalSolutions())
    assert evaluate(found.heart_potentials, truth).relative_error < 0.1
    raw = reconstruct(problem_of(noisy), FundamentalSolutions(rule=Fixed(1e-7)))
    assert evaluate(raw.heart_potentials, truth).relative_error > 1


def test_a_constant_stays_a_constant():
    found = reconstruct(problem_of(np.full((162, 2), 3.0)), FundamentalSolutions(rule=Fixed(0.1)))
    np.testing.assert_allclose(found.heart_potentials, 3.0, atol=1e-8)


def test_some_leads_against_their_average_are_enough():
    leads = np.arange(0, 162, 2)
    body = harmonic(CASE.torso.vertices_mm, 1)[leads, None]
    truth = harmonic(CASE.heart.vertices_mm, 1)[:, None]
    problem = problem_of(body + 7.0, leads=leads, reference=CommonAverage(), exclude=[4, 9])
    found = reconstruct(problem, FundamentalSolutions(rule=Oracle(truth, remove_mean=True)))
    assert evaluate(found.heart_potentials, truth, remove_mean=True).relative_error < 0.03


def test_leads_in_another_order_give_the_same_answer(rng):
    body = harmonic(CASE.torso.vertices_mm, 2)[:, None]
    order = rng.permutation(162)
    method = FundamentalSolutions(rule=Fixed(1e-2))
    np.testing.assert_allclose(
        reconstruct(problem_of(body[order], leads=order), method).heart_potentials,
        reconstruct(problem_of(body), method).heart_potentials,
        atol=1e-8,
    )


def test_units_of_length_do_not_matter():
    body = harmonic(CASE.torso.vertices_mm, 1)[:, None]
    method = FundamentalSolutions(rule=Fixed(1e-2))
    large = [s.with_vertices(10 * s.vertices_mm) for s in (CASE.heart, CASE.torso)]
    operator = ObservationOperator(np.eye(162), Source.EPICARDIAL, *large)
    np.testing.assert_allclose(
        reconstruct(InverseProblem(operator, body), method).heart_potentials,
        reconstruct(problem_of(body), method).heart_potentials,
        atol=0.02 * np.abs(body).max(),
    )


def test_sources_lie_outside_the_volume():
    sources = FundamentalSolutions().sources(CASE.heart, CASE.torso)
    radius = np.linalg.norm(sources, axis=1)
    np.testing.assert_allclose(radius[:162], 1.2 * CASE.torso_radius_mm, rtol=0.01)
    np.testing.assert_allclose(radius[162:], 0.8 * CASE.heart_radius_mm, rtol=0.01)


def test_measured_tank_is_better_than_second_order_tikhonov(shared_data):
    with np.load(shared_data("ecgi_utah_tank_sock128") / "sock128_tank192.npz") as tank:
        operator = ObservationOperator(
            tank["forward_matrix"],
            Source.EPICARDIAL,
            Surface(tank["heart_vertices_mm"], tank["heart_faces"]),
            Surface(tank["torso_vertices_mm"], tank["torso_faces"]),
        )
        problem = InverseProblem(
            operator,
            tank["torso_potentials_mV"].astype(float),
            leads=tank["torso_lead_node"],
            reference=CommonAverage(),
        )
        truth = tank["heart_potentials_mV"].astype(float)
    found = reconstruct(problem, FundamentalSolutions(rule=CheckedGCV()))
    metrics = evaluate(found.heart_potentials, truth, remove_mean=True)
    # Best second-order Tikhonov: 0.864, 0.50.
    assert metrics.relative_error < 0.855 and metrics.correlation > 0.53


def test_an_operator_without_surfaces_is_refused():
    with pytest.raises(InputError, match=r"without its surfaces.*transfer_matrix"):
        reconstruct(InverseProblem(np.eye(3), np.ones((3, 1))), FundamentalSolutions())


def test_a_wrong_kind_of_source_is_refused():
    operator = ObservationOperator(np.eye(162), Source.TRANSMEMBRANE, CASE.heart, CASE.torso)
    with pytest.raises(InputError, match="transmembrane"):
        reconstruct(InverseProblem(operator, np.ones((162, 1))), FundamentalSolutions())


def test_surfaces_that_are_exchanged_are_refused():
    hollow = CASE.heart.with_vertices(CASE.heart.vertices_mm * [1, 1, 0.02] + [0, 0, 35.0])
    bowl = hollow.vertices_mm.copy()
    bowl[:, 2] += 0.02 * (bowl[:, 0] ** 2 + bowl[:, 1] ** 2)
    operator = ObservationOperator(
        np.eye(162), Source.EPICARDIAL, CASE.heart.with_vertices(bowl), CASE.torso
    )
    with pytest.raises(GeometryError, match=r"heart: found .* sources between heart and torso"):
        reconstruct(InverseProblem(operator, np.ones((162, 1))), FundamentalSolutions())
