"""Shortest ways between nodes of a ventricular surface, along it and straight through the wall."""

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse.csgraph import dijkstra
from scipy.spatial.distance import cdist

from ..geometry import Surface

PER_NODE = 32
"""Straight lines that are tried from each node: the nearest, then ever sparser ones. Ways to the
nodes between are chains of a line and edges."""

_INSIDE = (0.5, 0.1, 0.9, 0.3, 0.7)


def wall_connections(surface: Surface, *, per_node: int = PER_NODE) -> Int[np.ndarray, "n_pairs 2"]:
    """Find pairs of nodes that see each other through the inside of a closed surface.

    The straight line has to leave the first node inward, reach the second from inside, and pass
    five points that lie inside.

    Args:
        surface: closed, outward surface.
        per_node: how many lines are tried from each node.

    Returns:
        (n_pairs, 2) node numbers, smaller first, every pair once.

    Raises:
        GeometryError: the surface is open or inward.
    """
    surface.require_closed()
    points, normals = surface.vertices_mm, surface.node_normals
    # (p_j − p_i)·n_i < 0 leaves node i inward; the same, seen from j, reaches it from inside.
    height = normals @ points.T - np.einsum("nx,nx->n", normals, points)[:, None]
    across = (height < 0) & (height.T < 0)
    distance = np.where(across, cdist(points, points), np.inf)
    # By distance: each of the nearest half, then in a geometric sequence to the farthest.
    half, count = max(per_node // 2, 1), across.sum(axis=1, keepdims=True)
    far = half * np.maximum(count / half, 1.0) ** np.linspace(0.0, 1.0, per_node - half)
    nearest = np.broadcast_to(np.arange(half), (surface.n_nodes, half))
    ranks = np.concatenate([nearest, far.astype(int) - 1], axis=1)
    ranks = np.minimum(ranks, surface.n_nodes - 1)
    order = np.argsort(distance, axis=1, kind="stable")
    tried = np.take_along_axis(order, ranks, axis=1)
    first = np.broadcast_to(np.arange(surface.n_nodes)[:, None], tried.shape)
    real = np.isfinite(np.take_along_axis(distance, tried, axis=1))
    pairs = np.unique(np.sort(np.stack([first[real], tried[real]], axis=1), axis=1), axis=0)
    for share in _INSIDE:
        start, end = points[pairs].transpose(1, 0, 2)
        pairs = pairs[surface.contains(start + share * (end - start))]
    return pairs


def route_lengths(surface: Surface) -> Float[np.ndarray, "n_nodes n_nodes"]:
    """Return the shortest way in mm between all nodes, over edges and through the wall.

    This is the distance of the fastest-route algorithm of van Dam et al. (2009) with one velocity
    for both directions.
    """
    # A pair that is an edge and also sees itself through the inside must not be added up.
    pairs = np.unique(np.concatenate([surface.edges, wall_connections(surface)]), axis=0)
    ends = surface.vertices_mm[pairs]
    lengths = np.maximum(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1), 1e-12)
    shape = (surface.n_nodes, surface.n_nodes)
    return dijkstra(sparse.csr_array((lengths, pairs.T), shape=shape), directed=False)
