"""Size and shape of the edges and triangles of a surface."""

from dataclasses import dataclass

import numpy as np

from ._surface import Surface


@dataclass(frozen=True)
class MeshQuality:
    """Numbers that tell how well-shaped the triangles are.

    Args:
        edge_mm: smallest, mean and largest edge length.
        smallest_angle_degrees: 0th, 5th and 50th percentile of the smallest angle of a triangle
            (60 is ideal; below 10 boundary elements and cotangents lose accuracy).
        aspect_ratio: median and largest of circumradius/(2·inradius) (1 is ideal).
        area_mm2: whole area.
    """

    edge_mm: tuple[float, float, float]
    smallest_angle_degrees: tuple[float, float, float]
    aspect_ratio: tuple[float, float]
    area_mm2: float


def measure_quality(surface: Surface) -> MeshQuality:
    """Measure edges, angles and aspect ratios.

    The aspect ratio is abc/(8·(s − a)(s − b)(s − c)) with sides a, b, c and s half their sum.

    Args:
        surface: any surface with at least one triangle.

    Returns:
        The numbers, infinite or zero for triangles without area.

    >>> from cardiotwin.geometry import zoo
    >>> measure_quality(zoo.sphere(12)).aspect_ratio[1] < 1 + 1e-9
    True
    """
    corners = surface.vertices_mm[surface.faces]
    sides = np.sort(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2), axis=1)
    a, b, c = sides.T
    # The smallest angle lies opposite the shortest side (half-angle formula, stable when flat).
    near = np.maximum((a - (c - b)) * (a + (c - b)), 0)
    far = np.maximum((c + b - a) * (c + b + a), 0)
    angles = np.degrees(2 * np.arctan2(np.sqrt(near), np.sqrt(far)))
    s = sides.sum(axis=1) / 2
    gaps = np.maximum(s - a, 0) * np.maximum(s - b, 0) * np.maximum(s - c, 0)
    ratio = np.full(len(sides), np.inf)
    np.divide(a * b * c, 8 * gaps, out=ratio, where=gaps > 0)
    edge = surface.edge_lengths_mm
    least, low, median = np.percentile(angles, [0, 5, 50])
    return MeshQuality(
        edge_mm=(float(edge.min()), float(edge.mean()), float(edge.max())),
        smallest_angle_degrees=(float(least), float(low), float(median)),
        aspect_ratio=(float(np.median(ratio)), float(ratio.max())),
        area_mm2=surface.area_mm2,
    )
