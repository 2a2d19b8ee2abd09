"""PLY and OBJ, parsed by meshio behind checks of what the files claim."""

import io
import re
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..._errors import FileFormatError
from ..._files import atomic_path
from .._surface import Surface
from ._cells import not_triangles
from ._registry import NodeData, SurfaceFile, SurfaceFormat
from ._text import decode, read_bytes, shorten
from ._units import unit_stated_in


def read_ply(path: Path, name: str) -> SurfaceFile:
    """Read ASCII or binary PLY."""
    del name
    from meshio import ply

    data = read_bytes(path)
    header = re.match(rb"ply[ \t]*\r?\n.*?^end_header[ \t]*\r?\n", data[:65536], re.S | re.M)
    if header is None:
        raise FileFormatError(
            str(path),
            found=shorten(data[:20].decode("latin-1")),
            expected="'ply' on the first line and a header that ends with 'end_header'",
        )
    text = decode(path, header.group())
    counts = {}
    for element, digits in re.findall(r"^element[ \t]+(\w+)[ \t]+(\S+)", text, re.M):
        if not re.fullmatch("[0-9]{1,18}", digits) or int(digits) > len(data):
            raise FileFormatError(
                str(path),
                found=f"{shorten(digits)} × {element} announced in {len(data)} bytes",
                expected="a number that fits the file",
            )
        counts[element] = int(digits)
    # Two spellings are in use for the list of corners, and meshio knows one of them.
    head = re.sub(rb"\bvertex_index\b", b"vertex_indices", header.group())
    stream = io.BytesIO(head.replace(b"\r\n", b"\n") + data[header.end() :])
    mesh = _guarded(path, lambda: ply.read(stream))
    n_cells = sum(len(block.data) for block in mesh.cells)
    if len(mesh.points) != counts.get("vertex") or n_cells != counts.get("face"):
        raise FileFormatError(
            str(path),
            found=f"{len(mesh.points)} nodes and {n_cells} faces",
            expected=f"{counts.get('vertex')} nodes and {counts.get('face')} faces",
            advice="The file is truncated.",
        )
    return _convert(path, mesh, unit_stated_in(_comments(text, "comment")))


def read_obj(path: Path, name: str) -> SurfaceFile:
    """Read the nodes and faces of an OBJ file."""
    del name
    from meshio import obj

    text = decode(path, read_bytes(path))
    mesh = _guarded(path, lambda: obj.read(io.StringIO(text)))
    return _convert(path, mesh, unit_stated_in(_comments(text, "#")))


def write_ply(path: Path, surface: Surface, node_data: NodeData) -> None:
    """Write binary PLY in mm, a column for every component of the node data."""
    from meshio import ply

    columns = {}
    for key, values in node_data.items():
        label = "_".join(key.encode("ascii", "ignore").decode().split()) or "data"
        for k, column in enumerate(values.T):
            columns[label if values.shape[1] == 1 else f"{label}_{k}"] = np.ascontiguousarray(
                column
            )
    with atomic_path(path) as temporary:
        ply.write(str(temporary), _mesh(surface, columns))
        data = temporary.read_bytes()
        temporary.write_bytes(
            re.sub(rb"comment Created by[^\n]*", b"comment unit: mm", data, count=1)
        )


def write_obj(path: Path, surface: Surface, node_data: NodeData) -> None:
    """Write OBJ in mm."""
    del node_data
    from meshio import obj

    with atomic_path(path) as temporary:
        obj.write(str(temporary), _mesh(surface))
        text = temporary.read_text(encoding="utf-8")
        temporary.write_text("# unit: mm" + text[text.index("\n") :], encoding="utf-8")


def _mesh(surface: Surface, node_data: dict[str, np.ndarray] | None = None) -> Any:
    import meshio

    cells: Any = [("triangle", surface.faces.astype(np.int32))]
    data: Any = node_data
    return meshio.Mesh(np.array(surface.vertices_mm), cells, point_data=data)


def _guarded(path: Path, parse: Callable[[], Any]) -> Any:
    """Run a parser that was not written for hostile files, whatever it may raise."""
    try:
        with warnings.catch_warnings():
            # NumPy warns about short or odd tables; the checks below say the same as errors.
            warnings.simplefilter("ignore")
            return parse()
    except Exception as error:
        raise FileFormatError(
            str(path),
            found=f"something that cannot be parsed ({type(error).__name__}: "
            f"{shorten(str(error), 80)})",
            expected=f"a {path.suffix.lower().lstrip('.').upper()} surface",
            advice="The file is truncated, damaged, or of another format.",
        ) from None


def _convert(path: Path, mesh: Any, unit: str | None) -> SurfaceFile:
    """Take nodes and triangles out of a meshio mesh."""
    points = np.asarray(mesh.points)
    other = sum(
        len(block.data) for block in mesh.cells if block.type not in ("triangle", "vertex", "line")
    )
    if other:
        raise not_triangles(str(path), other)
    blocks = [np.asarray(block.data) for block in mesh.cells if block.type == "triangle"]
    if points.ndim != 2 or points.shape[1] < 3 or not blocks:
        raise FileFormatError(
            str(path),
            found=f"nodes of shape {points.shape} and {len(blocks)} groups of triangles",
            expected="three coordinates a node, and triangles",
        )
    return SurfaceFile(
        points[:, :3].astype(np.float64), np.concatenate(blocks).astype(np.int64), unit
    )


def _comments(text: str, mark: str) -> str:
    lines: Iterable[str] = text[:65536].splitlines()
    return "\n".join(line for line in lines if line.startswith(mark))


FORMATS = (
    SurfaceFormat(
        "PLY",
        (".ply",),
        read_ply,
        write_ply,
        node_data=True,
        unit="stated by a comment ('unit: mm') or the caller",
    ),
    SurfaceFormat(
        "OBJ",
        (".obj",),
        read_obj,
        write_obj,
        unit="stated by a comment ('unit: mm') or the caller",
    ),
)
