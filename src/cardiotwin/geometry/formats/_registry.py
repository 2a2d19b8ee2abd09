"""The list of formats: what a format is, how it is found, how users add their own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ..._checks import check_array
from ..._errors import FileFormatError, InputError
from ..._types import ArrayLike, Faces, Vertices
from .._surface import Surface

NodeData = Mapping[str, np.ndarray]
NO_DATA: NodeData = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class SurfaceFile:
    """What stands in a file, before units are applied.

    Args:
        vertices: (n_nodes, 3) coordinates in the file's own unit.
        faces: (n_faces, 3) 0-based corners.
        unit: "um", "mm", "cm" or "m" if the file or its format states it, otherwise None.
        name: the surface's name in the file, if it has one.
    """

    vertices: Vertices
    faces: Faces
    unit: str | None = None
    name: str = ""


@dataclass(frozen=True)
class SurfaceFormat:
    """One file format of surfaces.

    Args:
        name: what people call it.
        suffixes: lower case, with the dot; a reader is found by these.
        read: takes the path and the name of the surface wanted ("" if none was given).
        write: takes the path, the surface and the node data; None if it is never written.
        write_suffixes: the suffixes that choose this writer; all of them when left empty.
        node_data: whether the writer has a place for values at the nodes.
        unit: the rule by which the unit is known, as a sentence for the documentation.
        recognizes: tells two formats of one suffix apart by the file's first lines.

    >>> def read_off(path, name):
    ...     table = [line.split() for line in path.read_text().splitlines()[2:]]
    ...     vertices = np.array([row for row in table if len(row) == 3], dtype=float)
    ...     faces = np.array([row[1:] for row in table if len(row) == 4], dtype=int)
    ...     return SurfaceFile(vertices, faces)
    >>> geomview = SurfaceFormat("Geomview", (".off",), read_off, unit="stated by the caller")
    >>> geomview.writable
    False
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, str], SurfaceFile]
    write: Callable[[Path, Surface, NodeData], None] | None = None
    write_suffixes: tuple[str, ...] = ()
    node_data: bool = False
    unit: str = ""
    recognizes: Callable[[Path], bool] | None = None

    @property
    def writable(self) -> bool:
        """Whether `write_surface` can make such files."""
        return self.write is not None


_formats: dict[str, SurfaceFormat] = {}


def register_format(surface_format: SurfaceFormat, *, replace: bool = False) -> None:
    """Make `read_surface` and `write_surface` know another format.

    The format registered last is asked first, so that a suffix can be taken over.

    Args:
        surface_format: the format; its suffixes are lower case and begin with a dot.
        replace: allow taking the place of a format of the same name.

    Raises:
        InputError: the name is taken, or a suffix is not of the form ".abc".

    >>> register_format(supported_formats()[0], replace=True)
    """
    for suffix in surface_format.suffixes + surface_format.write_suffixes:
        if not suffix.startswith(".") or suffix != suffix.lower():
            raise InputError(
                "surface_format.suffixes",
                found=repr(suffix),
                expected="lower case suffixes that begin with a dot",
            )
    if surface_format.name in _formats and not replace:
        raise InputError(
            "surface_format.name",
            found=f"{surface_format.name!r}, which is registered already",
            expected="a new name",
            advice="Use replace=True to take its place.",
        )
    _formats[surface_format.name] = surface_format


def supported_formats() -> tuple[SurfaceFormat, ...]:
    """Return every known format, in the order of registration.

    >>> sorted(f.name for f in supported_formats() if ".vtp" in f.suffixes)
    ['VTK XML']
    """
    return tuple(_formats.values())


def find_reader(path: Path) -> SurfaceFormat:
    """Return the format that reads this file."""
    suffix = path.suffix.lower()
    candidates = [f for f in reversed(_formats.values()) if suffix in f.suffixes]
    for candidate in candidates:
        if candidate.recognizes is None or candidate.recognizes(path):
            return candidate
    raise _unknown_suffix(path, [s for f in _formats.values() for s in f.suffixes])


def find_writer(path: Path) -> SurfaceFormat:
    """Return the format that writes files of this suffix."""
    suffix, known = path.suffix.lower(), []
    for candidate in reversed(_formats.values()):
        suffixes = candidate.write_suffixes or candidate.suffixes
        if candidate.writable and suffix in suffixes:
            return candidate
        known += suffixes if candidate.writable else ()
    raise _unknown_suffix(path, known)


def check_node_data(
    surface: Surface, node_data: Mapping[str, ArrayLike] | None
) -> dict[str, np.ndarray]:
    """Return node data as float64 arrays of shape (n_nodes, n_components)."""
    checked = {}
    for key, values in (node_data or {}).items():
        where = f"node_data[{key!r}]"
        if not key or not key.isprintable():
            raise InputError(where, found=repr(key), expected="a printable name")
        array = np.asarray(values)
        shape = (surface.n_nodes,) if array.ndim == 1 else (surface.n_nodes, "n_components")
        array = check_array(
            values, where, shape=shape, finite=False, advice="Give one row for every node."
        )
        checked[key] = array.reshape(surface.n_nodes, -1)
    return checked


def _unknown_suffix(path: Path, known: list[str]) -> FileFormatError:
    return FileFormatError(
        str(path),
        found=f"the suffix {path.suffix!r}",
        expected="one of " + ", ".join(sorted(set(known))),
        advice="geometry.register_format adds a format.",
    )
