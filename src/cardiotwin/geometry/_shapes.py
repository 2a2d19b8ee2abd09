"""Smooth shapes: the icosphere, and the radius of a body given by a gauge function."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from .._checks import check_array, check_count, check_number
from .._errors import GeometryError
from .._types import ArrayLike
from ._surface import Surface

Gauge = Callable[[np.ndarray], np.ndarray]


def icosphere(
    level: int = 2, *, radius_mm: float = 50.0, centre_mm: ArrayLike = (0.0, 0.0, 0.0)
) -> Surface:
    """Refine an icosahedron on a sphere: 10·4^level + 2 nodes.

    Args:
        level: number of refinements; 0 to 6 give 12, 42, 162, 642, 2562, 10242, 40962 nodes.
        radius_mm: radius in mm.
        centre_mm: (3,) centre in mm.

    Returns:
        A closed, outward surface.

    Raises:
        InputError: level below 0, or a radius that is not positive.

    >>> icosphere(1).n_nodes
    42
    """
    check_count(level, "level", at_least=0)
    radius = check_number(radius_mm, "radius_mm", above=0)
    centre = check_array(centre_mm, "centre_mm", shape=(3,))
    golden = (1 + 5**0.5) / 2
    points = np.array(
        [[s, t * golden, 0.0] for s in (-1, 1) for t in (-1, 1)]
        + [[0.0, s, t * golden] for s in (-1, 1) for t in (-1, 1)]
        + [[t * golden, 0.0, s] for s in (-1, 1) for t in (-1, 1)]
    ) / np.sqrt(1 + golden**2)
    # The triangles of an icosahedron are the triples of nodes at the shortest distance.
    near = points @ points.T > 0.4
    faces = np.array(
        [
            (i, j, k)
            for i in range(12)
            for j in range(i + 1, 12)
            for k in range(j + 1, 12)
            if near[i, j] and near[j, k] and near[i, k]
        ]
    )
    inward = np.linalg.det(points[faces]) < 0
    faces[inward] = faces[inward][:, ::-1]
    for _ in range(level):
        points, faces = _refine(points, faces)
    return Surface(centre + radius * points, faces, "sphere")


def _refine(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut every triangle of a unit sphere in four."""
    sides = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    edges, which = np.unique(sides, axis=0, return_inverse=True)
    middle = points[edges].sum(axis=1)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    ab, bc, ca = (which.reshape(-1, 3) + len(points)).T
    a, b, c = faces.T
    quarters = [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
    return np.concatenate([points, middle]), np.concatenate([np.stack(q, 1) for q in quarters])


def gauge_radius(gauge: Gauge, *, reach_mm: float) -> Callable[[np.ndarray], np.ndarray]:
    """Turn a body {x : gauge(x) < 1} into its radius as a function of direction.

    Args:
        gauge: takes (n, 3) points in mm seen from the centre, returns (n,) values that are below
            1 at the centre and pass 1 once along every ray.
        reach_mm: a distance at which every direction is outside.

    Returns:
        Function from (n, 3) unit directions to (n,) distances in mm, to 1e-10 of the reach.

    >>> ball = gauge_radius(lambda x: np.linalg.norm(x, axis=1) / 40, reach_mm=100.0)
    >>> float(ball(np.eye(3)).round(6).max())
    40.0
    """

    def radius(directions: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        low, high = np.zeros(len(directions)), np.full(len(directions), float(reach_mm))
        f_low, f_high = (gauge(end[:, None] * directions) - 1 for end in (low, high))
        if (f_high < 0).any():
            raise GeometryError(
                "gauge",
                found=f"points still inside the body {reach_mm:g} mm from its centre",
                expected="a body that ends before",
                advice="Give a larger reach_mm.",
            )
        side = np.zeros(len(directions))
        middle = high
        for step in range(60):
            last = middle
            if step < 6 or step % 5 == 0:  # halve first, and now and then for steep gauges
                middle = 0.5 * (low + high)
            else:
                middle = high - f_high * (high - low) / (f_high - f_low)
                if np.abs(middle - last).max(initial=0.0) < 1e-10 * reach_mm:
                    break
            value = gauge(middle[:, None] * directions) - 1
            inside = value < 0
            # False position after Illinois: an end that stays twice in a row counts half.
            f_high = np.where(inside, np.where(side < 0, 0.5, 1.0) * f_high, value)
            f_low = np.where(inside, value, np.where(side > 0, 0.5, 1.0) * f_low)
            low, high = np.where(inside, middle, low), np.where(inside, high, middle)
            side = np.where(inside, -1.0, 1.0)
        return middle

    return radius


def smooth_union(*gauges: np.ndarray, sharpness: float = 4.0) -> np.ndarray:
    """Blend gauge values into that of the union: (Σ g^−s)^(−1/s), a smooth minimum."""
    floor = 1e-9  # a gauge vanishes at its centre
    return sum(np.maximum(g, floor) ** -sharpness for g in gauges) ** (-1 / sharpness)


def smooth_intersection(*gauges: np.ndarray, sharpness: float = 8.0) -> np.ndarray:
    """Blend gauge values into that of the intersection: (Σ g^s)^(1/s), a smooth maximum."""
    return sum(np.maximum(g, 0.0) ** sharpness for g in gauges) ** (1 / sharpness)
