"""Organs for the forward tests: ellipsoids that give way to the surfaces around them."""

import numpy as np

from cardiotwin.geometry import Surface, icosphere


def ray_lengths(surface, origins_mm, directions):
    """Distance along every ray to the surface's first triangle, infinite where it meets none."""
    a, b, c = (surface.vertices_mm[surface.faces[:, k]] for k in range(3))
    first, second = b - a, c - a
    across = np.cross(directions[:, None], second)
    determinant = np.einsum("fx,rfx->rf", first, across)
    offset = origins_mm[:, None] - a
    normal = np.cross(offset, first)
    with np.errstate(divide="ignore", invalid="ignore"):
        u = np.einsum("rfx,rfx->rf", offset, across) / determinant
        v = np.einsum("rx,rfx->rf", directions, normal) / determinant
        length = np.einsum("fx,rfx->rf", second, normal) / determinant
    hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (length > 1e-9)
    return np.where(hit, length, np.inf).min(axis=1)


def filling(centre_mm, semi_axes_mm, clearances, name, level=2):
    """Ellipsoid about a centre, pushed in until it keeps its clearance to other surfaces."""
    unit = icosphere(level, radius_mm=1.0)
    directions = unit.vertices_mm
    radius = 1 / np.linalg.norm(directions / np.asarray(semi_axes_mm), axis=1)
    origins = np.broadcast_to(np.asarray(centre_mm, dtype=float), directions.shape)
    for surface, clearance_mm in clearances:
        room = ray_lengths(surface, origins, directions)
        radius = np.minimum(radius, np.maximum(room - clearance_mm, 0.3 * room))
    # Between two rays the wall may come closer: every node keeps to its neighbours' room too.
    ends = np.vstack([unit.edges, unit.edges[:, ::-1]])
    held = radius.copy()
    np.minimum.at(held, ends[:, 0], radius[ends[:, 1]])
    radius = held
    return Surface(np.asarray(centre_mm) + radius[:, None] * directions, unit.faces, name)
