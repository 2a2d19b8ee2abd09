"""Lines of equal value on a triangulated surface."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .._checks import check_array, check_count
from .._types import ArrayLike
from ..geometry import Surface


@dataclass(frozen=True, eq=False)
class Isolines:
    """Straight segments inside triangles on which a linear function has a given value.

    Attributes:
        points_mm: (n_segments, 2, 3) both ends of every segment.
        values: (n_segments,) the level that each segment belongs to.
    """

    points_mm: Float[np.ndarray, "n_segments 2 3"]
    values: Float[np.ndarray, " n_segments"]


def isolines(surface: Surface, values: ArrayLike, levels: ArrayLike) -> Isolines:
    """Cut the piecewise linear function of the nodal values at some levels.

    On an edge from a to b the level l is met at a + (l − f_a)/(f_b − f_a) (b − a), which is
    exact for linear triangles. A node that lies on a level counts as above it, so that every
    triangle is cut in two points or not at all and lines close on closed surfaces.

    Args:
        surface: triangles.
        values: (n_nodes,) values; triangles with a NaN corner are left out.
        levels: (n_levels,) values to draw.

    Raises:
        InputError: arrays of another shape.

    >>> square = Surface([[0, 0, 0], [2, 0, 0], [0, 2, 0]], [[0, 1, 2]])
    >>> isolines(square, [0.0, 1.0, 0.0], [0.5]).points_mm[0].tolist()
    [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]
    """
    nodal = check_array(values, "values", shape=(surface.n_nodes,), finite=False)
    cuts = check_array(levels, "levels", shape=("n_levels",))
    faces = surface.faces[np.isfinite(nodal[surface.faces]).all(axis=1)]
    corners = nodal[faces]
    above = corners[None] >= cuts[:, None, None]
    crosses = above != np.roll(above, -1, axis=2)
    which, face = np.nonzero(crosses.any(axis=2))
    # Exactly two of the three edges are crossed: the first and the last marked one.
    marked = crosses[which, face]
    edges = np.stack([marked.argmax(axis=1), 2 - marked[:, ::-1].argmax(axis=1)], axis=1)
    start, stop = faces[face[:, None], edges], faces[face[:, None], (edges + 1) % 3]
    low, high = nodal[start], nodal[stop]
    part = (cuts[which][:, None] - low) / (high - low)
    vertices = surface.vertices_mm
    points = vertices[start] + part[..., None] * (vertices[stop] - vertices[start])
    return Isolines(points, cuts[which])


def isochrone_levels(times_ms: ArrayLike, *, about: int = 12) -> Float[np.ndarray, " n_levels"]:
    """Return round times (steps of 1, 2, 5 × 10ⁿ ms) inside the range, about as many as wanted.

    >>> isochrone_levels([0.0, 100.0], about=10).tolist()
    [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0]
    """
    times = check_array(times_ms, "times_ms", shape=("n_nodes",), finite=False)
    count = check_count(about, "about")
    times = times[np.isfinite(times)]
    if not times.size or times.min() == times.max():
        return np.empty(0)
    low, high = float(times.min()), float(times.max())
    rough = (high - low) / count
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * min((1, 2, 5, 10), key=lambda s: abs(np.log(s * power / rough)))
    first, last = np.floor(low / step) + 1, np.ceil(high / step) - 1
    return step * np.arange(first, last + 1)
