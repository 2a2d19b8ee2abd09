"""Surfaces, matrices and points in a MATLAB file, found by shape and not by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ..._checks import freeze
from ..._errors import FileFormatError, InputError
from ..._matlab import MatlabVariables, read_matlab_variables
from ..._types import PathLike
from .._surface import Surface
from ._build import build_surface
from ._registry import SurfaceFile, SurfaceFormat
from ._text import MAX_BYTES
from ._units import LARGEST_NUMBER, MM_PER_UNIT, to_mm

_POINT_WORDS = ("pts", "node", "point", "vert", "pos", "pnt", "coord")
_FACE_WORDS = ("fac", "tri", "elem", "polygon", "mesh")

# Every array is tried as triangles of every other.
_MAX_ARRAYS = 5000


@dataclass(frozen=True, eq=False)
class MatGeometry:
    """What `read_geometry_mat` found.

    Args:
        surfaces: by the path of the struct or array they came from.
        forward_matrices: (n_torso, n_heart) matrices between two of the surfaces, or from one of
            them to leads.
        matrices: every other matrix, as stored (potentials are among these).
        point_sets_mm: (n, 3) points that no triangle uses.
        guesses: one sentence for every decision that the file itself did not settle.
    """

    surfaces: Mapping[str, Surface]
    forward_matrices: Mapping[str, np.ndarray]
    matrices: Mapping[str, np.ndarray]
    point_sets_mm: Mapping[str, np.ndarray]
    guesses: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{key}: {surface!r}" for key, surface in self.surfaces.items()]
        for title, arrays in (
            ("forward matrix", self.forward_matrices),
            ("matrix", self.matrices),
            ("points", self.point_sets_mm),
        ):
            lines += [f"{key}: {title} {array.shape}" for key, array in arrays.items()]
        return "\n".join([*lines, "Guesses:", *(f"- {guess}" for guess in self.guesses)])


class _Pair(NamedTuple):
    """Triangles, the points that fit them, and how they were read."""

    faces_path: str
    points_path: str
    faces: Int[np.ndarray, "n_faces 3"]
    points: Float[np.ndarray, "n_nodes 3"]
    remarks: list[str]


def read_geometry_mat(
    path: PathLike, *, unit: str | None = None, check_size: bool = True
) -> MatGeometry:
    """Search a MATLAB file (EDGAR and others) for surfaces, matrices and points by their shape.

    Real arrays of 3×n or n×3 are points; arrays of whole numbers of that shape are triangles of
    the points whose number fits their largest entry. Structs and cells are searched through.
    Closed surfaces whose normals point inward are flipped. Every such decision is told in
    ``guesses``.

    Args:
        path: a file of MATLAB 4 to 7.3 (the last needs h5py).
        unit: "mm", "cm", "m" or "um": the unit of all coordinates, unless a text named "unit"
            beside them states it.
        check_size: refuse surfaces below 5 mm or above 5 m.

    Returns:
        Surfaces and points in mm, matrices, and the list of guesses.

    Raises:
        FileFormatError: truncated, hostile, or without any geometry.
        UnitError: no unit, or one that gives an impossible size.
        MissingDependencyError: a 7.3 file, and h5py is not installed.

    >>> import tempfile, pathlib, scipy.io
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "torso.mat"
    >>> node = np.array([[0, 6.5, 0, 0], [0, 0, 6.5, 0], [0, 0, 0, 6.5]])
    >>> face = np.array([[1, 1, 1, 2], [3, 2, 4, 3], [2, 4, 3, 4]])
    >>> scipy.io.savemat(path, {"torso": {"node": node, "face": face}})
    >>> found = read_geometry_mat(path, unit="cm")
    >>> found.surfaces["torso"]
    Surface('torso': 4 nodes, 4 triangles, closed)
    >>> found.guesses[0]
    'torso.node is 3 × 4: its columns were taken as points.'
    """
    path = Path(path)
    variables = _read_variables(path)
    guesses = list(variables.remarks)
    pairs, points = _find_pairs(variables.arrays, guesses)
    surfaces = {}
    for name, pair in _named(pairs).items():
        found = SurfaceFile(pair.points, pair.faces)
        where = f"{path}: {pair.points_path}"
        stated = _stated_unit(variables, pair.points_path)
        vertices = to_mm(pair.points, where, stated=stated, unit=unit, check_size=check_size)
        guesses += [*pair.remarks, _unit_remark(pair.points_path, stated, unit)]
        surfaces[name] = _oriented(build_surface(where, vertices, found, name), guesses)
    sets = _convert_points(path, variables, pairs, points, unit, guesses)
    used = {pair.points_path for pair in pairs} | {pair.faces_path for pair in pairs} | set(points)
    forward, others = _find_matrices(variables.arrays, used, surfaces, guesses)
    if not (surfaces or sets or forward or others):
        raise FileFormatError(
            str(path),
            found=f"{len(variables.arrays)} arrays, none of them geometry",
            expected="points of 3 × n or n × 3 and triangles of 3 × m or m × 3",
        )
    return MatGeometry(
        MappingProxyType(surfaces),
        MappingProxyType(forward),
        MappingProxyType(others),
        MappingProxyType(sets),
        tuple(guesses),
    )


def read(path: Path, name: str) -> SurfaceFile:
    """Read one surface: the only one, or the one called ``name``."""
    variables = _read_variables(path)
    pairs = _named(_find_pairs(variables.arrays, [])[0])
    if not pairs:
        raise FileFormatError(
            str(path), found="no triangles with points that fit", expected="a surface"
        )
    if name not in pairs and (name or len(pairs) > 1):
        raise InputError(
            f"{path}: name",
            found=repr(name) if name else f"{len(pairs)} surfaces and no name",
            expected="one of " + ", ".join(map(repr, pairs)),
            advice="geometry.read_geometry_mat reads all of them.",
        )
    label = name or next(iter(pairs))
    pair = pairs[label]
    stated = _stated_unit(variables, pair.points_path)
    return SurfaceFile(pair.points, pair.faces, stated, label)


def _read_variables(path: Path) -> MatlabVariables:
    variables = read_matlab_variables(path, max_bytes=MAX_BYTES)
    if len(variables.arrays) > _MAX_ARRAYS:
        raise FileFormatError(
            str(path),
            found=f"{len(variables.arrays)} arrays",
            expected=f"at most {_MAX_ARRAYS} to be searched for surfaces",
            advice="Save the geometry alone.",
        )
    return variables


def _convert_points(
    path: Path,
    variables: MatlabVariables,
    pairs: list[_Pair],
    points: dict[str, np.ndarray],
    unit: str | None,
    guesses: list[str],
) -> dict[str, np.ndarray]:
    """Return the points in mm; without a unit of their own they take that of the surfaces."""
    units = {_stated_unit(variables, pair.points_path) for pair in pairs} - {None}
    common = next(iter(units)) if len(units) == 1 else None
    sets = {}
    for key, array in points.items():
        stated = _stated_unit(variables, key)
        if stated is None and unit is None and common is not None:
            stated = common
            guesses.append(f"{key} has no unit: that of the surfaces, {common}, was taken.")
        sets[key] = freeze(
            to_mm(array, f"{path}: {key}", stated=stated, unit=unit, check_size=False)
        )
        guesses.append(f"{key} was taken as {len(array)} points that no triangle uses.")
    return sets


def _find_pairs(
    arrays: dict[str, np.ndarray], guesses: list[str]
) -> tuple[list[_Pair], dict[str, np.ndarray]]:
    """Return triangles with their points, and the points that are left."""
    candidates = {
        key: array
        for key, array in arrays.items()
        if array.ndim == 2 and 3 in array.shape and array.size >= 3 and array.dtype.kind != "b"
    }
    faces = {key: array for key, array in candidates.items() if _looks_like_faces(key, array)}
    pairs, left_out = [], []
    for key, array in faces.items():
        found = _best_points(key, array, candidates)
        if found is None:
            left_out.append(key)
        else:
            pairs.append(found)
    # An array of whole numbers that serves as points of others is not triangles itself.
    serving = {pair.points_path for pair in pairs}
    pairs = [pair for pair in pairs if pair.faces_path not in serving]
    used = {pair.points_path for pair in pairs} | {pair.faces_path for pair in pairs}
    rest = {}
    for key, array in candidates.items():
        if key in used:
            continue
        if key in left_out and _has_word(key, _FACE_WORDS):
            guesses.append(f"{key} looks like triangles, but no points fit it: left out.")
            continue
        points, remark = _as_rows(key, array, "points")
        if not np.isfinite(points).all() or np.abs(points).max() > LARGEST_NUMBER:
            guesses.append(f"{key} was left out: its numbers cannot be coordinates.")
        else:
            rest[key] = points.astype(np.float64)
            guesses += [remark] if remark else []
    return pairs, rest


def _looks_like_faces(key: str, array: np.ndarray) -> bool:
    rows, _ = _as_rows(key, array, "triangles")
    if len(rows) < 2 or not np.isfinite(rows).all() or (rows != np.floor(rows)).any():
        return False
    return bool(rows.min() >= 0 and rows.max() >= 2 and rows.max() < 2**31)


def _best_points(key: str, array: np.ndarray, candidates: dict[str, np.ndarray]) -> _Pair | None:
    """Choose the points for these triangles: fit of numbers first, then scope, then words."""
    rows, face_remark = _as_rows(key, array, "triangles")
    largest, smallest = int(rows.max()), int(rows.min())
    best: tuple[tuple, str] | None = None
    for other, points in candidates.items():
        n = max(points.shape) if points.shape != (3, 3) else 3
        if other == key or not ((largest == n and smallest >= 1) or largest < n):
            continue
        if _has_word(other, _FACE_WORDS) and not _has_word(other, _POINT_WORDS):
            continue
        exact = largest == n if smallest >= 1 else largest == n - 1
        score = (
            exact,
            _scope(other) == _scope(key),
            _common_start(other, key),
            bool((points != np.floor(points)).any()),
            _has_word(other, _POINT_WORDS),
            -n,
        )
        # Without an exact fit, a common struct or a telling name must speak for the pair.
        near = _scope(other) == _scope(key) or _common_start(other, key) > 2
        if (exact or near) and (best is None or score > best[0]):
            best = (score, other)
    if best is None:
        return None
    points, point_remark = _as_rows(best[1], candidates[best[1]], "points")
    remarks = [remark for remark in (point_remark, face_remark) if remark]
    if smallest == 0:
        base, why = 0, "it holds a 0"
    elif largest == len(points):
        base, why = 1, f"its largest entry {largest} is the number of points"
    else:
        base, why = (
            1,
            (
                f"its entries run from {smallest} to {largest} for {len(points)} points, which "
                "leaves it open, and MATLAB counts from 1"
            ),
        )
    remarks.append(f"{key} was taken as triangles of {best[1]}, counted from {base}: {why}.")
    corners = rows.astype(np.int64) - base
    return _Pair(key, best[1], corners, points.astype(np.float64), remarks)


def _as_rows(key: str, array: np.ndarray, what: str) -> tuple[np.ndarray, str]:
    """Return the array with three columns, and a remark if it had to be turned."""
    if array.shape[1] != 3:
        size = f"3 × {array.shape[1]}"
        return array.T, f"{key} is {size}: its columns were taken as {what}."
    if array.shape[0] == 3:
        return array, f"{key} is 3 × 3: its rows were taken as {what}."
    return array, ""


def _named(pairs: list[_Pair]) -> dict[str, _Pair]:
    """Name surfaces after their struct, or after the triangles where a struct holds several."""
    scopes = [_scope(pair.faces_path) for pair in pairs]
    named = {}
    for pair, scope in zip(pairs, scopes, strict=True):
        alone = scope and scopes.count(scope) == 1
        named[scope if alone else pair.faces_path] = pair
    return named


def _oriented(surface: Surface, guesses: list[str]) -> Surface:
    if not surface.is_closed:
        guesses.append(
            f"{surface.name} is open or not consistently oriented: triangles kept as stored."
        )
    elif surface.volume_ml < 0:
        guesses.append(
            f"{surface.name} is closed with normals that point inward (volume "
            f"{surface.volume_ml:.4g} mL): its triangles were flipped."
        )
        return surface.flipped()
    return surface


def _find_matrices(
    arrays: dict[str, np.ndarray],
    used: set[str],
    surfaces: dict[str, Surface],
    guesses: list[str],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Tell forward matrices from the rest by the numbers of nodes and by the sums of rows."""
    forward, others = {}, {}
    sizes = {surface.n_nodes: name for name, surface in surfaces.items()}
    for key, array in arrays.items():
        if key in used or array.ndim != 2 or min(array.shape) < 4 or array.dtype.kind == "b":
            continue
        matrix = array.astype(np.float64)
        rows, columns = matrix.shape
        for turned, (n_out, n_in) in ((False, (rows, columns)), (True, (columns, rows))):
            if n_in not in sizes or (n_out not in sizes and not _sums_to_one(matrix, turned)):
                continue
            if n_out in sizes and not _runs_outward(sizes, surfaces, n_in, n_out):
                continue
            source, target = sizes[n_in], sizes.get(n_out, f"{n_out} leads")
            guesses.append(
                f"{key} was taken as a forward matrix from {source} to {target}"
                + (", stored transposed" if turned else "")
                + ("; its rows sum to 1." if _sums_to_one(matrix, turned) else ".")
            )
            forward[key] = freeze(np.ascontiguousarray(matrix.T) if turned else matrix)
            break
        else:
            others[key] = freeze(matrix)
    return forward, others


