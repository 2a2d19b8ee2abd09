"""Legacy ``.vtk``: surfaces as POLYDATA or UNSTRUCTURED_GRID, ASCII or binary, layouts to 5.1.

Written here because meshio reads no POLYDATA, the form in which most surfaces come.
"""

import re
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from ..._errors import FileFormatError
from ..._files import atomic_path
from ..._types import Faces
from .._surface import Surface
from ._cells import not_triangles, triangles
from ._registry import NodeData, SurfaceFile, SurfaceFormat
from ._text import read_bytes, shorten, table_lines
from ._units import unit_stated_in

_DTYPES = {
    "bit": "u1",
    "char": "i1",
    "unsigned_char": "u1",
    "short": "i2",
    "unsigned_short": "u2",
    "int": "i4",
    "unsigned_int": "u4",
    "long": "i8",
    "unsigned_long": "u8",
    "float": "f4",
    "double": "f8",
    "vtktypeint64": "i8",
    "vtkidtype": "i4",
}
_CELL_SECTIONS = ("VERTICES", "LINES", "POLYGONS", "TRIANGLE_STRIPS", "CELLS")


class _Reader:
    """A place in the file's bytes, from which lines and runs of numbers are taken."""

    def __init__(self, path: Path):
        self.path, self.data, self.at = path, read_bytes(path), 0
        if not self.data.startswith(b"# vtk DataFile Version"):
            raise self.error(shorten(self.data[:30].decode("latin-1")), "'# vtk DataFile Version'")
        self.line()
        self.title = self.line() or ""
        kind = (self.line() or "").strip().upper()
        if kind not in ("ASCII", "BINARY"):
            raise self.error(shorten(kind), "ASCII or BINARY on the third line")
        self.ascii = kind == "ASCII"

    def error(self, found: str, expected: str) -> FileFormatError:
        return FileFormatError(
            f"{self.path}: byte {self.at}",
            found=found,
            expected=expected,
            advice="The file is truncated, damaged, or not a legacy VTK surface.",
        )

    def line(self) -> str | None:
        """Return the next line, or None at the end."""
        if self.at >= len(self.data):
            return None
        end = self.data.find(b"\n", self.at)
        end = len(self.data) if end < 0 else end
        text = self.data[self.at : end].decode("latin-1")
        self.at = end + 1
        return text

    def words(self) -> list[str] | None:
        """Return the words of the next line that is not blank."""
        while (line := self.line()) is not None:
            if words := line.split():
                return words
        return None

    def count(self, words: list[str], at: int) -> int:
        if at >= len(words) or not re.fullmatch(r"[0-9]{1,18}", words[at]):
            raise self.error(shorten(" ".join(words)), "a number of entries")
        return int(words[at])

    def numbers(self, count: int, kind: str) -> Float[np.ndarray, " count"]:
        dtype = np.dtype(_DTYPES.get(kind.lower(), "V1")).newbyteorder(">")
        if dtype.kind == "V":
            raise self.error(f"the number type {shorten(kind)}", ", ".join(_DTYPES))
        left = len(self.data) - self.at
        # In text the last number may lack the blank after it.
        if count * (2 if self.ascii else dtype.itemsize) > left + self.ascii:
            raise self.error(f"{left} bytes left", f"{count} numbers")
        if not self.ascii:
            values = np.frombuffer(self.data, dtype, count, self.at)
            self.at += count * dtype.itemsize
            with np.errstate(invalid="ignore"):
                return values.astype(np.float64)
        words = self.data[self.at :].split(None, count)
        try:
            values = np.fromiter(map(float, words[:count]), np.float64, count)
        except ValueError:
            raise self.error("text among numbers, or too few of them", f"{count} numbers") from None
        self.at = len(self.data) - (len(words[count]) if len(words) > count else 0)
        return values

    def integers(self, count: int, kind: str) -> Int[np.ndarray, " count"]:
        values = self.numbers(count, kind)
        if not ((values == np.floor(values)) & (np.abs(values) < 2**53)).all():
            raise self.error("fractions or huge numbers", "whole numbers")
        return values.astype(np.int64)


