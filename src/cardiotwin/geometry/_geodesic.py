"""Distances along a surface."""

import numpy as np
from jaxtyping import Float
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from .._checks import check_count, check_indices
from .._errors import InputError
from .._types import ArrayLike
from ._surface import Surface


def geodesic_distance(
    surface: Surface, sources: ArrayLike, *, points_per_edge: int = 6
) -> Float[np.ndarray, " n_nodes"]:
    """Find the length of the shortest way along the surface from a set of nodes.

    Shortest paths (Dijkstra) on a graph that also has points on every edge; inside a triangle
    every point is joined to those on the other sides, so a way may cross triangles freely. The
    result is never below the exact distance on the triangles. Against great circles on spheres
    of 162 to 2562 nodes the default was within 0.8 % at every node (0.2 % RMS from 642 nodes);
    4 points an edge were within 1.1 % and half the work, edges alone are off by up to 23 %.

    Args:
        surface: any surface.
        sources: one node, or several: the distance is to the nearest of them.
        points_per_edge: number of points added on every edge; 0 walks along edges only.

    Returns:
        (n_nodes,) distances in mm, infinite where no way leads.

    Raises:
        InputError: no source, node numbers out of range, or points_per_edge below 0.

    >>> from cardiotwin.geometry import zoo
    >>> ball = zoo.sphere(642, radius_mm=50.0)
    >>> bool(abs(geodesic_distance(ball, 0).max() / (50 * np.pi) - 1) < 0.01)
    True
    """
    k = check_count(points_per_edge, "points_per_edge", at_least=0)
    starts = check_indices(np.atleast_1d(np.asarray(sources)), "sources", upper=surface.n_nodes)
    if not len(starts):
        raise InputError("sources", found="no node", expected="at least one node number")
    points, rows, columns = _refined_graph(surface, k)
    lengths = np.linalg.norm(points[rows] - points[columns], axis=1)
    # Nodes at one place are joined too; a stored zero would mean "not joined".
    lengths = np.maximum(lengths, 1e-12)
    graph = sparse.csr_array((lengths, (rows, columns)), shape=(len(points),) * 2)
    distance = dijkstra(graph, directed=False, indices=np.unique(starts), min_only=True)
    return distance[: surface.n_nodes]


def _refined_graph(surface: Surface, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (nodes first) and the two ends of each connection, every pair once."""
    n, edges = surface.n_nodes, surface.edges
    share = (np.arange(1, k + 1) / (k + 1))[None, :, None]
    ends = surface.vertices_mm[edges]
    extra = (1 - share) * ends[:, :1] + share * ends[:, 1:]
    points = np.concatenate([surface.vertices_mm, extra.reshape(-1, 3)])
    added = n + np.arange(len(edges) * k).reshape(len(edges), k)
    chains = np.concatenate([edges[:, :1], added, edges[:, 1:]], axis=1)
    pairs = [np.stack([chains[:, :-1].ravel(), chains[:, 1:].ravel()])]
    if k:
        faces = surface.faces
        sides = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
        keys = edges @ [n, 1]
        number = np.searchsorted(keys, sides @ [n, 1]).reshape(-1, 3)
        on_side = added[number]  # (n_faces, 3, k): sides ab, bc, ca
        for side in range(3):
            here, there = on_side[:, side], on_side[:, (side + 1) % 3]
            opposite_corner = faces[:, (side + 2) % 3]
            pairs.append(np.stack([np.repeat(here, k, axis=1).ravel(), np.tile(there, k).ravel()]))
            pairs.append(np.stack([here.ravel(), np.repeat(opposite_corner, k)]))
    rows, columns = np.concatenate(pairs, axis=1)
    return points, rows, columns
