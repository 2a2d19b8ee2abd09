"""Pairs of an edge and a triangle of one surface that pass through each other."""

import numpy as np
from jaxtyping import Int
from scipy.spatial import KDTree

from ._surface import Surface

_BLOCK = 4000  # edges a block, so that memory stays small


def find_self_intersections(surface: Surface) -> Int[np.ndarray, "n_pairs 2"]:
    """Find edges that pierce triangles with which they share no node.

    The two ends of the edge must lie strictly on different sides of the triangle, and the
    triangle's three sides must be passed in the same sense (signed volumes of tetrahedra).
    Pairs are first thinned out by the distance of their middles. Surfaces that only touch, or
    overlap in one plane, are not found.

    Args:
        surface: any surface.

    Returns:
        (n_pairs, 2) rows of (edge number in `surface.edges`, triangle number).

    >>> from cardiotwin.geometry import zoo
    >>> len(find_self_intersections(zoo.sphere(42)))
    0
    """
    points, faces, edges = surface.vertices_mm, surface.faces, surface.edges
    corners = points[faces]
    middles = corners.mean(axis=1)
    reach = np.linalg.norm(corners - middles[:, None], axis=2).max(axis=1, initial=0.0)
    # Triangles of similar size share a tree: one huge triangle must not widen every search.
    size_class = np.floor(np.log2(np.maximum(reach, 1e-12))).astype(int)
    found = [np.empty((0, 2), dtype=np.int64)]
    for size in np.unique(size_class):
        members = np.flatnonzero(size_class == size)
        tree = KDTree(middles[members])
        largest = reach[members].max()
        for start in range(0, len(edges), _BLOCK):
            block = np.arange(start, min(start + _BLOCK, len(edges)))
            ends = points[edges[block]]
            radius = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) / 2 + largest
            near = tree.query_ball_point(ends.mean(axis=1), radius, return_sorted=False)
            counts = np.fromiter(map(len, near), dtype=np.int64, count=len(near))
            if not counts.sum():
                continue
            edge = np.repeat(block, counts)
            face = members[np.concatenate(near).astype(np.int64)]
            apart = (edges[edge][:, :, None] != faces[face][:, None, :]).all(axis=(1, 2))
            edge, face = edge[apart], face[apart]
            hit = _pierces(points[edges[edge]], corners[face])
            found.append(np.stack([edge[hit], face[hit]], axis=1))
    pairs = np.concatenate(found)
    return pairs[np.lexsort(pairs.T[::-1])]


def _pierces(ends: np.ndarray, corners: np.ndarray) -> np.ndarray:
    p, q = ends[:, 0], ends[:, 1]
    a, b, c = corners[:, 0] - p, corners[:, 1] - p, corners[:, 2] - p
    along = q - p
    normal = np.cross(b - a, c - a)
    height_p = -np.einsum("ix,ix->i", a, normal)
    height_q = height_p + np.einsum("ix,ix->i", along, normal)
    ab, bc, ca = (np.einsum("ix,ix->i", along, np.cross(x, y)) for x, y in ((a, b), (b, c), (c, a)))
    # Below rounding error an end lies in the plane (touching), or the edge meets a side (piercing).
    scale = 1e-12 * (np.abs(corners - ends[:, :1]).max(axis=(1, 2), initial=0.0) + 1e-300) ** 3
    same_sense = (np.minimum(np.minimum(ab, bc), ca) >= -scale) | (
        np.maximum(np.maximum(ab, bc), ca) <= scale
    )
    return (
        (height_p * height_q < 0)
        & (np.minimum(abs(height_p), abs(height_q)) > scale)
        & (same_sense)
    )
