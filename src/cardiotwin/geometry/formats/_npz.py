"""NPZ: arrays ``vertices_mm`` (or _m, _cm, _um) and ``faces``, with a name before them or not."""

import io
import re
import zipfile
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from ..._errors import FileFormatError, InputError
from ..._files import atomic_path
from ..._foreign import foreign_parser
from ..._npz import read_npy
from .._surface import Surface
from ._registry import NodeData, SurfaceFile, SurfaceFormat
from ._text import read_bytes

_VERTICES = re.compile(r"(?:(.+)_)?vertices(?:_(um|mm|cm|m))?")


# Ten million nodes; a small archive can unpack to a thousand times its size.
_MAX_ARRAY_BYTES = 2**28


def read(path: Path, name: str) -> SurfaceFile:
    """Read one surface: the only one, or the one called ``name``."""
    data = read_bytes(path)
    with foreign_parser(path, "NPZ"), zipfile.ZipFile(io.BytesIO(data)) as archive:
        keys = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        surfaces = _list_surfaces(keys)
        label = _choose(path, surfaces, name)
        vertices_key, faces_key, unit = surfaces[label]
        vertices, faces = (
            read_npy(archive, keys[key], path, max_bytes=_MAX_ARRAY_BYTES)
            for key in (vertices_key, faces_key)
        )
    for key, array, kinds in ((vertices_key, vertices, "fiu"), (faces_key, faces, "iu")):
        if array.ndim != 2 or array.shape[1] != 3 or array.dtype.kind not in kinds:
            raise FileFormatError(
                f"{path}: {key}",
                found=f"{array.dtype} of shape {array.shape}",
                expected=f"{'numbers' if 'f' in kinds else 'whole numbers'} of shape (n, 3)",
                advice="It looks transposed." if array.shape[:1] == (3,) else "",
            )
    if faces.size and faces.max() > np.iinfo(np.int64).max:
        raise FileFormatError(f"{path}: {faces_key}", found="huge numbers", expected="node numbers")
    return SurfaceFile(vertices.astype(np.float64), faces.astype(np.int64), unit, label)


def write(path: Path, surface: Surface, node_data: NodeData) -> None:
    """Write the arrays in mm, with the surface's name before each key if it has one."""
    prefix = f"{surface.name}_" if re.fullmatch(r"\w+", surface.name) else ""
    arrays = {f"{prefix}vertices_mm": surface.vertices_mm, f"{prefix}faces": surface.faces}
    for key, values in node_data.items():
        if key in arrays or "/" in key or _VERTICES.fullmatch(key):
            raise InputError("node_data", found=repr(key), expected="a name that is not in use")
        arrays[key] = values[:, 0] if values.shape[1] == 1 else values
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for key, values in arrays.items():
            # A fixed date makes equal surfaces equal files.
            member = zipfile.ZipInfo(f"{key}.npy", (1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            stream = io.BytesIO()
            np.lib.format.write_array(stream, np.ascontiguousarray(values), allow_pickle=False)
            archive.writestr(member, stream.getvalue())


def _list_surfaces(keys: dict[str, zipfile.ZipInfo]) -> dict[str, tuple[str, str, str | None]]:
    """Return name → (vertices key, faces key, unit) of every surface in the file."""
    surfaces = {}
    for key in keys:
        match = _VERTICES.fullmatch(key)
        if match is None:
            continue
        label, unit = match.group(1) or "", match.group(2)
        # Two anatomies may share one triangulation: case3_torso_vertices_mm and torso_faces.
        words = label.split("_") if label else []
        tails = ["_".join(words[k:]) for k in range(len(words))] or [""]
        faces = next((f"{tail}_faces".lstrip("_") for tail in tails if _has(keys, tail)), None)
        if faces is not None:
            surfaces[label] = (key, faces, unit)
    return surfaces


def _has(keys: dict[str, zipfile.ZipInfo], tail: str) -> bool:
    return f"{tail}_faces".lstrip("_") in keys


def _choose(path: Path, surfaces: dict[str, tuple[str, str, str | None]], name: str) -> str:
    if name in surfaces:
        return name
    if len(surfaces) == 1 and (not name or "" in surfaces):
        return next(iter(surfaces))
    if not surfaces:
        raise FileFormatError(
            str(path),
            found="no surface",
            expected="arrays such as vertices_mm and faces, or heart_vertices_mm and heart_faces",
        )
    listed = ", ".join(repr(label) for label in list(surfaces)[:20])
    near = get_close_matches(name, surfaces, n=1) if name else []
    raise InputError(
        f"{path}: name",
        found=repr(name) if name else f"{len(surfaces)} surfaces and no name",
        expected=f"one of {listed}",
        advice=f"Did you mean {near[0]!r}?" if near else "Give name=.",
    )


FORMATS = (
    SurfaceFormat(
        "NPZ",
        (".npz",),
        read,
        write,
        node_data=True,
        unit="stated by the key (vertices_mm, vertices_m, vertices_cm, vertices_um) or the caller",
    ),
)
