"""STL, binary and ASCII. The format stores loose triangles: equal corners become one node.

Written here because meshio's reader takes truncated ASCII files for whole ones and overflows a
uint32 on all of them.
"""

import re
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from ..._errors import FileFormatError
from ..._files import atomic_path
from .._surface import Surface
from ._registry import NodeData, SurfaceFile, SurfaceFormat
from ._text import decode, read_bytes
from ._units import unit_stated_in

_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_CORNER = re.compile(r"\bvertex\s+(\S+)\s+(\S+)\s+(\S+)", re.IGNORECASE)


def read(path: Path, name: str) -> SurfaceFile:
    """Read either form; the size tells them apart, as binary files may begin with 'solid' too."""
    del name
    data = read_bytes(path)
    claimed = int.from_bytes(data[80:84], "little") if len(data) >= 84 else -1
    if len(data) == 84 + _RECORD.itemsize * claimed:
        records = np.frombuffer(data, _RECORD, claimed, 84)
        corners, comment = records["corners"].reshape(-1, 3), data[:80].decode("latin-1")
    elif data.lstrip()[:5].lower() == b"solid":
        text = decode(path, data)
        corners, comment = _read_ascii(path, text), text[:200].splitlines()[0]
    else:
        raise FileFormatError(
            str(path),
            found=f"{len(data)} bytes"
            + (f", and {claimed} triangles announced" if claimed >= 0 else ""),
            expected="84 bytes and 50 for every triangle, or text that begins with 'solid'",
            advice="The file is truncated, or not STL.",
        )
    vertices, faces = _join(corners.astype(np.float64))
    return SurfaceFile(vertices, faces, unit_stated_in(comment))


def write(path: Path, surface: Surface, node_data: NodeData) -> None:
    """Write binary STL in mm (float32); the header states the unit."""
    del node_data
    records = np.zeros(surface.n_faces, dtype=_RECORD)
    records["normal"] = surface.face_normals
    records["corners"] = surface.vertices_mm[surface.faces]
    header = b"cardiotwin surface, unit: mm".ljust(80)
    with atomic_path(path) as temporary:
        count = surface.n_faces.to_bytes(4, "little")
        temporary.write_bytes(header + count + records.tobytes())


def _read_ascii(path: Path, text: str) -> Float[np.ndarray, "n_corners 3"]:
    found = _CORNER.findall(text)
    n_facets = len(re.findall(r"\bendfacet\b", text, re.IGNORECASE))
    if len(found) != 3 * n_facets or not re.search(r"\bendsolid\b", text, re.IGNORECASE):
        raise FileFormatError(
            str(path),
            found=f"{len(found)} corners and {n_facets} ends of facets",
            expected="three corners a facet, and 'endsolid'",
            advice="The file is truncated or damaged.",
        )
    try:
        flat = np.fromiter(map(float, chain.from_iterable(found)), np.float64, 3 * len(found))
    except ValueError as error:
        raise FileFormatError(
            str(path), found=f"a corner that is no number ({error})", expected="numbers"
        ) from None
    return flat.reshape(-1, 3)


def _join(
    corners: Float[np.ndarray, "n_corners 3"],
) -> tuple[Float[np.ndarray, "n_nodes 3"], Int[np.ndarray, "n_faces 3"]]:
    """Give equal corners one node; nodes are numbered as they first appear."""
    order = np.lexsort(corners.T)
    fresh = np.ones(len(corners), dtype=bool)
    fresh[1:] = (np.diff(corners[order], axis=0) != 0).any(axis=1)
    group = np.empty(len(corners), dtype=np.int64)
    group[order] = np.cumsum(fresh) - 1
    _, first = np.unique(group, return_index=True)
    rank = np.argsort(np.argsort(first))
    return corners[np.sort(first)], rank[group].reshape(-1, 3)


FORMATS = (
    SurfaceFormat(
        "STL",
        (".stl",),
        read,
        write,
        unit="stated by the header ('unit: mm') or the caller",
    ),
)
