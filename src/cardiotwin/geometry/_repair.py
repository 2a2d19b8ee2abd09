"""Repairs: cap open rims, make orientation consistent and outward, remove duplicates."""

import numpy as np
from jaxtyping import Bool, Int
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from .._checks import check_number
from .._errors import GeometryError
from ._surface import Surface


def clean(
    surface: Surface, *, tolerance_mm: float | None = None
) -> tuple[Surface, Int[np.ndarray, " n_old_nodes"]]:
    """Merge nodes at one place, drop useless triangles and unused nodes.

    Dropped are triangles that lost a corner by merging, that have no area, and second copies of
    a triangle. The order of what stays is kept.

    Args:
        surface: any surface.
        tolerance_mm: nodes nearer than this are one; by default 1e-9 of the extent.

    Returns:
        The clean surface, and for every old node its new number (−1 where it was dropped).

    Raises:
        InputError: a negative tolerance.
        GeometryError: nothing is left.

    >>> twice = Surface(
    ...     [[0, 0, 0], [9, 0, 0], [0, 9, 0], [9, 0, 0], [9, 9, 0]], [[0, 1, 2], [3, 4, 2]]
    ... )
    >>> cleaned, new_number = clean(twice)
    >>> cleaned.n_nodes, new_number.tolist()
    (4, [0, 1, 2, 1, 3])
    """
    reach = 1e-9 * surface.extent_mm
    if tolerance_mm is not None:
        reach = check_number(tolerance_mm, "tolerance_mm", at_least=0)
    merged = _first_of_group(
        surface.n_nodes, KDTree(surface.vertices_mm).query_pairs(reach, output_type="ndarray")
    )
    faces = merged[surface.faces]
    keep = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    keep &= ~flat_faces(surface.vertices_mm, faces)
    rows = np.flatnonzero(keep)
    first = np.unique(np.sort(faces[rows], axis=1), axis=0, return_index=True)[1]
    faces = faces[rows[np.sort(first)]]
    if not len(faces):
        raise GeometryError(
            surface.name or "surface",
            found="no triangle left after cleaning",
            expected="at least one triangle of positive area",
            advice="Check the unit of the coordinates and tolerance_mm.",
        )
    used = np.unique(faces)
    number = np.full(surface.n_nodes, -1)
    number[used] = np.arange(len(used))
    return Surface(surface.vertices_mm[used], number[faces], surface.name), number[merged]


def flat_faces(
    vertices: np.ndarray, faces: Int[np.ndarray, "n_faces 3"]
) -> Bool[np.ndarray, " n_faces"]:
    """Tell which triangles have no area: a height below 1e-9 of their longest side."""
    corners = vertices[faces]
    sides = np.roll(corners, -1, axis=1) - corners
    longest = np.linalg.norm(sides, axis=2).max(axis=1, initial=0.0)
    double_area = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1)
    return np.asarray(double_area <= 1e-9 * longest**2)


def orient(surface: Surface) -> Surface:
    """Make neighbouring triangles agree, and turn their normals outward.

    Each connected part is treated on its own: the smaller number of triangles is turned so that
    all agree, then the whole part if its enclosed volume is negative (an open part is closed in
    thought by cones from the middle of its rim). Cavities inside a wall thus get normals that
    point out of the cavity.

    Args:
        surface: a surface whose edges belong to at most two triangles.

    Returns:
        The same nodes and triangles, some of them turned.

    Raises:
        GeometryError: an edge with more than two triangles, or a one-sided (Möbius) surface.

    >>> from cardiotwin.geometry import zoo
    >>> ball = zoo.sphere(42)
    >>> faces = ball.faces.copy()
    >>> faces[::3] = faces[::3, ::-1]
    >>> mixed = Surface(ball.vertices_mm, faces)
    >>> mixed.is_closed, orient(mixed).is_closed, orient(mixed).volume_ml > 0
    (False, True, True)
    """
    label = surface.name or "surface"
    m = surface.n_faces
    if not m:
        return surface
    first, second, agree = _face_neighbours(surface)
    # Two copies of every triangle, as it is (f) and turned (m + f): neighbours that disagree are
    # joined crosswise, so each connected part of the surface gives two consistent sheets.
    other = np.where(agree, 0, m)
    rows = np.concatenate([first, m + first])
    columns = np.concatenate([second + other, second + m - other])
    joined = sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=(2 * m, 2 * m))
    sheet = connected_components(joined, directed=False)[1]
    if (sheet[:m] == sheet[m:]).any():
        raise GeometryError(
            label,
            found="a one-sided surface (like a Möbius strip)",
            expected="a surface with an inside and an outside",
            advice="Cut it open or remove the triangles that join it wrongly.",
        )
    part = face_parts(surface)
    reference = sheet[np.unique(part, return_index=True)[1]][part]
    turn = sheet[:m] != reference
    many = np.bincount(part, turn) > 0.5 * np.bincount(part)
    turn ^= many[part]
    faces = np.where(turn[:, None], surface.faces[:, ::-1], surface.faces)
    inward = _part_volumes(surface.vertices_mm, faces, part) < 0
    faces = np.where(inward[part][:, None], faces[:, ::-1], faces)
    return Surface(surface.vertices_mm, faces, surface.name)


