"""Well-shaped meshes with an exact number of nodes on surfaces seen whole from one point."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import ConvexHull

from .._checks import check_array, check_count
from .._errors import GeometryError
from .._types import ArrayLike
from ._surface import Surface

_GOLDEN = (5**0.5 - 1) / 2

Radius = Callable[[np.ndarray], np.ndarray]


def star_surface(
    radius: Radius,
    n_nodes: int,
    *,
    centre_mm: ArrayLike = (0.0, 0.0, 0.0),
    seed: int = 0,
    relaxations: int = 40,
    name: str = "",
) -> Surface:
    """Triangulate the closed surface centre + radius(d)·d with exactly ``n_nodes`` nodes.

    A golden-ratio lattice is laid on the surface with equal area a node, the convex hull of its
    directions gives 2n − 4 triangles, and then nodes move to the middle of their triangles while
    edges are swapped wherever that widens the smallest angle. Seen from the centre the triangles
    never overlap, so the result has no self-intersection.

    Args:
        radius: takes (n, 3) unit directions, returns (n,) positive distances in mm.
        n_nodes: number of nodes, at least 12.
        centre_mm: (3,) point from which all of the surface can be seen.
        seed: turns the first lattice; another seed is another mesh of the same shape.
        relaxations: rounds of moving and swapping.
        name: label of the surface.

    Returns:
        A closed, outward surface.

    Raises:
        InputError: too few nodes.
        GeometryError: the radius is not positive and finite everywhere.

    >>> egg = star_surface(lambda d: 40 + 10 * d[:, 2], 200)
    >>> egg.n_nodes, egg.n_faces, egg.is_closed, egg.euler_number
    (200, 396, True, 2)
    """
    n = check_count(n_nodes, "n_nodes", at_least=12)
    check_count(relaxations, "relaxations", at_least=0)
    centre = check_array(centre_mm, "centre_mm", shape=(3,))
    directions = _equal_area_directions(radius, n, seed)
    faces = hull_faces(directions)
    for _ in range(relaxations):
        points = _place(radius, directions)
        for _ in range(10):
            faces, swapped = _swap_edges(points, faces)
            if not swapped:
                break
        directions = _relax(points, directions, faces)
    points = _place(radius, directions)
    for _ in range(30):
        faces, swapped = _swap_edges(points, faces)
        if not swapped:
            break
    return Surface(centre + points, faces, name)


def hull_faces(directions: Float[np.ndarray, "n_nodes 3"]) -> Int[np.ndarray, "n_faces 3"]:
    """Outward triangles of the convex hull of unit vectors: 2n − 4 of them."""
    faces = ConvexHull(directions).simplices.astype(np.int64)
    inward = _sight_volumes(directions, faces) < 0
    faces[inward] = faces[inward][:, ::-1]
    if len(faces) != 2 * len(directions) - 4:
        raise GeometryError(
            "directions",
            found=f"{len(faces)} triangles on the convex hull of {len(directions)} directions",
            expected=f"{2 * len(directions) - 4}",
            advice="Remove equal directions.",
        )
    return faces[np.lexsort(faces.T[::-1])]


def _place(radius: Radius, directions: np.ndarray) -> np.ndarray:
    lengths = np.asarray(radius(directions), dtype=np.float64)
    if lengths.shape != (len(directions),) or not (np.isfinite(lengths) & (lengths > 0)).all():
        raise GeometryError(
            "radius",
            found=f"shape {lengths.shape} with {int((~(lengths > 0)).sum())} values not above 0",
            expected="one positive finite distance a direction",
            advice="All of the surface must be visible from the centre.",
        )
    return lengths[:, None] * directions


def _equal_area_directions(radius: Radius, n: int, seed: int) -> np.ndarray:
    """Lay a golden-ratio lattice on the surface through the distribution of its area."""
    n_rings, n_turns = 160, 240
    heights = np.linspace(-1, 1, n_rings + 1)
    angles = np.linspace(0, 2 * np.pi, n_turns + 1)
    ring = np.sqrt(np.clip(1 - heights**2, 0, None))[:, None]
    grid = np.stack(
        [ring * np.cos(angles), ring * np.sin(angles), np.tile(heights[:, None], n_turns + 1)], -1
    )
    points = _place(radius, grid.reshape(-1, 3)).reshape(grid.shape)
    diagonals = points[1:, 1:] - points[:-1, :-1], points[1:, :-1] - points[:-1, 1:]
    cells = 0.5 * np.linalg.norm(np.cross(*diagonals), axis=-1)
    rings = np.concatenate([[0], np.cumsum(cells.sum(axis=1))])
    share = (np.arange(n) + 0.5) / n
    start = np.random.default_rng(seed).random()
    z = np.interp(share, rings / rings[-1], heights)
    row = np.clip(np.searchsorted(heights, z) - 1, 0, n_rings - 1)
    turns = np.concatenate([np.zeros((n_rings, 1)), np.cumsum(cells, axis=1)], axis=1)
    turns = (turns / turns[:, -1:])[row]
    wanted = (start + np.arange(n) * _GOLDEN) % 1
    cell = np.clip((turns <= wanted[:, None]).sum(axis=1) - 1, 0, n_turns - 1)
    low, high = turns[np.arange(n), cell], turns[np.arange(n), cell + 1]
    angle = (cell + (wanted - low) / (high - low)) * 2 * np.pi / n_turns
    around = np.sqrt(1 - z**2)
    return np.stack([around * np.cos(angle), around * np.sin(angle), z], axis=1)


def _sight_volumes(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Six times the volume between each triangle and the centre; positive if it faces outward."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    return np.einsum("fx,fx->f", a, np.cross(b, c))


def _relax(points: np.ndarray, directions: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Move every node to the area-weighted middle of its triangles, without turning one over."""
    corners = points[faces]
    areas = 0.5 * np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    weight = np.repeat(areas, 3)
    middle = np.repeat(corners.mean(axis=1) * areas[:, None], 3, axis=0)
    nodes = faces.ravel()
    total = np.bincount(nodes, weight)
    wanted = np.stack([np.bincount(nodes, middle[:, k]) / total for k in range(3)], axis=1)
    target = wanted / np.linalg.norm(wanted, axis=1, keepdims=True)
    step = np.ones((len(points), 1))
    for _ in range(8):
        moved = directions + step * (target - directions)
        moved /= np.linalg.norm(moved, axis=1, keepdims=True)
        turned_over = _sight_volumes(moved, faces) <= 0
        if not turned_over.any():
            return moved
        step[np.unique(faces[turned_over])] *= 0.3
    return directions


