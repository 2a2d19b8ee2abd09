"""VTK XML ``.vtp`` and ``.vtu``: ASCII, base64 and raw appended data, plain or zlib-compressed.

Both are read and written here: meshio has no VTP, and with the arrays decoded once VTU is a few
lines more, with limits on sizes that files only claim.
"""

import base64
import binascii
import re
import zlib
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy as np
from jaxtyping import Float, Int

from ..._errors import FileFormatError
from ..._files import atomic_path
from ..._types import Faces
from .._surface import Surface
from ._cells import not_triangles, triangles
from ._registry import NodeData, SurfaceFile, SurfaceFormat
from ._text import read_bytes, shorten
from ._units import unit_stated_in

_DTYPES = {
    f"{name}{8 * size}": f"{code}{size}"
    for name, code, sizes in (
        ("Int", "i", (1, 2, 4, 8)),
        ("UInt", "u", (1, 2, 4, 8)),
        ("Float", "f", (4, 8)),
    )
    for size in sizes
}
_MAX_ARRAY_BYTES = 2**29


class _Document:
    """The parsed file: its elements, and its appended bytes if it has any."""

    def __init__(self, path: Path):
        self.path = path
        data = read_bytes(path)
        if b"<!DOCTYPE" in data[:4096] or b"<!ENTITY" in data[:4096]:
            raise self.error("a document type declaration", "plain VTK XML")
        data, self.appended = self._cut_raw(data)
        self.comment = " ".join(
            match.decode("latin-1") for match in re.findall(rb"<!--(.{0,200}?)-->", data[:4096])
        )
        try:
            self.root = ElementTree.fromstring(data)
        except (ElementTree.ParseError, LookupError, ValueError) as error:
            raise self.error(f"broken XML ({error})", "VTK XML") from None
        if self.root.tag != "VTKFile":
            raise self.error(f"<{self.root.tag[:40]}>", "<VTKFile>")
        self.order = ">" if self.root.get("byte_order") == "BigEndian" else "<"
        header = self.root.get("header_type", "UInt32")
        if header not in ("UInt32", "UInt64"):
            raise self.error(f"header_type {shorten(header)}", "UInt32 or UInt64")
        self.header = np.dtype(self.order + _DTYPES[header])
        compressor = self.root.get("compressor", "")
        if compressor not in ("", "vtkZLibDataCompressor"):
            raise self.error(f"compressor {shorten(compressor)}", "no compressor, or zlib")
        self.compressed = bool(compressor)
        self.base64_appended = self.appended is None
        block = self.root.find("AppendedData")
        if self.appended is None and block is not None:
            self.appended = "".join((block.text or "").split()).removeprefix("_").encode()

    def error(self, found: str, expected: str) -> FileFormatError:
        return FileFormatError(
            str(self.path),
            found=found,
            expected=expected,
            advice="The file is truncated, damaged, or in a form that is not read; save it again "
            "as ASCII, or as binary without compression.",
        )

    def _cut_raw(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Take raw appended bytes out, as they are not XML."""
        start = re.search(rb"<AppendedData[^>]{0,200}raw[^>]{0,200}>\s{0,100}_", data)
        if start is None:
            return data, None
        end = data.rfind(b"</AppendedData>")
        if end < start.end():
            raise self.error("appended data without an end", "</AppendedData>")
        return data[: start.end()] + data[end:], data[start.end() : end]

    def array(self, element: ElementTree.Element | None, what: str) -> Float[np.ndarray, " n"]:
        """Return the numbers of a DataArray."""
        if element is None:
            raise self.error(f"no {what}", f"a DataArray for {what}")
        kind = element.get("type", "")
        if kind not in _DTYPES:
            raise self.error(f"type {shorten(kind)} of {what}", "one of " + ", ".join(_DTYPES))
        form = element.get("format", "ascii")
        try:
            if form == "ascii":
                return np.array([float(word) for word in (element.text or "").split()])
            if form == "binary":
                stored, packed = "".join((element.text or "").split()).encode(), True
            else:
                offset = int(element.get("offset", ""))
                if self.appended is None or not 0 <= offset <= len(self.appended):
                    raise self.error(f"offset {offset} of {what}", "an offset in appended data")
                stored, packed = self.appended[offset:], self.base64_appended
            raw = self._unpack(stored, packed)
            values = np.frombuffer(raw, np.dtype(self.order + _DTYPES[kind]))
            with np.errstate(invalid="ignore"):
                return values.astype(np.float64)
        except (ValueError, OverflowError, binascii.Error, zlib.error) as error:
            if isinstance(error, FileFormatError):
                raise
            raise self.error(f"broken data of {what} ({error})", "whole arrays") from None

    def _unpack(self, stored: bytes, packed: bool) -> bytes:
        """Return the bytes of one array: a header of sizes, then the data, perhaps in blocks."""
        width = self.header.itemsize

        def take(begin: int, length: int) -> bytes:
            # ``begin`` counts decoded bytes of a stretch that starts at character 0.
            if packed:
                chunk = base64.b64decode(stored[: 4 * -(-(begin + length) // 3)], validate=True)
            else:
                chunk = stored[: begin + length]
            if len(chunk) < begin + length:
                raise ValueError(f"{len(chunk)} bytes where {begin + length} are announced")
            return chunk[begin : begin + length]

        first = int(np.frombuffer(take(0, width), self.header)[0])
        if first > max(len(stored), _MAX_ARRAY_BYTES):
            raise ValueError(f"a size of {first} bytes is announced")
        if not self.compressed:
            return take(width, first)
        if first * width > len(stored):
            raise ValueError(f"{first} blocks are announced")
        head = np.frombuffer(take(0, (3 + first) * width), self.header).astype(np.float64)
        block, last, sizes = head[1], head[2], head[3:]
        total = first * block + last
        if total > _MAX_ARRAY_BYTES or sizes.sum() > len(stored):
            raise ValueError(f"blocks of {total:.3g} bytes are announced")
        used = len(head) * width
        # base64 restarts after the header of compressed data
        stored = stored[4 * -(-used // 3) if packed else used :]
        body = take(0, int(sizes.sum()))
        pieces, at = [], 0
        for k, size in enumerate(sizes.astype(np.int64).tolist()):
            limit = int(last if k == first - 1 and last else block)
            pieces.append(zlib.decompressobj().decompress(body[at : at + size], max(limit, 1)))
            at += size
        return b"".join(pieces)

    def integers(self, element: ElementTree.Element | None, what: str) -> Int[np.ndarray, " n"]:
        values = self.array(element, what)
        if not ((values == np.floor(values)) & (np.abs(values) < 2**53)).all():
            raise self.error(f"fractions or huge numbers in {what}", "whole numbers")
        return values.astype(np.int64)

    def piece(self) -> ElementTree.Element:
        """Return the one piece that holds the surface."""
        kind = self.root.get("type", "")
        if kind not in ("PolyData", "UnstructuredGrid"):
            raise self.error(f"type {shorten(kind)}", "PolyData or UnstructuredGrid")
        pieces = self.root.findall(f"{kind}/Piece")
        filled = [piece for piece in pieces if piece.get("NumberOfPoints") != "0"]
        if len(filled) != 1:
            raise self.error(f"{len(filled)} pieces with points", "one piece")
        return filled[0]


def read(path: Path, name: str) -> SurfaceFile:
    """Read points and triangles; values at nodes and cells are left alone."""
    del name
    document = _Document(path)
    piece = document.piece()
    points = document.array(piece.find("Points/DataArray"), "Points")
    if len(points) % 3 or str(len(points) // 3) != piece.get("NumberOfPoints", "").strip():
        raise document.error(
            f"{len(points)} coordinates",
            f"three for each of {piece.get('NumberOfPoints')!r} points",
        )
    return SurfaceFile(
        points.reshape(-1, 3), _read_faces(document, piece), unit=unit_stated_in(document.comment)
    )


def _read_faces(document: _Document, piece: ElementTree.Element) -> Faces:
    where = str(document.path)
    strips = piece.get("NumberOfStrips", "0").strip()
    if strips != "0":
        raise not_triangles(where, int(strips) if re.fullmatch("[0-9]{1,15}", strips) else 1)
    polygons = piece.find("Polys") is not None
    cells = piece.find("Polys") if polygons else piece.find("Cells")
    if cells is None:
        raise document.error("no Polys and no Cells", "triangles")
    arrays = {array.get("Name", ""): array for array in cells.findall("DataArray")}
    connectivity = document.integers(arrays.get("connectivity"), "connectivity")
    ends = document.integers(arrays.get("offsets"), "offsets")
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), ends])
    types = None if polygons else document.integers(arrays.get("types"), "types")
    return triangles(where, connectivity, offsets, types)


def write(path: Path, surface: Surface, node_data: NodeData) -> None:
    """Write base64 data in mm; a comment at the top states the unit."""
    polygons = path.suffix.lower() == ".vtp"
    kind, cells = ("PolyData", "Polys") if polygons else ("UnstructuredGrid", "Cells")
    n_cells = f'{"NumberOfPolys" if polygons else "NumberOfCells"}="{surface.n_faces}"'
    lines = ['<?xml version="1.0"?>', "<!-- unit: mm -->"]
    lines += [f'<VTKFile type="{kind}" version="1.0" byte_order="LittleEndian" ']
    lines[-1] += 'header_type="UInt64">'
    lines += [f'<{kind}><Piece NumberOfPoints="{surface.n_nodes}" {n_cells}>', "<PointData>"]
    lines += [_data_array(key, values) for key, values in node_data.items()]
    lines += ["</PointData>", "<Points>", _data_array("Points", surface.vertices_mm), "</Points>"]
    lines += [f"<{cells}>", _data_array("connectivity", surface.faces.ravel())]
    lines += [_data_array("offsets", 3 * np.arange(1, surface.n_faces + 1))]
    if not polygons:
        lines += [_data_array("types", np.full(surface.n_faces, 5, dtype=np.uint8))]
    lines += [f"</{cells}>", f"</Piece></{kind}></VTKFile>"]
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _data_array(key: str, values: np.ndarray) -> str:
    kind = {"f": "Float64", "i": "Int64", "u": "UInt8"}[values.dtype.kind]
    data = np.ascontiguousarray(values).astype("<" + _DTYPES[kind]).tobytes()
    text = base64.b64encode(len(data).to_bytes(8, "little") + data).decode()
    components = values.shape[1] if values.ndim == 2 else 1
    return (
        f'<DataArray type="{kind}" Name={quoteattr(key)} NumberOfComponents="{components}" '
        f'format="binary">{text}</DataArray>'
    )


FORMATS = (
    SurfaceFormat(
        "VTK XML",
        (".vtp", ".vtu"),
        read,
        write,
        node_data=True,
        unit="stated by a comment ('unit: mm') or the caller",
    ),
)
