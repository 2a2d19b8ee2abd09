"""Meshes of the tissue tests: flat strips for plane waves, a closed surface of the paper's size."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from cardiotwin.geometry import Surface, zoo


def strip(spacing_mm: float, length_mm: float, *, rows: int = 3, hexagonal: bool = True) -> Surface:
    """Give a flat strip along x: equilateral triangles, or squares cut in two."""
    columns = round(length_mm / spacing_mm) + 1
    row, column = np.divmod(np.arange(rows * columns), columns)
    x = spacing_mm * (column + (0.5 * (row % 2) if hexagonal else 0))
    y = spacing_mm * row * (np.sqrt(0.75) if hexagonal else 1)
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    right, up = corner + 1, corner + columns
    upright = up + 1
    even = ((corner // columns) % 2 == 0) if hexagonal else np.zeros(len(corner), dtype=bool)
    first = np.where(even[:, None], np.c_[corner, right, up], np.c_[corner, right, upright])
    second = np.where(even[:, None], np.c_[right, upright, up], np.c_[corner, upright, up])
    return Surface(np.c_[x, y, np.zeros(len(x))], np.r_[first, second], "strip")


@pytest.fixture(scope="session")
def make_strip():
    return strip


@pytest.fixture(scope="session")
def epicardium() -> Surface:
    """Give 1094 nodes and 2184 triangles with the mean edge of the paper's heart."""
    index = np.arange(1094) + 0.5
    polar, turn = np.arccos(1 - 2 * index / 1094), np.pi * (1 + 5**0.5) * index
    points = 50 * np.c_[np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)]
    faces = ConvexHull(points).simplices
    a, b, c = (points[faces[:, k]] for k in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), a) < 0
    faces[inward] = faces[inward][:, ::-1]
    return Surface(points, faces, "epicardium")


@pytest.fixture(scope="session")
def small_ball() -> Surface:
    return zoo.sphere(42, radius_mm=12.0)
