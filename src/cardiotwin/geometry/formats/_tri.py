"""ECGSIM and PhysioNet ``.tri``: numbered nodes, then numbered triangles, 1-based."""

from pathlib import Path

import numpy as np

from ..._errors import FileFormatError
from ..._files import atomic_path
from .._surface import Surface
from ._registry import NodeData, SurfaceFile, SurfaceFormat
from ._text import Row, number_table, read_count, read_text, split_rows, table_lines, whole_numbers


def read(path: Path, name: str) -> SurfaceFile:
    """Read the file; lines after the last triangle are a description and are left alone."""
    del name
    rows = split_rows(read_text(path))
    n_nodes = read_count(path, rows, 0, "nodes")
    node_rows = rows[1 : 1 + n_nodes]
    nodes = number_table(path, node_rows, 4)
    _check_numbers(path, node_rows, nodes[:, 0], "node")
    n_faces = read_count(path, rows, 1 + n_nodes, "triangles")
    face_rows = rows[2 + n_nodes : 2 + n_nodes + n_faces]
    faces = number_table(path, face_rows, 4)
    _check_numbers(path, face_rows, faces[:, 0], "triangle")
    corners = whole_numbers(
        path, face_rows, faces[:, 1:], first=1, last=n_nodes, what="node numbers"
    )
    return SurfaceFile(nodes[:, 1:], corners - 1)


def write(path: Path, surface: Surface, node_data: NodeData) -> None:
    """Write the file in mm."""
    del node_data
    with atomic_path(path) as temporary:
        nodes = [f"{k} {line}" for k, line in enumerate(table_lines(surface.vertices_mm), 1)]
        faces = [f"{k} {line}" for k, line in enumerate(table_lines(surface.faces + 1), 1)]
        lines = [str(len(nodes)), *nodes, str(len(faces)), *faces]
        temporary.write_text("\n".join(lines) + "\n", encoding="ascii")


def _check_numbers(path: Path, rows: list[Row], numbers: np.ndarray, what: str) -> None:
    wrong = np.flatnonzero(numbers != np.arange(1, len(numbers) + 1))
    if len(wrong):
        first = int(wrong[0])
        raise FileFormatError(
            f"{path}: line {rows[first][0]}",
            found=f"{what} number {numbers[first]:g}",
            expected=f"{what} number {first + 1} (numbered from 1, in order)",
        )


FORMATS = (SurfaceFormat("ECGSIM tri", (".tri",), read, write, unit="stated by the caller"),)
