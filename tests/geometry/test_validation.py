"""What can be wrong with a surface is found, said with advice, and repaired."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiotwin import GeometryError, InputError, UnitError
from cardiotwin.geometry import (
    Surface,
    cap,
    check_anatomical_size,
    clean,
    find_self_intersections,
    measure_quality,
    orient,
    rim_loops,
    validate,
    zoo,
)

BALL = zoo.sphere(162, radius_mm=50.0)


def opened(surface: Surface = BALL, *, both_ends: bool = False) -> Surface:
    height = surface.vertices_mm[surface.faces].mean(axis=1)[:, 2]
    keep = height < 0.7 * height.max()
    if both_ends:
        keep &= height > 0.5 * height.min()
    return clean(Surface(surface.vertices_mm, surface.faces[keep], "vest"))[0]


def torus(n: int = 24, m: int = 12) -> Surface:
    i, j = (x.ravel() for x in np.mgrid[:n, :m])
    a, b = 2 * np.pi * i / n, 2 * np.pi * j / m
    ring = 60 + 20 * np.cos(b)
    points = np.stack([ring * np.cos(a), ring * np.sin(a), 20 * np.sin(b)], 1)

    def node(p, q):
        return (p % n) * m + q % m

    corners = node(i, j), node(i + 1, j), node(i + 1, j + 1), node(i, j + 1)
    faces = np.concatenate([np.stack([corners[0], *corners[k : k + 2]], 1) for k in (1, 2)])
    return Surface(points, faces)


def joined(*surfaces: Surface) -> Surface:
    starts = np.cumsum([0] + [s.n_nodes for s in surfaces])
    return Surface(
        np.vstack([s.vertices_mm for s in surfaces]),
        np.vstack([s.faces + start for s, start in zip(surfaces, starts, strict=False)]),
    )


def test_a_good_surface_is_ok():
    report = validate(BALL)
    assert report.ok and report.closed and report.oriented and report.outward
    assert (report.euler_number, report.genus, report.n_parts, report.n_rims) == (2, 0, 1, 0)
    assert report.self_intersections == 0
    assert report.volume_ml == pytest.approx(BALL.volume_ml)
    text = str(report)
    assert "ok" in text and "Euler number" in text and "genus" in text and "aspect ratio" in text


def test_a_torus_has_one_handle():
    report = validate(orient(torus()))
    assert report.ok and report.euler_number == 0 and report.genus == 1
    assert report.volume_ml == pytest.approx(2 * np.pi**2 * 60 * 20**2 / 1000, rel=0.07)


def test_open_rims_are_counted_and_measured():
    surface = opened(both_ends=True)
    report = validate(surface)
    assert not report.closed and report.genus is None and report.volume_ml is None
    assert report.n_rims == 2
    ends = surface.vertices_mm[surface.boundary_edges]
    assert sum(report.rim_lengths_mm) == pytest.approx(
        np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1).sum()
    )
    assert report.problems == ("2 open rims: close them with geometry.cap.",)
    assert "has problems" in str(report) and "problem: 2 open rims" in str(report)


@pytest.mark.parametrize("new_node", [True, False])
@pytest.mark.parametrize("both_ends", [True, False])
def test_capping_closes_and_keeps_old_numbers(new_node, both_ends):
    surface = opened(both_ends=both_ends)
    closed = cap(surface, new_node=new_node)
    report = validate(closed)
    assert report.ok, str(report)
    assert report.euler_number == 2
    assert np.array_equal(closed.vertices_mm[: surface.n_nodes], surface.vertices_mm)
    assert np.array_equal(closed.faces[: surface.n_faces], surface.faces)
    assert closed.n_nodes == surface.n_nodes + new_node * (1 + both_ends)
    assert 0.6 * BALL.volume_ml < closed.volume_ml < BALL.volume_ml


def test_capping_restores_the_counts_of_the_paper_torso():
    # Cutting one node's triangles away and capping gives 2n − 4 triangles again.
    torso = zoo.human(50, 352).torso
    without = clean(Surface(torso.vertices_mm, torso.faces[(torso.faces != 7).all(axis=1)]))[0]
    closed = cap(without)
    assert (closed.n_nodes, closed.n_faces) == (352, 700)
    assert cap(torso).n_faces == 700


def test_two_rims_that_touch_in_one_node_are_two_loops():
    node = 30
    around = np.flatnonzero((BALL.faces == node).any(axis=1))
    by_angle = around[np.argsort(np.arctan2(*_tangent(BALL, node, around)))]
    holed = Surface(BALL.vertices_mm, np.delete(BALL.faces, by_angle[[0, 3]], axis=0))
    assert sorted(map(len, rim_loops(holed))) == [3, 3]
    assert cap(holed).is_closed and cap(holed).n_faces == BALL.n_faces


def _tangent(surface, node, around):
    middle = surface.vertices_mm[surface.faces[around]].mean(axis=1) - surface.vertices_mm[node]
    normal = surface.node_normals[node]
    first = np.cross(normal, [0.3, 0.5, 0.8])
    return middle @ first, middle @ np.cross(normal, first)


@given(seed=st.integers(0, 10_000))
def test_orientation_is_restored_whatever_is_turned(seed):
    rng = np.random.default_rng(seed)
    turned = rng.random(BALL.n_faces) < rng.random()
    faces = np.where(turned[:, None], BALL.faces[:, ::-1], BALL.faces)
    mixed = Surface(BALL.vertices_mm, faces)
    repaired = orient(mixed)
    assert repaired.is_closed
    assert repaired.volume_ml == pytest.approx(BALL.volume_ml)


def test_turned_triangles_are_reported():
    faces = BALL.faces.copy()
    faces[10] = faces[10, ::-1]
    report = validate(Surface(BALL.vertices_mm, faces))
    assert not report.oriented and not report.closed and report.n_rims == 0
    assert report.problems == (
        "Neighbouring triangles disagree on their orientation: use geometry.orient.",
    )


def test_inside_out_is_reported_and_parts_are_turned_one_by_one():
    assert "flipped" in validate(BALL.flipped()).problems[0]
    pair = joined(BALL, BALL.flipped().moved([200, 0, 0]))
    report = validate(pair)
    assert report.n_parts == 2 and report.outward is False and report.genus == 0
    assert validate(orient(pair)).outward
    assert orient(pair).volume_ml == pytest.approx(2 * BALL.volume_ml)


def test_an_open_vest_is_turned_outward():
    vest = opened(both_ends=True)
    again = orient(vest.flipped())
    assert (np.einsum("fx,fx->f", again.face_normals, vest.face_normals) > 0.99).all()


def test_one_sided_surfaces_are_refused():
    angle = 2 * np.pi * np.arange(12) / 12
    rows = []
    for side in (-1, 1):
        ring = 50 + 10 * side * np.cos(angle / 2)
        rows.append(
            np.stack([ring * np.cos(angle), ring * np.sin(angle), 10 * side * np.sin(angle / 2)], 1)
        )
    low, high = np.arange(12), np.arange(12) + 12
    next_low, next_high = np.append(low[1:], high[0]), np.append(high[1:], low[0])
    strip = Surface(
        np.vstack(rows),
        np.vstack([np.stack([low, next_low, high], 1), np.stack([next_low, next_high, high], 1)]),
    )
    with pytest.raises(GeometryError, match="one-sided"):
        orient(strip)


def test_duplicates_flat_triangles_and_unused_nodes_are_found_and_cleaned():
    # Every triangle with its own three nodes, one triangle twice, one unused node.
    soup = Surface(BALL.vertices_mm[BALL.faces].reshape(-1, 3), np.arange(960).reshape(-1, 3))
    messy = Surface(
        np.vstack([soup.vertices_mm, [[1.0, 2.0, 3.0]]]),
        np.vstack([soup.faces, soup.faces[:1], [[0, 1, int(_twin(soup, 0))]]]),
    )
    report = validate(messy)
    assert report.duplicate_nodes == 960 - 162
    assert (report.duplicate_faces, report.degenerate_faces, report.unused_nodes) == (1, 1, 1)
    assert sum("geometry.clean" in text for text in report.problems) == 4
    cleaned, new_number = clean(messy)
    assert validate(cleaned).ok and (cleaned.n_nodes, cleaned.n_faces) == (162, 320)
    assert new_number[-1] == -1
    assert np.array_equal(cleaned.vertices_mm[new_number[:-1]], soup.vertices_mm)


def _twin(soup: Surface, node: int) -> int:
    same = (soup.vertices_mm == soup.vertices_mm[node]).all(axis=1)
    return np.flatnonzero(same)[1]


def test_cleaning_a_clean_surface_changes_nothing():
    cleaned, new_number = clean(BALL)
    assert np.array_equal(cleaned.faces, BALL.faces)
    assert np.array_equal(new_number, np.arange(162))
    with pytest.raises(GeometryError, match=r"no triangle left.*tolerance_mm"):
        clean(BALL, tolerance_mm=1e3)
    with pytest.raises(InputError, match="tolerance_mm: found -1"):
        clean(BALL, tolerance_mm=-1)


def test_walls_inside_are_refused():
    a, b = BALL.faces[0, :2]
    opposite = int(np.argmin(BALL.vertices_mm @ BALL.vertices_mm[a]))
    walled = Surface(BALL.vertices_mm, np.vstack([BALL.faces, [[a, b, opposite]]]), "ventricle")
    report = validate(walled)
    assert report.nonmanifold_edges == 1 and "more than two triangles" in report.problems[0]
    for repair in (orient, cap):
        with pytest.raises(GeometryError, match="ventricle: found 1 edges with more than two"):
            repair(walled)


def test_self_intersections_are_found():
    assert len(find_self_intersections(BALL)) == 0
    crossing = joined(BALL, BALL.moved([70.0, 3.0, 1.0]))
    pairs = find_self_intersections(crossing)
    assert len(pairs)
    edge_part = crossing.edges[pairs[:, 0], 0] < 162
    face_part = crossing.faces[pairs[:, 1], 0] < 162
    assert (edge_part != face_part).all()
    assert "passes through itself" in validate(crossing).problems[0]
    apart = joined(BALL, BALL.moved([101.0, 0.0, 0.0]))
    assert len(find_self_intersections(apart)) == 0


def test_self_intersections_by_brute_force(rng):
    points = rng.normal(size=(30, 3))
    faces = np.array([rng.choice(30, 3, replace=False) for _ in range(40)])
    surface = Surface(points, faces)
    expected = []
    for e, (i, j) in enumerate(surface.edges):
        for f, corners in enumerate(surface.faces):
            if i in corners or j in corners:
                continue
            a, b, c = points[corners]
            # p + t(q − p) = a + s(b − a) + r(c − a)
            t, s, r = np.linalg.solve(
                np.stack([points[j] - points[i], a - b, a - c], axis=1), a - points[i]
            )
            if 0 < t < 1 and s > 0 and r > 0 and s + r < 1:
                expected.append((e, f))
    assert expected
    assert [tuple(pair) for pair in find_self_intersections(surface)] == expected


def test_a_pushed_in_node_makes_a_self_intersection():
    points = BALL.vertices_mm.copy()
    points[20] *= -1.3  # through the opposite wall
    assert validate(Surface(points, BALL.faces)).self_intersections not in (0, None)


def test_quality_of_known_triangles():
    right = Surface([[0, 0, 0], [3, 0, 0], [0, 4, 0]], [[0, 1, 2]])
    quality = measure_quality(right)
    assert quality.edge_mm == (3.0, 4.0, 5.0)
    assert quality.smallest_angle_degrees[0] == pytest.approx(np.degrees(np.arctan2(3, 4)))
    assert quality.aspect_ratio[0] == pytest.approx(2.5 / 2)  # circumradius 2.5, inradius 1
    assert quality.area_mm2 == pytest.approx(6)


@pytest.mark.parametrize(
    ("factor", "advice"),
    [(1e-3, "metres: multiply them by 1000"), (0.1, "centimetres"), (1e3, "micrometres")],
)
def test_other_units_than_millimetres_are_noticed(factor, advice):
    heart = BALL
    assert check_anatomical_size(heart, "heart") is heart
    with pytest.raises(UnitError, match=f"heart: found an extent of .*{advice}"):
        check_anatomical_size(heart.with_vertices(factor * heart.vertices_mm), "heart")


def test_a_surface_without_triangles_is_refused():
    with pytest.raises(GeometryError, match="electrodes: found no triangles"):
        validate(Surface(np.eye(3), np.empty((0, 3), dtype=int), "electrodes"))


def test_large_surfaces_are_not_searched_for_self_intersections():
    report = validate(zoo.sphere(10_242))
    assert report.n_faces == 20_480 and report.self_intersections is None and report.ok
    assert "not looked for: more than 20000 triangles" in report.notes[0]
    assert "self-intersections" in str(report) and "not looked for" in str(report)
