"""Laplacians, gradient and mass: exactness, conservation, adjointness, convergence."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import diags_array
from scipy.sparse.linalg import spsolve
from scipy.spatial.transform import Rotation

from cardiotwin import GeometryError, InputError
from cardiotwin.geometry import (
    CotangentLaplacian,
    PaperLaplacian,
    Surface,
    mass_matrix,
    nodal_gradient,
    surface_gradient,
    zoo,
)

BALL = zoo.sphere(162, radius_mm=30.0)
LAPLACIANS = [PaperLaplacian(), CotangentLaplacian()]
by_name = pytest.mark.parametrize("laplacian", LAPLACIANS, ids=lambda x: x.name)


@pytest.fixture(scope="module")
def heart() -> Surface:
    return zoo.human(300, 100).heart


def hexagonal_patch(n: int = 7, edge: float = 2.0) -> tuple[Surface, np.ndarray]:
    """Equilateral triangles in a plane, and its nodes that have six neighbours."""
    i, j = (x.ravel() for x in np.mgrid[:n, :n])
    points = edge * np.stack([i + 0.5 * j, np.sqrt(0.75) * j, 0.0 * i], axis=1)
    corner = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    faces = np.concatenate(
        [
            np.stack([corner, corner + n, corner + 1], 1),
            np.stack([corner + n, corner + n + 1, corner + 1], 1),
        ]
    )
    inner = (i > 0) & (i < n - 1) & (j > 0) & (j < n - 1)
    return Surface(points, faces), np.flatnonzero(inner)


@by_name
def test_constants_are_in_the_null_space(laplacian, heart):
    assert np.abs(laplacian.matrix(heart) @ np.ones(heart.n_nodes)).max() < 1e-12


@by_name
def test_self_adjoint_and_conserving_in_own_mass(laplacian, heart, rng):
    conductivity = rng.uniform(0.5, 12.0, heart.n_nodes)
    mass = laplacian.mass(heart)
    for operator in (laplacian.matrix(heart), laplacian.weighted_matrix(heart, conductivity)):
        form = (diags_array(mass) @ operator).toarray()
        assert np.abs(form - form.T).max() < 1e-12 * np.abs(form).max()
        u = rng.normal(size=heart.n_nodes)
        assert abs(mass @ (operator @ u)) < 1e-10 * np.abs(mass * (operator @ u)).sum()
        assert np.linalg.eigvalsh(form).max() < 1e-10 * np.abs(form).max()


def test_the_paper_operator_conserves_its_own_mass_but_not_area(heart, rng):
    u = rng.normal(size=heart.n_nodes)
    flow = PaperLaplacian().matrix(heart) @ u
    assert abs(heart.node_areas_mm2 @ flow) > 1e-4 * np.abs(heart.node_areas_mm2 * flow).sum()


def test_paper_mass_is_radius_times_degree(heart):
    node = 17
    joined = heart.edges[(heart.edges == node).any(axis=1)].sum(axis=1) - node
    lengths = np.linalg.norm(heart.vertices_mm[joined] - heart.vertices_mm[node], axis=1)
    assert PaperLaplacian().mass(heart)[node] == pytest.approx(lengths.mean() * len(joined))
    u = np.sin(heart.vertices_mm[:, 0] / 20)
    by_hand = 4 / (lengths.mean() * len(joined)) * ((u[joined] - u[node]) / lengths).sum()
    assert (PaperLaplacian().matrix(heart) @ u)[node] == pytest.approx(by_hand, rel=1e-12)


@by_name
@given(coefficients=st.lists(st.floats(-3, 3), min_size=6, max_size=6))
def test_exact_for_quadratics_on_a_regular_patch(laplacian, coefficients):
    surface, inner = hexagonal_patch()
    x, y, _ = surface.vertices_mm.T
    a, b, c, d, e, f = coefficients
    u = a * x**2 + b * x * y + c * y**2 + d * x + e * y + f
    error = (laplacian.matrix(surface) @ u)[inner] - (2 * a + 2 * c)
    assert np.abs(error).max() < 1e-9


@by_name
def test_uniform_conductivity_multiplies_the_operator(laplacian, heart):
    difference = laplacian.weighted_matrix(heart, 10.0) - 10 * laplacian.matrix(heart)
    assert np.abs(difference.toarray()).max() < 1e-12 * 10
    per_node = laplacian.weighted_matrix(heart, np.full(heart.n_nodes, 10.0))
    assert np.abs((per_node - laplacian.weighted_matrix(heart, 10.0)).toarray()).max() == 0


@by_name
def test_no_flux_into_tissue_that_does_not_conduct(laplacian, heart):
    conductivity = (heart.vertices_mm[:, 0] > heart.centroid_mm[0]).astype(float)
    operator = laplacian.weighted_matrix(heart, conductivity)
    dead = np.flatnonzero(conductivity == 0)
    far = [i for i in dead if not conductivity[(abs(operator[[i]]) > 0).toarray()[0]].any()]
    assert far
    assert np.abs(operator[far] @ heart.vertices_mm).max() == 0


def relative_error(laplacian, n_nodes: int, degree: int) -> float:
    surface = zoo.sphere(n_nodes, radius_mm=1.0)
    x, y, z = surface.vertices_mm.T
    harmonic = {1: z, 2: x * y, 3: x * y * z}[degree]
    exact = -degree * (degree + 1) * harmonic
    error = laplacian.matrix(surface) @ harmonic - exact
    return float(np.sqrt((error**2).mean() / (exact**2).mean()))


@pytest.mark.parametrize(("n_nodes", "error"), [(162, 0.28), (642, 0.52), (10242, 1.21)])
def test_paper_operator_does_not_converge_on_icospheres(n_nodes, error):
    assert relative_error(PaperLaplacian(), n_nodes, 1) == pytest.approx(error, abs=0.006)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_cotangent_operator_converges_at_every_node(degree):
    errors = [relative_error(CotangentLaplacian(), n, degree) for n in (162, 642, 2562, 10242)]
    assert errors[-1] < 2.5e-3
    assert (np.log2(np.array(errors[:-1]) / errors[1:]) > 1.1).all()


def test_cotangent_solutions_converge_with_second_order():
    # u − Δu = f has the solution x·y·z + x·y for f = 13·x·y·z + 7·x·y on the unit sphere.
    laplacian, errors = CotangentLaplacian(), []
    for n in (162, 642, 2562):
        surface = zoo.sphere(n, radius_mm=1.0)
        x, y, z = surface.vertices_mm.T
        system = (diags_array(np.ones(n)) - laplacian.matrix(surface)).tocsc()
        error = spsolve(system, 13 * x * y * z + 7 * x * y) - (x * y * z + x * y)
        errors.append(np.sqrt((error**2).mean()))
    assert (np.log2(np.array(errors[:-1]) / errors[1:]) > 1.8).all()


def test_cotangent_form_is_the_gradient_form(heart):
    gradient, laplacian = surface_gradient(heart), CotangentLaplacian()
    area = np.tile(heart.face_areas_mm2, 3)
    stiffness = (gradient.T @ diags_array(area) @ gradient).toarray()
    form = (diags_array(laplacian.mass(heart)) @ laplacian.matrix(heart)).toarray()
    assert np.allclose(form, -stiffness, atol=1e-10 * np.abs(stiffness).max())


@given(slope=st.tuples(*[st.floats(-5, 5)] * 3))
def test_gradient_of_linear_functions_is_their_slope_in_the_face(slope):
    surface = BALL
    gradient = (surface_gradient(surface) @ (surface.vertices_mm @ slope)).reshape(3, -1).T
    normal = surface.face_normals
    expected = np.array(slope) - (normal @ slope)[:, None] * normal
    assert np.abs(gradient - expected).max() < 1e-12 * 100


def test_nodal_gradient_approaches_the_tangential_slope():
    surface = zoo.sphere(2562, radius_mm=1.0)
    slope = np.array([0.3, -1.0, 2.0])
    found = (nodal_gradient(surface) @ (surface.vertices_mm @ slope)).reshape(3, -1).T
    normal = surface.vertices_mm
    assert np.abs(found - (slope - (normal @ slope)[:, None] * normal)).max() < 0.02


def test_mass_matrix_integrates(heart):
    mass = mass_matrix(heart)
    u, w = heart.vertices_mm[:, 0], heart.vertices_mm[:, 2]
    a, b = u[heart.faces], w[heart.faces]
    middles = (a + np.roll(a, 1, 1)) / 2 * (b + np.roll(b, 1, 1)) / 2  # exact for quadratics
    exact = (heart.face_areas_mm2 * middles.mean(axis=1)).sum()
    assert u @ (mass @ w) == pytest.approx(exact, rel=1e-12)
    lumped = mass_matrix(heart, lumped=True).diagonal()
    assert np.allclose(lumped, mass.sum(axis=1))
    assert np.linalg.eigvalsh(mass.toarray()).min() > 0


def test_mixed_voronoi_areas_fill_the_surface(heart):
    area = CotangentLaplacian().mass(heart)
    assert area.min() > 0
    assert area.sum() == pytest.approx(heart.area_mm2, rel=1e-12)


@by_name
def test_rotation_and_scale(laplacian, heart):
    turn = Rotation.from_rotvec([0.4, -1.1, 0.7]).as_matrix()
    u = np.sin(heart.vertices_mm[:, 2] / 15)
    here = laplacian.matrix(heart) @ u
    turned = laplacian.matrix(heart.moved([5, -80, 3], turn)) @ u
    assert np.allclose(turned, here, atol=1e-10 * np.abs(here).max())
    doubled = laplacian.matrix(heart.with_vertices(2 * heart.vertices_mm)) @ u
    assert np.allclose(doubled, here / 4, atol=1e-12)


@by_name
def test_ten_thousand_nodes_take_a_moment(laplacian):
    surface = zoo.sphere(10242)
    laplacian.matrix(surface)  # edges and areas are kept by the surface
    start = time.perf_counter()
    laplacian.matrix(surface)
    assert time.perf_counter() - start < 0.4


@by_name
def test_bad_surfaces_and_conductivities_are_refused(laplacian, heart):
    unused = Surface(np.vstack([heart.vertices_mm, [0.0, 0.0, 0.0]]), heart.faces, "epicardium")
    with pytest.raises(GeometryError, match=r"epicardium: found 1 nodes that no triangle.*clean"):
        laplacian.matrix(unused)
    with pytest.raises(InputError, match=r"conductivity: found shape \(3,\).*one value a node"):
        laplacian.weighted_matrix(heart, [1.0, 2.0, 3.0])
    with pytest.raises(InputError, match=r"conductivity: found 300 negative.*backward"):
        laplacian.weighted_matrix(heart, -1.0)
    flat = Surface([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]])
    with pytest.raises(GeometryError, match=r"without area.*geometry\.clean"):
        surface_gradient(flat)
