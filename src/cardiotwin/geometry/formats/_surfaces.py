"""The two verbs: read a surface, write a surface."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ..._errors import FileFormatError, InputError
from ..._types import ArrayLike, PathLike
from .._surface import Surface
from . import _cvrti, _mat_search, _meshio, _npz, _opencarp, _stl, _tri, _vtk_legacy, _vtk_xml
from ._build import build_surface
from ._registry import (
    NO_DATA,
    check_node_data,
    find_reader,
    find_writer,
    register_format,
)
from ._text import number_table, read_text, split_rows
from ._units import to_mm

for _module in (_tri, _cvrti, _opencarp, _vtk_legacy, _vtk_xml, _stl, _meshio, _npz, _mat_search):
    for _surface_format in _module.FORMATS:
        register_format(_surface_format, replace=True)


def read_surface(
    path: PathLike, *, unit: str | None = None, name: str = "", check_size: bool = True
) -> Surface:
    r"""Read a triangulated surface; the suffix tells the format, and the result is in mm.

    The unit is stated by the file (openCARP by definition, NPZ by its key, comments such as
    "unit: mm") or by the caller, and never guessed. Triangles keep the file's orientation.

    Args:
        path: the file; of pairs (.pts with .fac, .pts with .elem) either one.
        unit: "mm", "cm", "m" or "um": the unit of the numbers in the file.
        name: which surface to take when the file holds several; also the surface's label.
        check_size: refuse surfaces below 5 mm or above 5 m.

    Raises:
        FileFormatError: truncated, hostile, or not of this format.
        GeometryError: a triangle uses a node twice.
        UnitError: no unit, contradicting units, or one that gives an impossible size.
        MissingDependencyError: the format needs an optional library.

    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> corners = [[0, 0, 0], [6, 0, 0], [0, 6, 0], [0, 0, 6]]
    >>> _ = (folder / "wedge.pts").write_text("\n".join("%d %d %d" % tuple(p) for p in corners))
    >>> _ = (folder / "wedge.fac").write_text("1 3 2\n1 2 4\n1 4 3\n2 3 4\n")
    >>> round(read_surface(folder / "wedge.pts", unit="cm").volume_ml, 6)
    36.0
    """
    path = Path(path)
    found = find_reader(path).read(path, name)
    vertices = to_mm(found.vertices, str(path), stated=found.unit, unit=unit, check_size=check_size)
    return build_surface(str(path), vertices, found, name or found.name or path.stem)


def write_surface(
    path: PathLike, surface: Surface, *, node_data: Mapping[str, ArrayLike] | None = None
) -> None:
    """Write a surface in mm (openCARP: µm); the suffix tells the format.

    Every digit of float64 is kept, except in STL (float32). ``.pts`` writes the map3d pair
    (.pts and .fac), ``.elem`` the openCARP pair. The file appears whole or not at all.

    Args:
        path: where to write.
        surface: any surface.
        node_data: named values at the nodes, (n_nodes,) or (n_nodes, n_components); only VTK,
            VTU, VTP, PLY and NPZ have a place for them.

    Raises:
        FileFormatError: a suffix that no writer knows.
        InputError: node data of the wrong shape, or for a format without a place for them.

    >>> import tempfile, pathlib
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "wedge.vtp"
    >>> wedge = Surface(
    ...     [[0, 0, 0], [60, 0, 0], [0, 60, 0], [0, 0, 60]],
    ...     [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]],
    ... )
    >>> write_surface(target, wedge, node_data={"activation_ms": [0, 10, 20, 30]})
    >>> read_surface(target)
    Surface('wedge': 4 nodes, 4 triangles, closed)
    """
    path = Path(path)
    writer = find_writer(path)
    data = check_node_data(surface, node_data)
    if data and not writer.node_data:
        raise InputError(
            "node_data",
            found=", ".join(data),
            expected=f"none, as {writer.name} files have no place for values at nodes",
            advice="Write .vtp, .vtk, .vtu, .ply or .npz instead.",
        )
    if writer.write is not None:
        writer.write(path, surface, data or NO_DATA)


def read_points(
    path: PathLike, *, unit: str | None = None, check_size: bool = True
) -> Float[np.ndarray, "n_points 3"]:
    r"""Read a ``.pts`` file of points without triangles (electrodes), in mm.

    Args:
        path: three numbers a line (map3d), or openCARP's form (count first, in µm).
        unit: the unit of the numbers; openCARP files state it themselves.
        check_size: refuse sets of points below 5 mm or above 5 m.

    Returns:
        (n_points, 3) positions in mm.

    Raises:
        FileFormatError: truncated, or not three numbers a line.
        UnitError: no unit, or one that gives an impossible size.

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "leads.pts"
    >>> _ = path.write_text("0 0 1.5\n10 0 1.5\n")
    >>> read_points(path, unit="cm")[1].tolist()
    [100.0, 0.0, 15.0]
    """
    path = Path(path)
    if path.suffix.lower() == ".pts" and _opencarp.recognizes(path):
        points, stated = _opencarp.read_coordinates(path), "um"
    else:
        points, stated = number_table(path, split_rows(read_text(path)), 3), None
    if not len(points):
        raise FileFormatError(str(path), found="no points", expected="three numbers a line")
    return to_mm(points, str(path), stated=stated, unit=unit, check_size=check_size)
