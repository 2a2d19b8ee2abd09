"""openCARP: ``.pts`` (count first, micrometres by definition), ``.elem`` and ``.vtx``, 0-based."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from ..._checks import check_choice, check_indices, freeze
from ..._errors import FileFormatError
from ..._files import atomic_path
from ..._types import ArrayLike, Indices, PathLike
from .._surface import Surface
from ._cvrti import beside
from ._registry import NodeData, SurfaceFile, SurfaceFormat
from ._text import (
    Row,
    number_table,
    read_count,
    read_text,
    shorten,
    split_rows,
    table_lines,
    whole_numbers,
)

_DOMAINS = ("intra", "extra")


@dataclass(frozen=True, eq=False)
class VertexSet:
    """Nodes named by an openCARP ``.vtx`` file.

    Args:
        nodes: (n,) 0-based node numbers.
        domain: "intra" or "extra" (cellular).
    """

    nodes: Indices
    domain: str


def recognizes(path: Path) -> bool:
    """Tell whether a file is openCARP's: an ``.elem``, or a first line that is one whole number."""
    if path.suffix.lower() == ".elem":
        return True
    try:
        with path.open("rb") as file:
            head = file.read(4096).decode("utf-8-sig", errors="replace")
    except (OSError, ValueError):
        return False
    rows = split_rows(head)
    return bool(rows) and re.fullmatch(r"\s*[0-9]+\s*", rows[0][1]) is not None


def read(path: Path, name: str) -> SurfaceFile:
    """Read the pair of ``.pts`` and ``.elem``."""
    del name
    vertices = read_coordinates(beside(path, ".pts"))
    faces, _ = _read_elements(beside(path, ".elem"), last=len(vertices) - 1)
    return SurfaceFile(vertices, faces, unit="um")


def read_coordinates(path: Path) -> Float[np.ndarray, "n_nodes 3"]:
    """Return the coordinates of a ``.pts`` file in micrometres."""
    rows = split_rows(read_text(path))
    count = read_count(path, rows, 0, "nodes")
    _refuse_surplus(path, rows, count)
    return number_table(path, rows[1:], 3)


def write(path: Path, surface: Surface, node_data: NodeData) -> None:
    """Write the pair in micrometres, all triangles with region tag 1."""
    del node_data
    points_path, elements_path = path.with_suffix(".pts"), path.with_suffix(".elem")
    with atomic_path(points_path) as points, atomic_path(elements_path) as elements:
        nodes = table_lines(surface.vertices_mm * 1000)
        points.write_text("\n".join([str(len(nodes)), *nodes]) + "\n", encoding="ascii")
        faces = [f"Tr {line} 1" for line in table_lines(surface.faces)]
        elements.write_text("\n".join([str(len(faces)), *faces]) + "\n", encoding="ascii")


def read_region_tags(path: PathLike) -> Int[np.ndarray, " n_faces"]:
    r"""Read the region tag of every triangle of an openCARP ``.elem`` file (0 where none stands).

    Raises:
        FileFormatError: truncated, or elements that are not triangles.

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "slab.elem"
    >>> _ = path.write_text("2\nTr 0 1 2 7\nTr 0 2 3 8\n")
    >>> read_region_tags(path)
    array([7, 8])
    """
    return _read_elements(beside(Path(path), ".elem"), last=2**53)[1]


def read_vtx(path: PathLike, *, n_nodes: int | None = None) -> VertexSet:
    """Read an openCARP ``.vtx`` file: a count, "intra" or "extra", then 0-based node numbers.

    Args:
        path: the file.
        n_nodes: the number of nodes of the mesh, to check the numbers against.

    Raises:
        FileFormatError: truncated, another layout, or nodes beyond the mesh.

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "pacing.vtx"
    >>> write_vtx(path, [4, 7])
    >>> read_vtx(path).nodes.tolist()
    [4, 7]
    """
    path = Path(path)
    rows = split_rows(read_text(path))
    if len(rows) < 2 or rows[1][1].strip() not in _DOMAINS:
        raise FileFormatError(
            f"{path}: line {rows[1][0] if len(rows) > 1 else 2}",
            found=shorten(rows[1][1]) if len(rows) > 1 else "the end of the file",
            expected="'intra' or 'extra'",
        )
    count = read_count(path, [rows[0], *rows[2:]], 0, "nodes")
    _refuse_surplus(path, [rows[0], *rows[2:]], count)
    last = 2**53 if n_nodes is None else n_nodes - 1
    nodes = whole_numbers(
        path, rows[2:], number_table(path, rows[2:], 1), first=0, last=last, what="a node number"
    )
    return VertexSet(freeze(nodes[:, 0]), rows[1][1].strip())


def write_vtx(path: PathLike, nodes: ArrayLike, *, domain: str = "intra") -> None:
    """Write node numbers as an openCARP ``.vtx`` file.

    Args:
        path: where to write.
        nodes: (n,) 0-based node numbers.
        domain: "intra" or "extra".

    Raises:
        InputError: not node numbers, or another domain.

    >>> import tempfile, pathlib
    >>> write_vtx(pathlib.Path(tempfile.mkdtemp()) / "pacing.vtx", [4, 7], domain="extra")
    """
    numbers = check_indices(nodes, "nodes", upper=2**53)
    check_choice(domain, "domain", _DOMAINS)
    with atomic_path(path) as temporary:
        lines = [str(len(numbers)), domain, *map(str, numbers.tolist())]
        temporary.write_text("\n".join(lines) + "\n", encoding="ascii")


def _read_elements(
    path: Path, *, last: int
) -> tuple[Int[np.ndarray, "n_faces 3"], Int[np.ndarray, " n_faces"]]:
    rows = split_rows(read_text(path))
    count = read_count(path, rows, 0, "elements")
    _refuse_surplus(path, rows, count)
    kinds = Counter(line.split()[0] for _, line in rows[1:])
    if set(kinds) - {"Tr"}:
        listed = ", ".join(f"{n} × {shorten(kind, 10)}" for kind, n in kinds.most_common(5))
        raise FileFormatError(
            str(path),
            found=f"elements {listed}",
            expected="triangles ('Tr') only",
            advice="This is not a surface mesh: extract the surface first.",
        )
    numbers = [
        (at, line.split(None, 1)[1] if len(line.split()) > 1 else "") for at, line in rows[1:]
    ]
    n_columns = len(numbers[0][1].split()) if numbers else 4
    table = number_table(path, numbers, 4 if n_columns == 4 else 3)
    tags = table[:, 3:] if n_columns == 4 else np.zeros((len(table), 1))
    faces = whole_numbers(path, rows[1:], table[:, :3], first=0, last=last, what="node numbers")
    whole = whole_numbers(path, rows[1:], tags, first=-(2**31), last=2**31, what="a region tag")
    return faces, whole[:, 0]


def _refuse_surplus(path: Path, rows: list[Row], count: int) -> None:
    if len(rows) != count + 1:
        raise FileFormatError(
            f"{path}: line {rows[count + 1][0]}",
            found=f"{len(rows) - 1} lines after the count {count}",
            expected="as many lines as announced",
        )


FORMATS = (
    SurfaceFormat(
        "openCARP",
        (".pts", ".elem"),
        read,
        write,
        write_suffixes=(".elem",),
        unit="micrometres by definition",
        recognizes=recognizes,
    ),
)
