"""Shortest ways between nodes of a ventricular surface, along it and straight through the wall."""

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree

from ..geometry import Surface

PER_NODE = 16
"""Nearest nodes across the wall that a node is joined to: longer ways are chains of these."""

_INSIDE = np.array([0.1, 0.3, 0.5, 0.7, 0.9])


def wall_connections(surface: Surface, *, per_node: int = PER_NODE) -> Int[np.ndarray, "n_pairs 2"]:
    """Find pairs of nodes that see each other through the inside of a closed surface.

    The straight line has to leave the first node inward, reach the second from inside, and pass
    five points that lie inside. Of these pairs, each node keeps the nearest ``per_node``.

    Args:
        surface: closed, outward surface.
        per_node: how many nearest nodes are looked at.

    Returns:
        (n_pairs, 2) node numbers, smaller first, every pair once.

    Raises:
        GeometryError: the surface is open or inward.
    """
    surface.require_closed()
    points, normals = surface.vertices_mm, surface.node_normals
    # Most near nodes are neighbors along the surface: look at many, keep those across.
    count = min(surface.n_nodes, max(16 * per_node, 128))
    near = np.asarray(KDTree(points).query(points, k=count)[1])
    way = points[near] - points[:, None]
    leaves = np.einsum("nkx,nx->nk", way, normals) < 0
    arrives = np.einsum("nkx,nkx->nk", way, normals[near]) > 0
    across = leaves & arrives
    across &= np.cumsum(across, axis=1) <= per_node
    first, place = np.nonzero(across)
    pairs = np.unique(np.sort(np.stack([first, near[first, place]], axis=1), axis=1), axis=0)
    for share in _INSIDE:
        start, end = points[pairs].transpose(1, 0, 2)
        pairs = pairs[surface.contains(start + share * (end - start))]
    return pairs


def route_lengths(surface: Surface) -> Float[np.ndarray, "n_nodes n_nodes"]:
    """Return the shortest way in mm between all nodes, over edges and through the wall.

    This is the distance of the fastest-route algorithm of van Dam et al. (2009) with one velocity
    for both directions.
    """
    pairs = np.concatenate([surface.edges, wall_connections(surface)])
    # An edge whose straight line also counts as "through" must not be added up.
    pairs = np.unique(pairs, axis=0)
    ends = surface.vertices_mm[pairs]
    lengths = np.maximum(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1), 1e-12)
    shape = (surface.n_nodes, surface.n_nodes)
    return dijkstra(sparse.csr_array((lengths, pairs.T), shape=shape), directed=False)
