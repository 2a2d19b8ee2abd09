"""Organs guessed from the room there is: ellipsoids that give way to the surfaces around them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from .._checks import check_array, check_count, check_number
from .._types import ArrayLike
from ._shapes import icosphere
from ._surface import Surface


def ellipsoid_within(
    centre_mm: ArrayLike,
    semi_axes_mm: ArrayLike,
    walls: Sequence[tuple[Surface, float]],
    *,
    name: str = "",
    level: int = 2,
) -> Surface:
    """Make an ellipsoid about a point, pushed in wherever it comes too near to a wall.

    For lungs beside a heart, or blood in its cavities, where nothing but the room is known.

    Args:
        centre_mm: (3,) a point that keeps its clearance to all walls itself.
        semi_axes_mm: (3,) along x, y and z.
        walls: surfaces, each with the clearance in mm that is kept to it along the rays from the
            centre.
        name: label of the new surface.
        level: of the icosphere: 2 gives 162 nodes, 3 gives 642.

    Returns:
        A closed, outward surface.

    Raises:
        InputError: shapes that do not fit, axes or clearances that are not positive.

    >>> from cardiotwin.geometry import zoo
    >>> wall = zoo.sphere(162, 50.0)
    >>> organ = ellipsoid_within((0, 0, 0), (30, 30, 80), [(wall, 5.0)])
    >>> bool(organ.vertices_mm[:, 2].max() < 45.1), organ.is_closed
    (True, True)
    """
    centre = check_array(centre_mm, "centre_mm", shape=(3,))
    axes = check_array(semi_axes_mm, "semi_axes_mm", shape=(3,))
    for axis in axes:
        check_number(axis, "semi_axes_mm", above=0)
    unit = icosphere(check_count(level, "level", at_least=0))
    directions = unit.vertices_mm / np.linalg.norm(unit.vertices_mm, axis=1, keepdims=True)
    radius = 1 / np.linalg.norm(directions / axes, axis=1)
    for wall, clearance_mm in walls:
        clearance = check_number(clearance_mm, "clearance_mm", at_least=0)
        room = _room(wall, centre, directions)
        # Where the wall is nearer than twice the clearance, a third of the room is kept instead.
        radius = np.minimum(radius, np.maximum(room - clearance, 0.3 * room))
    # Between two rays the wall may come closer: every node keeps to its neighbors' room too.
    ends = np.vstack([unit.edges, unit.edges[:, ::-1]])
    held = radius.copy()
    np.minimum.at(held, ends[:, 0], radius[ends[:, 1]])
    return Surface(centre + held[:, None] * directions, unit.faces, name)


def _room(
    wall: Surface, origin: Float[np.ndarray, " 3"], directions: Float[np.ndarray, "n_rays 3"]
) -> Float[np.ndarray, " n_rays"]:
    """Distance along every ray to the wall's first triangle, infinite where it meets none."""
    a, b, c = (wall.vertices_mm[wall.faces[:, k]] for k in range(3))
    first, second, offset = b - a, c - a, origin - a
    across = np.cross(directions[:, None], second)
    determinant = np.einsum("fx,rfx->rf", first, across)
    normal = np.cross(offset, first)
    with np.errstate(divide="ignore", invalid="ignore"):
        u = np.einsum("fx,rfx->rf", offset, across) / determinant
        v = directions @ normal.T / determinant
        length = np.einsum("fx,fx->f", second, normal) / determinant
        hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (length > 1e-9)
    return np.where(hit, length, np.inf).min(axis=1)
