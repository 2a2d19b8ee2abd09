"""Cells of mixed kinds, as VTK and its relatives store them, down to triangles."""

import numpy as np
from jaxtyping import Int

from ..._errors import FileFormatError
from ..._types import Faces

# VTK's numbers: vertices and lines are drawing aids and are left out.
_IGNORED = (0, 1, 2, 3, 4)
_TRIANGLE = 5


def triangles(
    where: str,
    connectivity: Int[np.ndarray, " n_entries"],
    offsets: Int[np.ndarray, " n_ends"],
    types: Int[np.ndarray, " n_cells"] | None = None,
) -> Faces:
    """Return the triangles of cells that lie end to end in ``connectivity``.

    Args:
        where: the file, for messages.
        connectivity: (n_entries,) node numbers.
        offsets: (n_cells + 1,) where each cell begins, and the end of the last one.
        types: (n_cells,) VTK cell types; None for plain polygons.
    """
    sizes = np.diff(offsets)
    if len(offsets) < 1 or offsets[0] != 0 or (sizes < 0).any() or offsets[-1] > len(connectivity):
        raise FileFormatError(
            where,
            found=f"cell offsets that do not fit {len(connectivity)} entries",
            expected="offsets that rise from 0 to the number of entries",
            advice="The file is truncated or damaged.",
        )
    if types is None:
        kept, others = sizes == 3, sizes > 3
    elif len(types) != len(sizes):
        raise FileFormatError(
            where, found=f"{len(types)} cell types", expected=f"{len(sizes)}, one a cell"
        )
    else:
        kept = types == _TRIANGLE
        others = ~kept & ~np.isin(types, _IGNORED)
        others |= kept & (sizes != 3)
    if others.any():
        raise not_triangles(where, int(others.sum()))
    return connectivity[offsets[:-1][kept][:, None] + np.arange(3)]


def not_triangles(where: str, count: int) -> FileFormatError:
    """Return the error for cells that a surface cannot take."""
    return FileFormatError(
        where,
        found=f"{count} cells that are not triangles",
        expected="a triangulated surface",
        advice="Extract and triangulate the surface first (ParaView: Extract Surface, then "
        "Triangulate).",
    )