def face_parts(surface: Surface) -> Int[np.ndarray, " n_faces"]:
    """Number of the connected part (through shared edges) to which each triangle belongs."""
    sides = np.sort(surface.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    edge = np.unique(sides, axis=0, return_inverse=True)[1].ravel()
    face = np.repeat(np.arange(surface.n_faces), 3)
    size = surface.n_faces + len(surface.edges)
    graph = sparse.coo_array(
        (np.ones(len(face)), (face, surface.n_faces + edge)), shape=(size, size)
    )
    return connected_components(graph, directed=False)[1][: surface.n_faces].astype(np.int64)


def cap(surface: Surface, *, new_node: bool = True) -> Surface:
    """Close every open rim.

    Args:
        surface: any surface whose edges belong to at most two triangles; it is oriented first if
            its triangles disagree.
        new_node: whether each rim gets a node in its middle and a fan of triangles to it. Without
            new nodes the rims are filled by cutting off ears; electrode and node numbers then
            stay complete, but the triangles are longer.

    Returns:
        A closed, outward surface. Old nodes and triangles come first, in their old order; the
        new ones follow.

    Raises:
        GeometryError: edges with more than two triangles, or a rim that cannot be filled.

    >>> from cardiotwin.geometry import zoo
    >>> ball = zoo.sphere(162)
    >>> opened = Surface(ball.vertices_mm, ball.faces[ball.face_normals[:, 2] < 0.8])
    >>> cap(opened).is_closed, clean(cap(opened))[0].euler_number
    (True, 2)
    """
    half_edges = np.unique(surface._half_edges, axis=0)
    if len(half_edges) != 3 * surface.n_faces:
        surface = orient(surface)
    vertices, faces = [surface.vertices_mm], [surface.faces]
    n_nodes = surface.n_nodes
    used_edges = set(map(tuple, surface.edges.tolist()))
    for loop in rim_loops(surface):
        following = np.roll(loop, -1)
        if new_node and len(loop) > 3:
            ends = surface.vertices_mm[loop], surface.vertices_mm[following]
            weight = np.linalg.norm(ends[1] - ends[0], axis=1)
            middle = np.average(0.5 * (ends[0] + ends[1]), axis=0, weights=weight)
            vertices.append(middle[None])
            # The rim runs along its triangles; the cap must run against it.
            faces.append(np.stack([following, loop, np.full(len(loop), n_nodes)], axis=1))
            n_nodes += 1
        else:
            faces.append(_cut_ears(surface, loop[::-1], used_edges))
    closed = Surface(np.concatenate(vertices), np.concatenate(faces), surface.name)
    return orient(closed)


def rim_loops(surface: Surface) -> list[Int[np.ndarray, " n_loop"]]:
    """Order the nodes of every open rim, in the sense of the triangles along it.

    Raises:
        GeometryError: edges with more than two triangles, or triangles that disagree.
    """
    edges, counts = surface._edge_counts
    if (counts > 2).any():
        raise _too_many_triangles(surface)
    half_edges = surface._half_edges
    rim = np.isin(
        np.sort(half_edges, axis=1) @ [surface.n_nodes, 1],
        edges[counts == 1] @ [surface.n_nodes, 1],
    )
    onward: dict[int, list[int]] = {}
    for a, b in half_edges[rim].tolist():
        onward.setdefault(a, []).append(b)
    loops = []
    while onward:
        path = [next(iter(onward))]
        while path[-1] in onward:
            here = path[-1]
            following = onward[here].pop()
            if not onward[here]:
                del onward[here]
            if following in path:  # also cuts off the loops of rims that touch in one node
                start = path.index(following)
                loops.append(np.array(path[start:]))
                del path[start + 1 :]
            else:
                path.append(following)
        if len(path) > 1:
            raise GeometryError(
                surface.name or "surface",
                found=f"a rim that ends at node {path[-1]}",
                expected="rims that are closed loops",
                advice="Make the orientation consistent with geometry.orient first.",
            )
    return loops


def _cut_ears(
    surface: Surface, loop: np.ndarray, used_edges: set[tuple[int, int]]
) -> Int[np.ndarray, "n_new 3"]:
    """Fill a loop of nodes: always cut off the ear with the widest smallest angle."""
    points, nodes, triangles = surface.vertices_mm, loop.tolist(), []
    following = np.roll(points[loop], -1, axis=0)
    normal = np.cross(points[loop] - points[loop].mean(axis=0), following).sum(axis=0)
    normal /= max(np.linalg.norm(normal), 1e-300)
    while len(nodes) > 3:
        ring = np.array(nodes)
        a, b, c = points[np.roll(ring, 1)], points[ring], points[np.roll(ring, -1)]
        upward = np.cross(b - a, c - a) @ normal
        sides = np.stack([np.linalg.norm(x - y, axis=1) for x, y in ((a, b), (b, c), (c, a))])
        quality = upward / np.maximum((sides**2).sum(axis=0), 1e-300)
        taken = [
            (min(i, k), max(i, k)) in used_edges
            for i, k in zip(np.roll(ring, 1).tolist(), np.roll(ring, -1).tolist(), strict=True)
        ]
        covers = _ears_with_nodes_inside(a, b, c, points[ring], normal)
        order = np.lexsort((-quality, covers | (upward <= 0), np.array(taken)))
        best = int(order[0])
        if taken[best]:
            raise GeometryError(
                surface.name or "surface",
                found=f"a rim of {len(loop)} nodes that cannot be filled with its own nodes",
                expected="a rim around an open hole",
                advice="Use geometry.cap(surface, new_node=True).",
            )
        before, after = nodes[best - 1], nodes[(best + 1) % len(nodes)]
        triangles.append((before, nodes[best], after))
        used_edges.add((min(before, after), max(before, after)))
        del nodes[best]
    triangles.append(tuple(nodes))
    return np.array(triangles)


def _ears_with_nodes_inside(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, ring: np.ndarray, normal: np.ndarray
) -> Bool[np.ndarray, " n"]:
    """Tell which ears cover another node of the ring, seen along the normal."""
    inside = np.ones((len(a), len(ring)), dtype=bool)
    for start, end in ((a, b), (b, c), (c, a)):
        inside &= np.cross((end - start)[:, None], ring[None] - start[:, None]) @ normal > 1e-12
    return np.asarray(inside.any(axis=1))


def _face_neighbours(surface: Surface) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of triangles at one edge, and whether they agree on their orientation."""
    half_edges = surface._half_edges
    if (surface._edge_counts[1] > 2).any():
        raise _too_many_triangles(surface)
    keys = np.sort(half_edges, axis=1) @ [surface.n_nodes, 1]
    order = np.argsort(keys, kind="stable")
    shared = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    one, two = order[shared], order[shared + 1]
    return one // 3, two // 3, half_edges[one, 0] != half_edges[two, 0]


def _part_volumes(vertices: np.ndarray, faces: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Signed volume of each part, seen from the middle of its rim or of its nodes."""
    half_edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    keys = np.sort(half_edges, axis=1) @ [len(vertices), 1]
    _, which, counts = np.unique(keys, return_inverse=True, return_counts=True)
    rim = counts[which.ravel()] == 1
    corner_part = np.repeat(part, 3)
    has_rim = np.bincount(corner_part, rim) > 0
    weight = np.where(has_rim[corner_part], rim, True).astype(float)
    middle = vertices[half_edges].mean(axis=1)
    total = np.bincount(corner_part, weight)
    centre = np.stack(
        [np.bincount(corner_part, weight * middle[:, k]) / total for k in range(3)], axis=1
    )
    a, b, c = (vertices[faces[:, k]] - centre[part] for k in range(3))
    return np.bincount(part, np.einsum("fx,fx->f", a, np.cross(b, c)))


def _first_of_group(n: int, pairs: np.ndarray) -> Int[np.ndarray, " n"]:
    graph = sparse.coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(n, n))
    group = connected_components(graph, directed=False)[1]
    return np.unique(group, return_index=True)[1][group]


def _too_many_triangles(surface: Surface) -> GeometryError:
    edges, counts = surface._edge_counts
    bad = np.flatnonzero(counts > 2)
    return GeometryError(
        surface.name or "surface",
        found=f"{len(bad)} edges with more than two triangles, the first between nodes "
        f"{edges[bad[0]].tolist()}",
        expected="at most two triangles at an edge",
        advice="Remove inner walls and doubled triangles (geometry.clean removes exact copies).",
    )
