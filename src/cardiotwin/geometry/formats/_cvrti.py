"""map3d (CVRTI) pairs: ``.pts`` with a node a line, ``.fac`` with a triangle a line, 1-based."""

from pathlib import Path

from ..._errors import FileFormatError
from ..._files import atomic_path
from .._surface import Surface
from ._registry import NodeData, SurfaceFile, SurfaceFormat
from ._text import number_table, read_text, split_rows, table_lines, whole_numbers


def read(path: Path, name: str) -> SurfaceFile:
    """Read both files of the pair, whichever was named."""
    del name
    points_path = beside(path, ".pts")
    vertices = number_table(points_path, split_rows(read_text(points_path)), 3)
    faces_path = beside(path, ".fac")
    rows = split_rows(read_text(faces_path))
    corners = whole_numbers(
        faces_path,
        rows,
        number_table(faces_path, rows, 3),
        first=1,
        last=len(vertices),
        what="three node numbers (counted from 1)",
    )
    return SurfaceFile(vertices, corners - 1)


def write(path: Path, surface: Surface, node_data: NodeData) -> None:
    """Write both files of the pair in mm."""
    del node_data
    points_path, faces_path = path.with_suffix(".pts"), path.with_suffix(".fac")
    with atomic_path(points_path) as points, atomic_path(faces_path) as faces:
        points.write_text("\n".join(table_lines(surface.vertices_mm)) + "\n", encoding="ascii")
        faces.write_text("\n".join(table_lines(surface.faces + 1)) + "\n", encoding="ascii")


def beside(path: Path, suffix: str) -> Path:
    """Return the file of the same stem with another suffix, of either case."""
    if path.suffix.lower() == suffix:
        return path
    for candidate in (path.with_suffix(suffix), path.with_suffix(suffix.upper())):
        if candidate.is_file():
            return candidate
    raise FileFormatError(
        str(path),
        found=f"no {path.with_suffix(suffix).name} beside it",
        expected=f"a pair of {path.suffix} and {suffix} files of the same stem",
        advice="Copy the missing file there; geometry.read_points reads points alone."
        if suffix != ".pts"
        else "Copy the missing file there.",
    )


FORMATS = (SurfaceFormat("map3d", (".pts", ".fac"), read, write, unit="stated by the caller"),)
