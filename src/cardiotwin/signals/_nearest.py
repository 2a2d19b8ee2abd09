"""The nearest point of a surface, exactly: plane and edges of every triangle in reach."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from .._errors import GeometryError
from .._types import Points
from ..geometry import Surface

# Pairs (point, triangle) in work at once: about 100 MB of temporaries.
_MAX_PAIRS = 500_000


class NearestPoints(NamedTuple):
    """Where points land on a surface."""

    faces: Int[np.ndarray, " n_points"]
    weights: Float[np.ndarray, "n_points 3"]
    points_mm: Float[np.ndarray, "n_points 3"]
    distance_mm: Float[np.ndarray, " n_points"]


def nearest_on_surface(surface: Surface, points: Points) -> NearestPoints:
    """Return the nearest point of the surface to each of the (n_points, 3) points."""
    if not surface.n_faces:
        raise GeometryError(
            surface.name or "surface", found="no triangles", expected="at least one triangle"
        )
    corners = surface.vertices_mm[surface.faces]
    centres = corners.mean(axis=1)
    radii = np.linalg.norm(corners - centres[:, None], axis=2).max(axis=1)
    tree = KDTree(centres)
    # The nearest corner bounds the distance; only triangles whose ball reaches it can be nearer.
    bound = KDTree(corners.reshape(-1, 3)).query(points)[0] * (1 + 1e-12) + 1e-12
    reach = bound + radii.max()
    in_reach = tree.query_ball_point(points, reach, return_length=True)
    block_of_point = np.cumsum(in_reach) // _MAX_PAIRS
    blocks = np.split(np.arange(len(points)), np.flatnonzero(np.diff(block_of_point)) + 1)
    parts = [
        _nearest_of_block(corners, centres, radii, tree, points[k], bound[k], reach[k])
        for k in blocks
    ]
    return NearestPoints(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _nearest_of_block(corners, centres, radii, tree, points, bound, reach):
    lists = tree.query_ball_point(points, reach)
    owner = np.repeat(np.arange(len(points)), [len(x) for x in lists])
    face = np.concatenate([np.zeros(0), *lists]).astype(np.int64)
    near = np.linalg.norm(centres[face] - points[owner], axis=1) <= bound[owner] + radii[face]
    owner, face = owner[near], face[near]
    weights = _nearest_weights(corners[face], points[owner])
    landing = np.einsum("nk,nkx->nx", weights, corners[face])
    distance = np.linalg.norm(landing - points[owner], axis=1)
    order = np.lexsort((face, distance, owner))
    first = order[np.searchsorted(owner[order], np.arange(len(points)))]
    return face[first], weights[first], landing[first], distance[first]


def _nearest_weights(
    corners: Float[np.ndarray, "n 3 3"], points: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n 3"]:
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    candidates = [_on_segment(points, corners, k) for k in range(3)]
    # Foot of the perpendicular on the plane, taken only where it falls inside the triangle.
    normal = np.cross(b - a, c - a)
    area2 = np.einsum("nx,nx->n", normal, normal)
    safe = np.where(area2 > 0, area2, 1.0)
    wb = np.einsum("nx,nx->n", np.cross(points - a, c - a), normal) / safe
    wc = np.einsum("nx,nx->n", np.cross(b - a, points - a), normal) / safe
    wa = 1 - wb - wc
    inside = (area2 > 0) & (wa >= 0) & (wb >= 0) & (wc >= 0)
    best, least = candidates[0], _square_distance(candidates[0], corners, points)
    for weights in candidates[1:]:
        square = _square_distance(weights, corners, points)
        best = np.where((square < least)[:, None], weights, best)
        least = np.minimum(square, least)
    return np.where(inside[:, None], np.stack([wa, wb, wc], axis=1), best)


def _on_segment(points, corners, k):
    start, end = corners[:, k], corners[:, (k + 1) % 3]
    along = end - start
    length2 = np.einsum("nx,nx->n", along, along)
    share = np.einsum("nx,nx->n", points - start, along)
    share = np.clip(share / np.where(length2 > 0, length2, 1.0), 0.0, 1.0)
    weights = np.zeros((len(points), 3))
    weights[:, k] = 1 - share
    weights[:, (k + 1) % 3] = share
    return weights


def _square_distance(weights, corners, points):
    gap = np.einsum("nk,nkx->nx", weights, corners) - points
    return np.einsum("nx,nx->n", gap, gap)