def _swap_edges(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, int]:
    """Swap the diagonal of pairs of triangles where that widens their smallest angle."""
    n, m = len(points), len(faces)
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    tip = np.roll(faces, -2, axis=1).ravel()
    keys = np.minimum(start, end) * n + np.maximum(start, end)
    order = np.argsort(keys, kind="stable")
    first, second = order[0::2], order[1::2]  # the two half-edges of each edge
    a, b, c, d = start[first], end[first], tip[first], tip[second]
    gain = np.minimum(_smallest_angle(points, c, d, b), _smallest_angle(points, d, c, a))
    gain -= np.minimum(_smallest_angle(points, a, b, c), _smallest_angle(points, b, a, d))
    new_keys = np.minimum(c, d) * n + np.maximum(c, d)
    known = keys[first]  # sorted
    place = np.clip(np.searchsorted(known, new_keys), 0, len(known) - 1)
    fits = (
        (_sight_volumes(points, np.stack([c, d, b], 1)) > 0)
        & (_sight_volumes(points, np.stack([d, c, a], 1)) > 0)
        & (known[place] != new_keys)
    )
    gain = np.where(fits & (gain > 1e-6), gain, 0.0)
    # Only swaps that are the best for both of their triangles can be done at the same time.
    best = np.zeros(m)
    np.maximum.at(best, first // 3, gain)
    np.maximum.at(best, second // 3, gain)
    chosen = np.flatnonzero((gain > 0) & (gain == best[first // 3]) & (gain == best[second // 3]))
    chosen = chosen[np.unique(new_keys[chosen], return_index=True)[1]]
    touched = np.concatenate([first[chosen] // 3, second[chosen] // 3])
    twice = np.bincount(touched, minlength=m) > 1  # two swaps of exactly equal gain
    chosen = chosen[~(twice[first[chosen] // 3] | twice[second[chosen] // 3])]
    result = faces.copy()
    result[first[chosen] // 3] = np.stack([c, d, b], 1)[chosen]
    result[second[chosen] // 3] = np.stack([d, c, a], 1)[chosen]
    return result, len(chosen)


def _smallest_angle(points: np.ndarray, i: np.ndarray, j: np.ndarray, k: np.ndarray) -> np.ndarray:
    p, q, r = points[i], points[j], points[k]
    sides = (np.linalg.norm(q - p, axis=1), np.linalg.norm(r - q, axis=1))
    third = np.linalg.norm(p - r, axis=1)
    double_area = np.linalg.norm(np.cross(q - p, r - p), axis=1)
    shortest = np.minimum(np.minimum(*sides), third)
    # The smallest angle lies opposite the shortest side: sin = 2·area/(product of the others).
    product = sides[0] * sides[1] * third
    return np.arcsin(np.clip(double_area * shortest / np.maximum(product, 1e-300), 0, 1))
