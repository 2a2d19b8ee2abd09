"""Integrals over triangles: solid angles, and quadrature that knows nothing of the formulas."""

import numpy as np
import pytest

from cardiotwin.ecgi._boundary_elements import double_layer_weights, layer_integrals
from cardiotwin.geometry import Surface, icosphere, solid_angles

TRIANGLE = Surface([[0, 0, 0], [30, 2, 1], [4, 25, -3]], [[0, 1, 2]])


def bumpy(level=2):
    ball = icosphere(level, radius_mm=50)
    return ball.with_vertices(ball.vertices_mm * (1 + 0.2 * np.sin(ball.vertices_mm / 15)))


def duffy(triangle, corner, point, order=40):
    """∫ N_k/R and ∫ N_k h/R³ by Gauss points crowded towards one corner of the triangle."""
    x, w = np.polynomial.legendre.leggauss(order)
    x, w = (x + 1) / 2, w / 2
    s, t = np.meshgrid(x, x, indexing="ij")
    shares = np.stack([1 - s, s * (1 - t), s * t], axis=-1).reshape(-1, 3)
    weights = (np.outer(w, w) * s).ravel() * 2 * triangle.area_mm2
    nodes = np.roll(triangle.vertices_mm, -corner, axis=0)
    arm = shares @ nodes - point
    distance = np.linalg.norm(arm, axis=1)
    single = (weights / distance) @ shares
    double = (weights * (arm @ triangle.face_normals[0]) / distance**3) @ shares
    return np.roll(single, corner), np.roll(double, corner)


@pytest.mark.parametrize("point", [[10, 9, 20], [-40, 30, 60], [12, 8, -6], [400, 100, 300]])
def test_integrals_equal_quadrature(point):
    point = np.array(point, dtype=float)
    exact = layer_integrals(TRIANGLE, point[None])
    single, double = duffy(TRIANGLE, 0, point)
    np.testing.assert_allclose(exact.single[0], single, rtol=1e-7)
    np.testing.assert_allclose(exact.double[0], double, rtol=1e-7)


@pytest.mark.parametrize("corner", [0, 1, 2])
def test_singular_single_layer_equals_duffy_quadrature(corner):
    exact = layer_integrals(TRIANGLE)
    single, _ = duffy(TRIANGLE, corner, TRIANGLE.vertices_mm[corner])
    np.testing.assert_allclose(exact.single[corner], single, rtol=1e-8)
    assert (exact.double[corner] == 0).all()


def test_solid_angles_of_a_closed_surface_sum_to_4_pi_inside_and_0_outside(rng):
    surface = bumpy(3)
    points = rng.normal(size=(300, 3)) * 45
    inside = solid_angles(surface, points).sum(axis=1) > 2 * np.pi
    total = double_layer_weights(surface, points).sum(axis=1)
    assert 30 < inside.sum() < 270
    np.testing.assert_allclose(total, 4 * np.pi * inside, atol=1e-12)


def test_weights_of_a_triangle_sum_to_its_solid_angle(rng):
    points = rng.normal(size=(100, 3)) * 30
    total = double_layer_weights(TRIANGLE, points).sum(axis=1)
    np.testing.assert_allclose(total, solid_angles(TRIANGLE, points)[:, 0], atol=1e-12)


def test_angles_of_own_corners_sum_to_the_polyhedron_rule():
    # A cube's corner is an eighth of the full angle: the other faces of the cube fill π/2.
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * 50.0
    squares = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    cube = Surface(corners, [f for a, b, c, d in squares for f in ([a, b, c], [a, c, d])])
    assert cube.is_closed and cube.volume_ml > 0
    np.testing.assert_allclose(double_layer_weights(cube).sum(axis=1), np.pi / 2, atol=1e-12)


def test_potential_of_a_charged_sphere():
    # A uniform single layer on a sphere of radius a: 4πa inside, 4πa²/r outside.
    ball = icosphere(3, radius_mm=50)
    single = layer_integrals(ball, np.array([[0.0, 0, 0], [10, 20, 5], [0, 0, 100]])).single
    np.testing.assert_allclose(
        single.sum(axis=1), 4 * np.pi * 50 * np.array([1, 1, 0.5]), rtol=6e-3
    )


def test_far_triangles_become_points():
    far = np.array([[9e4, 3e4, -5e4]])
    exact = layer_integrals(bumpy(1), far)
    area = bumpy(1).node_areas_mm2
    np.testing.assert_allclose(exact.single[0], area / np.linalg.norm(far), rtol=2e-3)


def test_blocks_of_viewpoints_do_not_change_the_result(monkeypatch):
    surface = bumpy(2)
    whole = layer_integrals(surface)
    monkeypatch.setattr("cardiotwin.ecgi._boundary_elements._ENTRIES_A_BLOCK", 4000)
    parts = layer_integrals(surface)
    np.testing.assert_allclose(parts.double, whole.double, atol=1e-13)
    np.testing.assert_allclose(parts.single, whole.single, rtol=1e-12)
