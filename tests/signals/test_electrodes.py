import numpy as np
import pytest

from cardiotwin import GeometryError, InputError
from cardiotwin.geometry import Surface
from cardiotwin.signals import Electrodes


@pytest.fixture(scope="module")
def octahedron():
    corners = [[50, 0, 0], [-50, 0, 0], [0, 50, 0], [0, -50, 0], [0, 0, 50], [0, 0, -50]]
    top = [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4]]
    return Surface(corners, [*top, *([b, a, 5] for a, b, _ in top)])


def test_projected_nodes_are_the_nodes(octahedron):
    leads = Electrodes.project(octahedron, octahedron.vertices_mm)
    np.testing.assert_array_equal(leads.interpolation_matrix.toarray(), np.eye(6))
    assert leads.distance_mm.max() == 0


def test_weights_are_barycentric_and_reproduce_the_position(octahedron, rng):
    leads = Electrodes.project(octahedron, 80 * rng.normal(size=(300, 3)))
    np.testing.assert_allclose(leads.weights.sum(axis=1), 1, atol=1e-12)
    assert leads.weights.min() >= 0
    np.testing.assert_allclose(
        leads.interpolation_matrix @ octahedron.vertices_mm, leads.positions_mm, atol=1e-12
    )


def test_interpolation_is_exact_for_linear_functions(octahedron, rng):
    slope, offset = rng.normal(size=3), 0.7
    leads = Electrodes.project(octahedron, 40 * rng.normal(size=(100, 3)))
    read = leads.interpolation_matrix @ (octahedron.vertices_mm @ slope + offset)
    np.testing.assert_allclose(read, leads.positions_mm @ slope + offset, atol=1e-11)


def test_no_point_of_the_surface_is_nearer(octahedron, rng):
    points = 60 * rng.normal(size=(60, 3))
    leads = Electrodes.project(octahedron, points)
    shares = rng.dirichlet([0.5, 0.5, 0.5], size=4000)
    corners = octahedron.vertices_mm[octahedron.faces]
    sampled = np.einsum("sk,fkx->sfx", shares, corners).reshape(-1, 3)
    nearest = np.linalg.norm(sampled[None] - points[:, None], axis=2).min(axis=1)
    assert (leads.distance_mm <= nearest + 1e-9).all()
    assert np.median(nearest - leads.distance_mm) < 0.5


def test_offset_along_the_normal_is_undone(octahedron, rng):
    shares = rng.dirichlet([3, 3, 3], size=octahedron.n_faces)
    inside = np.einsum("fk,fkx->fx", shares, octahedron.vertices_mm[octahedron.faces])
    leads = Electrodes.project(octahedron, inside + 4 * octahedron.face_normals)
    np.testing.assert_allclose(leads.positions_mm, inside, atol=1e-9)
    np.testing.assert_allclose(leads.distance_mm, 4, atol=1e-9)
    np.testing.assert_allclose(leads.weights, shares, atol=1e-9)


def test_triangles_without_area_do_no_harm():
    sheet = Surface([[0, 0, 0], [10, 0, 0], [20, 0, 0], [0, 10, 0]], [[0, 1, 2], [0, 1, 3]])
    lead = Electrodes.project(sheet, [[15, -3, 4]])
    np.testing.assert_allclose(lead.positions_mm, [[15, 0, 0]])
    assert lead.distance_mm[0] == pytest.approx(5)


def test_far_electrodes_are_named(octahedron):
    with pytest.raises(GeometryError, match=r"1 electrodes.*'V2' by 50 mm.*at most 10.*unit"):
        Electrodes.project(
            octahedron, [[51, 0, 0], [0, 0, 100]], names=["V1", "V2"], max_distance_mm=10
        )


def test_measured_tank_leads_coincide_with_their_nodes(shared_data):
    data = np.load(shared_data("ecgi_utah_tank_sock128") / "sock128_tank192.npz")
    tank = Surface(data["torso_vertices_mm"], data["torso_faces"])
    nodes = data["torso_lead_node"]
    on_nodes = Electrodes.on_nodes(tank, nodes)
    projected = Electrodes.project(tank, tank.vertices_mm[nodes], max_distance_mm=1e-9)
    difference = on_nodes.interpolation_matrix - projected.interpolation_matrix
    assert abs(difference).max() == 0


def test_select_and_rename(octahedron):
    leads = Electrodes.on_nodes(octahedron, [4, 5, 0], names=["a", "b", "c"])
    part = leads.select(["c", "a"]).renamed({"a": "RA"})
    assert part.names == ("c", "RA")
    np.testing.assert_array_equal(part.positions_mm, octahedron.vertices_mm[[0, 4]])
    with pytest.raises(InputError, match="'d'"):
        leads.renamed({"d": "RA"})


@pytest.mark.parametrize(
    ("nodes", "names", "message"),
    [
        ([1, 2, 3, 4, 5, 6], None, "subtract 1"),
        ([-1], None, "index -1"),
        ([0, 1], ["x"], "2 names"),
        ([0, 1], ["x", "x"], "more than once"),
        ([], None, "at least one electrode"),
    ],
)
def test_bad_nodes_and_names(octahedron, nodes, names, message):
    with pytest.raises(InputError, match=message):
        Electrodes.on_nodes(octahedron, nodes, names)


def test_weights_that_do_not_add_up_are_refused():
    with pytest.raises(InputError, match="add up to 1"):
        Electrodes(3, [[0, 1, 2]], [[0.5, 0.5, 0.5]], [[0, 0, 0]])


def test_positions_with_nan_are_refused(octahedron):
    with pytest.raises(InputError, match="positions_mm"):
        Electrodes.project(octahedron, [[np.nan, 0, 0]])
