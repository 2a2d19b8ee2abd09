"""Distances along a surface against great circles, planes and the metric axioms."""

import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.geometry import Surface, geodesic_distance, zoo

HEART = zoo.human(300, 100).heart


def great_circle(surface: Surface, node: int, radius: float) -> np.ndarray:
    unit = surface.vertices_mm / radius
    return radius * np.arccos(np.clip(unit @ unit[node], -1, 1))


@pytest.mark.parametrize("n_nodes", [162, 500, 642, 2562])
@pytest.mark.parametrize("source", [5, 100])
def test_within_one_percent_of_great_circles(n_nodes, source):
    ball = zoo.sphere(n_nodes, radius_mm=50.0)
    exact = great_circle(ball, source, 50.0)
    found = geodesic_distance(ball, source)
    others = np.arange(n_nodes) != source
    assert found[source] == 0
    assert np.abs(found[others] / exact[others] - 1).max() < 0.01


def test_points_on_the_edges_matter():
    ball = zoo.sphere(642, radius_mm=50.0)
    exact = great_circle(ball, 5, 50.0)
    errors = [
        np.abs(geodesic_distance(ball, 5, points_per_edge=k) - exact).max() for k in (0, 2, 6)
    ]
    assert errors[0] > 5 * errors[1] > 10 * errors[2]


def test_a_set_of_sources_gives_the_nearest():
    apart = [geodesic_distance(HEART, s) for s in (3, 77, 250)]
    assert np.allclose(geodesic_distance(HEART, [3, 77, 250]), np.min(apart, axis=0), atol=1e-9)


def test_symmetric_and_not_below_the_straight_line():
    forth, back = geodesic_distance(HEART, 12), geodesic_distance(HEART, 251)
    assert forth[251] == pytest.approx(back[12], rel=1e-12)
    straight = np.linalg.norm(HEART.vertices_mm - HEART.vertices_mm[12], axis=1)
    assert (forth >= straight - 1e-9).all()
    assert (forth <= forth[251] + back + 1e-9).all()


def test_unfolded_box_edge():
    # Two unit squares at a right angle: the shortest way crosses the fold in a straight line.
    points = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 0, 1], [1, 1, 1]]
    fold = Surface(points, [[0, 1, 2], [0, 2, 3], [1, 4, 5], [1, 5, 2]])
    assert geodesic_distance(fold, 0, points_per_edge=9)[5] == pytest.approx(5**0.5, rel=2e-3)


def test_other_islands_are_infinitely_far():
    ball = zoo.sphere(42)
    both = Surface(
        np.vstack([ball.vertices_mm, ball.vertices_mm + 500]),
        np.vstack([ball.faces, ball.faces + 42]),
    )
    distance = geodesic_distance(both, 0)
    assert np.isfinite(distance[:42]).all() and np.isinf(distance[42:]).all()


def test_bad_sources_are_refused():
    ball = zoo.sphere(42)
    with pytest.raises(InputError, match="sources: found index 42; expected indices from 0 to 41"):
        geodesic_distance(ball, 42)
    with pytest.raises(InputError, match="sources: found no node"):
        geodesic_distance(ball, [])
    with pytest.raises(InputError, match="points_per_edge: found -1"):
        geodesic_distance(ball, 0, points_per_edge=-1)