def read(path: Path, name: str) -> SurfaceFile:
    """Read points and triangles; values at nodes and cells are left alone."""
    del name
    reader = _Reader(path)
    points: np.ndarray | None = None
    cells: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    types: np.ndarray | None = None
    while (words := reader.words()) is not None:
        section = words[0].upper()
        if section == "DATASET":
            if words[1:2] not in (["POLYDATA"], ["UNSTRUCTURED_GRID"]):
                raise reader.error(shorten(" ".join(words)), "POLYDATA or UNSTRUCTURED_GRID")
        elif section == "POINTS":
            kind = words[2] if len(words) > 2 else ""
            points = reader.numbers(3 * reader.count(words, 1), kind).reshape(-1, 3)
        elif section in _CELL_SECTIONS:
            cells[section] = _read_cells(reader, words)
        elif section == "CELL_TYPES":
            types = reader.integers(reader.count(words, 1), "int")
        elif section == "FIELD":
            _skip_field(reader, reader.count(words, 2))
        elif section == "METADATA":
            while (line := reader.line()) is not None and line.strip():
                pass
        elif section in ("POINT_DATA", "CELL_DATA"):
            break
        else:
            raise reader.error(shorten(" ".join(words)), "the next section")
    if points is None:
        raise reader.error("no POINTS", "a surface")
    return SurfaceFile(points, _faces(reader, cells, types), unit=unit_stated_in(reader.title))


def write(path: Path, surface: Surface, node_data: NodeData) -> None:
    """Write ASCII POLYDATA in mm; the title line states the unit."""
    label = " ".join(surface.name.encode("ascii", "ignore").decode().split())[:200]
    lines = ["# vtk DataFile Version 3.0", f"{label} unit: mm".strip(), "ASCII"]
    lines += ["DATASET POLYDATA", f"POINTS {surface.n_nodes} double"]
    lines += table_lines(surface.vertices_mm)
    lines += [f"POLYGONS {surface.n_faces} {4 * surface.n_faces}"]
    lines += [f"3 {line}" for line in table_lines(surface.faces)]
    if node_data:
        lines += [f"POINT_DATA {surface.n_nodes}", f"FIELD FieldData {len(node_data)}"]
    for key, values in node_data.items():
        lines += [f"{'_'.join(key.split())} {values.shape[1]} {len(values)} double"]
        lines += table_lines(values)
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _read_cells(reader: _Reader, words: list[str]) -> tuple[np.ndarray, np.ndarray]:
    first, second = reader.count(words, 1), reader.count(words, 2)
    before = reader.at
    heading = reader.words() or [""]
    if heading[0].upper() != "OFFSETS":
        reader.at = before
        return _split_cells(reader, reader.integers(second, "int"), first)
    offsets = reader.integers(first, heading[1] if len(heading) > 1 else "")
    heading = reader.words() or [""]
    if heading[0].upper() != "CONNECTIVITY":
        raise reader.error(shorten(" ".join(heading)), "CONNECTIVITY")
    connectivity = reader.integers(second, heading[1] if len(heading) > 1 else "")
    return connectivity, offsets


def _split_cells(
    reader: _Reader, entries: np.ndarray, n_cells: int
) -> tuple[np.ndarray, np.ndarray]:
    """Turn size, corners, size, corners, … into connectivity and offsets."""
    if len(entries) == 4 * n_cells and (entries[::4] == 3).all():
        return entries.reshape(-1, 4)[:, 1:].ravel(), 3 * np.arange(n_cells + 1)
    heads, at = [], 0
    while at < len(entries) and len(heads) < n_cells and entries[at] >= 0:
        heads.append(at)
        at += int(entries[at]) + 1
    if len(heads) != n_cells or at != len(entries):
        raise reader.error(f"cell sizes that do not add up to {len(entries)}", f"{n_cells} cells")
    sizes = entries[heads]
    return np.delete(entries, heads), np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _skip_field(reader: _Reader, n_arrays: int) -> None:
    for _ in range(n_arrays):
        words = reader.words()
        if words is None:
            raise reader.error("the end of the file", f"{n_arrays} arrays of field data")
        if words[0].upper() == "METADATA":
            continue
        size = reader.count(words, 1) * reader.count(words, 2)
        if words[-1].lower() == "string":
            for _ in range(min(size, len(reader.data))):
                if reader.line() is None:
                    raise reader.error("the end of the file", f"{size} strings")
        else:
            reader.numbers(size, words[3] if len(words) > 3 else "")


def _faces(
    reader: _Reader, cells: dict[str, tuple[np.ndarray, np.ndarray]], types: np.ndarray | None
) -> Faces:
    strips = cells.get("TRIANGLE_STRIPS")
    if strips is not None and len(strips[1]) > 1:
        raise not_triangles(str(reader.path), len(strips[1]) - 1)
    if "POLYGONS" in cells:
        return triangles(str(reader.path), *cells["POLYGONS"])
    if "CELLS" in cells and types is not None:
        return triangles(str(reader.path), *cells["CELLS"], types)
    raise reader.error("no triangles", "POLYGONS, or CELLS with CELL_TYPES")


FORMATS = (
    SurfaceFormat(
        "VTK legacy",
        (".vtk",),
        read,
        write,
        node_data=True,
        unit="stated by the title line ('unit: mm') or the caller",
    ),
)