def _runs_outward(
    sizes: dict[int, str], surfaces: dict[str, Surface], n_in: int, n_out: int
) -> bool:
    """Tell whether the columns belong to the smaller of the two bodies."""
    return n_in != n_out and surfaces[sizes[n_in]].extent_mm < surfaces[sizes[n_out]].extent_mm


def _sums_to_one(matrix: np.ndarray, turned: bool) -> bool:
    if not np.isfinite(matrix).all():
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return bool((np.abs(matrix.sum(axis=0 if turned else 1) - 1) < 0.05).all())


def _stated_unit(variables: MatlabVariables, key: str) -> str | None:
    """Return the length unit that a text named unit(s) in the same struct states."""
    for other, text in variables.texts.items():
        word = other.rsplit(".", 1)[-1].lower()
        if word in ("unit", "units") and _scope(other) == _scope(key):
            stated = text.strip().lower()
            return stated if stated in MM_PER_UNIT else None
    return None


def _unit_remark(key: str, stated: str | None, unit: str | None) -> str:
    by = "the file" if stated else "the caller"
    return f"{key} is in {stated or unit}, as stated by {by}."


def _scope(key: str) -> str:
    return key.rsplit(".", 1)[0] if "." in key else ""


def _has_word(key: str, words: tuple[str, ...]) -> bool:
    last = key.rsplit(".", 1)[-1].lower()
    return any(word in last for word in words)


def _common_start(a: str, b: str) -> int:
    return next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), 0)


FORMATS = (
    SurfaceFormat(
        "MATLAB",
        (".mat",),
        read,
        unit="stated by a text named 'unit' in the same struct, or the caller",
    ),
)
