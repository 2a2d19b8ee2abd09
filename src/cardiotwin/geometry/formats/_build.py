"""From what stands in a file to a `Surface`, with the file named in what goes wrong."""

import numpy as np

from ..._errors import FileFormatError, GeometryError, InputError
from .._surface import Surface
from ._registry import SurfaceFile


def build_surface(where: str, vertices_mm: np.ndarray, found: SurfaceFile, name: str) -> Surface:
    """Make the surface; what is wrong with it is told with the file's name."""
    if not len(found.faces):
        raise FileFormatError(where, found="no triangles", expected="a surface")
    if found.faces.min() < 0 or found.faces.max() >= len(vertices_mm):
        raise FileFormatError(
            where,
            found=f"triangles that use node {int(found.faces.max())} (0-based)"
            if found.faces.min() >= 0
            else "triangles with node numbers below the first",
            expected=f"{len(vertices_mm)} nodes at most",
        )
    try:
        return Surface(vertices_mm, found.faces, name)
    except InputError as error:
        kind = GeometryError if isinstance(error, GeometryError) else FileFormatError
        raise kind(
            f"{where}: {error.where}",
            found=error.found,
            expected=error.expected,
            advice=error.advice,
        ) from None
