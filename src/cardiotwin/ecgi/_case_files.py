"""What stands in the files of a case: paths with keys, surfaces, tables and recordings."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .._checks import check_file
from .._errors import FileFormatError, InputError, UnitError
from .._foreign import foreign_parser
from .._matlab import read_matlab_variables
from .._npz import read_npy
from .._types import PathLike
from ..geometry import Surface, read_geometry_mat, read_surface
from ..signals import Recording, read_recording

TORSO_KEYS = ("torso", "body", "bsp", "tank", "thorax")
HEART_KEYS = ("heart", "epi", "sock", "ventric")
_HOLDS_SEVERAL = (".npz", ".mat")


@dataclass(frozen=True, eq=False)
class Shapes:
    """The two surfaces of a case, and the file they stand in if it is one file."""

    heart: Surface | None
    torso: Surface | None
    path: Path | None = None


def split_spec(spec: PathLike, where: str) -> tuple[Path, str | None]:
    """Return path and key of ``file``, ``file:key``, ``folder`` or ``folder:key``."""
    text = str(spec)
    if not Path(text).exists() and ":" in text:
        head, _, key = text.rpartition(":")
        if head and Path(head).exists():
            if not key:
                raise InputError(
                    where, found=repr(text), expected="file:array", advice="Name the array."
                )
            return one_file(head, where), key
        if head and Path(head).suffix:
            return one_file(head, where), key
    return one_file(text, where), None


def one_file(spec: PathLike, where: str) -> Path:
    """Return the file, or the only data file of the folder."""
    path = Path(spec)
    if not path.is_dir():
        return check_file(path, where)
    found = sorted(p for p in path.iterdir() if p.suffix.lower() in _HOLDS_SEVERAL)
    if len(found) != 1:
        listed = ": " + ", ".join(p.name for p in found) if found else ""
        raise FileFormatError(
            f"{where} folder {path}",
            found=f"{len(found) or 'no'} data files{listed}",
            expected="exactly one .npz or .mat file",
            advice="Name the file.",
        )
    return found[0]


def array_names(path: Path) -> list[str]:
    """Return the names of the arrays in an NPZ archive, none for other files."""
    if path.suffix.lower() != ".npz":
        return []
    with foreign_parser(path, "NPZ"), zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def read_shapes(
    geometry: PathLike | None,
    heart: PathLike | None,
    torso: PathLike | None,
    unit: str | None,
    torso_needed: bool,
    notes: list[str],
) -> Shapes:
    """Read heart and torso from one file, or from a file each."""
    path = None if geometry is None else one_file(geometry, "geometry")
    pair: dict[str, Surface | None] = {"heart": None, "torso": None}
    if path is not None and path.suffix.lower() == ".mat":
        pair = _pair_of_mat(path, unit, torso_needed, notes)
    elif path is not None and path.suffix.lower() == ".npz":
        for name, spec in (("heart", heart), ("torso", torso)):
            needed = torso_needed if name == "torso" else True
            there = any(key.startswith(f"{name}_vertices") for key in array_names(path))
            if spec is None and (needed or there):
                pair[name] = read_surface(path, unit=unit, name=name)
    elif path is not None:
        raise FileFormatError(
            f"geometry {path}",
            found=f"the suffix {path.suffix!r}, a format of single surfaces",
            expected="a .npz or .mat file with a heart and a torso",
            advice="Give heart and torso as two files instead (--heart, --torso).",
        )
    for name, spec in (("heart", heart), ("torso", torso)):
        if spec is not None:
            pair[name] = _read_one(spec, name, unit, notes)
    named = {key: None if one is None else one.renamed(key) for key, one in pair.items()}
    return Shapes(named["heart"], named["torso"], path)


def _read_one(spec: PathLike, name: str, unit: str | None, notes: list[str]) -> Surface:
    path, key = split_spec(spec, name)
    if path.suffix.lower() != ".mat":
        return read_surface(path, unit=unit, name=key or "")
    found = read_geometry_mat(path, unit=unit)
    notes.extend(f"{path.name}: {guess}" for guess in found.guesses)
    if key is None and len(found.surfaces) == 1:
        return next(iter(found.surfaces.values()))
    if key is None or key not in found.surfaces:
        raise _unclear(path, list(found.surfaces), repr(key) if key else None)
    return found.surfaces[key]


def _pair_of_mat(
    path: Path, unit: str | None, torso_needed: bool, notes: list[str]
) -> dict[str, Surface | None]:
    """Tell heart and torso of a MATLAB file apart, by name or by which contains the other."""
    found = read_geometry_mat(path, unit=unit)
    notes.extend(f"{path.name}: {guess}" for guess in found.guesses)
    hearts = [name for name in found.surfaces if _has_word(name, HEART_KEYS)]
    torsos = [name for name in found.surfaces if _has_word(name, TORSO_KEYS)]
    names = list(found.surfaces)
    if len(hearts) == 1 and len(torsos) == 1 and hearts != torsos:
        notes.append(f"heart: surface {hearts[0]}, torso: surface {torsos[0]}, by their names")
        return {"heart": found.surfaces[hearts[0]], "torso": found.surfaces[torsos[0]]}
    if len(names) == 1 and not torso_needed:
        notes.append(f"heart: surface {names[0]}, the only one of {path.name}")
        return {"heart": found.surfaces[names[0]], "torso": None}
    if len(names) != 2:
        raise _unclear(path, names)
    a, b = found.surfaces.values()
    inner = [k for k, (one, other) in enumerate(((a, b), (b, a))) if _lies_in(one, other)]
    if len(inner) != 1:
        raise _unclear(path, names)
    heart, torso = names[inner[0]], names[1 - inner[0]]
    notes.append(f"heart: surface {heart}, because it lies inside surface {torso}, the torso")
    return {"heart": found.surfaces[heart], "torso": found.surfaces[torso]}


def _lies_in(inner: Surface, outer: Surface) -> bool:
    return outer.is_closed and bool(outer.contains(inner.vertices_mm).all())


def _has_word(name: str, words: tuple[str, ...]) -> bool:
    return any(word in name.lower() for word in words)


def _unclear(path: Path, names: list[str], found: str | None = None) -> FileFormatError:
    return FileFormatError(
        f"geometry {path}",
        found=found or f"{len(names)} surfaces: {', '.join(names) or 'none'}",
        expected="one of " + ", ".join(names)
        if found
        else "two that are told apart by name (heart, torso) or by one lying inside the other",
        advice="" if found else "Name them: heart file:surface and torso file:surface.",
    )


def read_table(spec: PathLike, where: str) -> tuple[np.ndarray, str]:
    """Return numbers of one or two axes, and the name of the array they were taken from."""
    path, key = split_spec(spec, where)
    ending = path.suffix.lower()
    if ending in (".csv", ".txt"):
        if key is not None:
            raise InputError(
                f"{where} {path}", found=f"array {key!r}", expected="no name: it is one table"
            )
        delimiter = "," if ending == ".csv" else None
        with foreign_parser(path, "a table of numbers", "Remove headings and text."):
            return np.loadtxt(path, delimiter=delimiter, ndmin=2), path.name
    if ending == ".mat":
        arrays = _tables_of_mat(path, where, key)
    elif ending == ".npz":
        arrays = {name: None for name in array_names(path)}
    else:
        raise FileFormatError(
            f"{where} {path}",
            found=f"the suffix {path.suffix!r}",
            expected="a .npz, .mat, .csv or .txt file",
        )
    if key is None:
        likely = [name for name in arrays if where.rstrip("s") in name.lower()]
        likely = likely or (list(arrays) if len(arrays) == 1 else [])
        key = likely[0] if len(likely) == 1 else None
    if key is None or key not in arrays:
        raise FileFormatError(
            f"{where} {path}",
            found=f"arrays {', '.join(arrays) or 'none'}",
            expected=f"one named {key}" if key else f"one array whose name contains {where!r}",
            advice="Write file:array.",
        )
    table = arrays[key]
    if table is None:
        with foreign_parser(path, "NPZ"), zipfile.ZipFile(path) as archive:
            table = read_npy(archive, archive.getinfo(f"{key}.npy"), path)
    if table.dtype.kind not in "fiu" or table.ndim not in (1, 2) or not table.size:
        raise FileFormatError(
            f"{where} {path}: {key}",
            found=f"{table.dtype} of shape {table.shape}",
            expected="real numbers with one or two axes",
        )
    return table.astype(float), f"{key} of {path.name}"


def _tables_of_mat(path: Path, where: str, key: str | None) -> dict[str, np.ndarray]:
    """Return the candidates: for matrices, forward matrices before all others."""
    if where != "matrix":
        return dict(read_matlab_variables(path).arrays)
    # No length enters a matrix; the unit is only there to let the points be read.
    try:
        found = read_geometry_mat(path, check_size=False)
    except UnitError:
        found = read_geometry_mat(path, unit="mm", check_size=False)
    if key is None and len(found.forward_matrices) == 1:
        return dict(found.forward_matrices)
    return {**found.matrices, **found.forward_matrices}


def guess_key(path: Path, stems: tuple[str, ...], notes: list[str], what: str) -> str | None:
    """Return the only array of an NPZ archive that is named like potentials of one of ``stems``."""
    keys = [
        key
        for key in array_names(path)
        if key.lower().startswith(stems)
        and any(word in key.lower() for word in ("potential", "qrs", "bsp"))
    ]
    if len(keys) == 1:
        notes.append(f"{what}: array {keys[0]} of {path.name}")
        return keys[0]
    return None


def read_series(
    path: Path, key: str | None, unit: str | None, rate_hz: float | None, where: str
) -> Recording:
    """Read a recording, and speak in the words of a case where something is not stated."""
    try:
        return read_recording(path, unit=unit, rate_hz=rate_hz, key=key)
    except InputError as error:
        advice = error.advice
        if error.found == "no unit":
            advice = "State the potential unit (potential_unit, --potential-unit)."
        elif error.found == "no sampling rate":
            advice = "State the rate (rate_hz, --rate-hz)."
        elif error.where == "key":
            advice = advice.replace("Pass key=…", "Write file:array") or "Write file:array."
        else:
            raise
        raise type(error)(
            f"{where} {error.where}", found=error.found, expected=error.expected, advice=advice
        ) from None


def require_whole(recording: Recording, where: str, excluded: tuple[int, ...] = ()) -> None:
    """Raise where a channel that is used has gaps: bridged samples are not measurements."""
    used = [name for i, name in enumerate(recording.names) if i not in excluded]
    holes = [name for name in used if name in recording.missing]
    if holes:
        numbers = [recording.names.index(name) for name in holes]
        raise InputError(
            where,
            found=f"NaN or absent samples in {len(holes)} channels, 0-based numbers "
            + ", ".join(map(str, numbers[:10]))
            + (" …" if len(numbers) > 10 else ""),
            expected="finite numbers",
            advice="Leave these channels out (exclude), or repair them first.",
        )
