"""From files to an inverse problem, with every decision written down."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from .._checks import check_file
from .._errors import FileFormatError, InputError
from .._types import PathLike
from ..geometry import Surface, read_surface
from ..signals import Recording, read_recording
from ._double_layer import double_layer_matrix
from ._operator import ObservationOperator, Source
from ._problem import InverseProblem
from ._reference import Reference
from ._transfer import transfer_matrix

TORSO_KEYS = ("torso", "body", "bsp", "tank", "thorax")
HEART_KEYS = ("heart", "epicard", "sock")


@dataclass(frozen=True, eq=False)
class MeasuredCase:
    """What was read for one reconstruction.

    Attributes:
        problem: ready for `reconstruct`.
        recording: the body-surface recording.
        truth: measured heart potentials, if there are any for the same nodes and instants.
        torso: torso surface, None where only a matrix was given.
        notes: one sentence for every decision that the files left open.
    """

    problem: InverseProblem
    recording: Recording
    truth: Recording | None
    torso: Surface | None
    notes: tuple[str, ...]


def read_case(
    recording: PathLike,
    *,
    geometry: PathLike | None = None,
    heart: PathLike | None = None,
    torso: PathLike | None = None,
    matrix: PathLike | None = None,
    leads: PathLike | None = None,
    truth: PathLike | None = None,
    unit: str | None = None,
    potential_unit: str | None = None,
    rate_hz: float | None = None,
    reference: Reference | None = None,
    exclude: tuple[int, ...] = (),
    source: Source = Source.EPICARDIAL,
) -> MeasuredCase:
    """Read surfaces, recording, leads and (where given) matrix and truth, and join them.

    Every file may be written as ``file:key`` where it holds several arrays. A folder with one
    data file in it stands for that file.

    Args:
        recording: body-surface recording.
        geometry: file with a heart and a torso surface; or give `heart` and `torso` apart.
        heart: file of the heart surface.
        torso: file of the torso surface; not needed with `matrix`.
        matrix: given transfer matrix instead of boundary elements.
        leads: 0-based torso nodes of the channels; else an array ``torso_lead_node`` in the
            geometry file is used if its length is the number of channels.
        truth: measured heart potentials; else ``heart_potentials…`` beside the recording.
        unit: unit of the coordinates, where the file does not say it.
        potential_unit: unit of the recording, where the file does not say it.
        rate_hz: sampling rate, where the file does not say it.
        reference: what the potentials are measured against.
        exclude: 0-based channels to leave out.
        source: what lives on the heart: epicardial potentials or transmembrane potential.

    Raises:
        FileFormatError: a file cannot be read, or does not hold what is needed.
        InputError: the parts do not fit each other.
    """
    notes: list[str] = []
    path, key = _split(recording)
    key = key or _guess_key(path, TORSO_KEYS, notes, "body-surface recording")
    body = read_recording(path, unit=potential_unit, rate_hz=rate_hz, key=key)

    shapes = _one_file(geometry) if geometry is not None else None
    heart_surface = _surface(heart, shapes, "heart", unit)
    torso_surface = _surface(torso, shapes, "torso", unit, optional=matrix is not None)

    rows = _leads(leads, shapes, body.n_channels, notes)
    operator = _operator(heart_surface, torso_surface, matrix, source)
    problem = InverseProblem(operator, body, leads=rows, reference=reference, exclude=exclude)
    known = _truth(truth, path, problem, body, notes)
    return MeasuredCase(problem, body, known, torso_surface, tuple(notes))


def read_operator(
    geometry: PathLike,
    *,
    matrix: PathLike | None = None,
    unit: str | None = None,
    source: Source = Source.EPICARDIAL,
) -> ObservationOperator:
    """Read a heart and a torso and join them by boundary elements, or by a given matrix.

    Args:
        geometry: file (or folder with one) that holds both surfaces; the torso may be missing
            if `matrix` is given.
        matrix: given matrix, ``file`` or ``file:key``.
        unit: unit of the coordinates, where the file does not say it.
        source: what lives on the heart.

    Raises:
        FileFormatError: a file cannot be read, or does not hold what is needed.
        GeometryError: surfaces that boundary elements cannot use.
    """
    shapes = _one_file(geometry)
    heart = _surface(None, shapes, "heart", unit)
    torso = _surface(None, shapes, "torso", unit, optional=matrix is not None)
    return _operator(heart, torso, matrix, source)


def read_potentials(
    spec: PathLike, *, unit: str | None = None, rate_hz: float | None = None
) -> Recording:
    """Read a series of potentials written as ``file`` or ``file:key``.

    Args:
        spec: file, with the array's name behind a colon where it holds several.
        unit: unit of the potentials, where the file does not say it.
        rate_hz: sampling rate, where the file does not say it.

    Raises:
        FileFormatError: the file cannot be read.
    """
    path, key = _split(spec)
    return read_recording(path, unit=unit, rate_hz=rate_hz, key=key)


def _operator(
    heart: Surface | None, torso: Surface | None, matrix: PathLike | None, source: Source
) -> ObservationOperator:
    if heart is None:
        raise InputError(
            "heart",
            found="no heart surface",
            expected="a file with one",
            advice="Give a geometry file with heart and torso, or a heart file.",
        )
    if matrix is not None:
        values = _array(matrix, "matrix")
        fits = torso is not None and torso.n_nodes == len(values)
        return ObservationOperator(values, source, heart, torso if fits else None, "given matrix")
    if torso is None:
        raise InputError(
            "torso",
            found="no torso surface",
            expected="a torso surface, or a transfer matrix",
            advice="Give --torso or --matrix.",
        )
    if source is Source.EPICARDIAL:
        return transfer_matrix(heart, torso)
    return double_layer_matrix(heart, torso, torso)


def _split(spec: PathLike) -> tuple[Path, str | None]:
    text = str(spec)
    if not Path(text).exists() and ":" in text:
        head, _, key = text.rpartition(":")
        if head and Path(head).exists():
            return _one_file(head), key
    return _one_file(text), None


def _one_file(spec: PathLike) -> Path:
    path = Path(spec)
    if not path.is_dir():
        return check_file(path)
    found = sorted(p for p in path.iterdir() if p.suffix in (".npz", ".mat"))
    if len(found) != 1:
        raise FileFormatError(
            f"folder {path}",
            found=f"{len(found)} data files {', '.join(p.name for p in found)}".rstrip(),
            expected="exactly one .npz or .mat file",
            advice="Name the file.",
        )
    return found[0]


def _keys(path: Path) -> list[str]:
    if path.suffix != ".npz":
        return []
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return list(arrays.files)
    except (OSError, ValueError, EOFError) as error:
        raise FileFormatError(
            str(path), found=f"an unreadable archive ({error})", expected="a NumPy .npz file"
        ) from None


def _guess_key(path: Path, stems: tuple[str, ...], notes: list[str], what: str) -> str | None:
    keys = [
        key
        for key in _keys(path)
        if key.lower().startswith(stems) and ("potential" in key or "qrs" in key or "bsp" in key)
    ]
    if len(keys) == 1:
        notes.append(f"{what}: array {keys[0]} of {path.name}")
        return keys[0]
    return None


def _surface(
    spec: PathLike | None, shapes: Path | None, name: str, unit: str | None, optional: bool = False
) -> Surface | None:
    if spec is not None:
        path, key = _split(spec)
        return read_surface(path, unit=unit, name=key or "").renamed(name)
    if shapes is None:
        return None
    if optional and shapes.suffix == ".npz":
        if not any(key.startswith(f"{name}_vertices") for key in _keys(shapes)):
            return None
    return read_surface(shapes, unit=unit, name=name).renamed(name)


def _array(spec: PathLike, where: str) -> Float[np.ndarray, "n_rows n_columns"]:
    path, key = _split(spec)
    if path.suffix in (".csv", ".txt"):
        try:
            return np.atleast_2d(np.loadtxt(path, delimiter="," if path.suffix == ".csv" else None))
        except ValueError as error:
            raise FileFormatError(
                f"{where} {path}", found=str(error), expected="a table of numbers"
            ) from None
    keys = _keys(path)
    if key is None:
        likely = [k for k in keys if where in k]
        key = likely[0] if len(likely) == 1 else None
    if key not in keys:
        raise FileFormatError(
            f"{where} {path}",
            found=f"arrays {', '.join(keys) or 'none'}",
            expected=f"one named {key}" if key else f"one array whose name contains {where!r}",
            advice="Write file:array.",
        )
    with np.load(path, allow_pickle=False) as arrays:
        return np.asarray(arrays[key], dtype=float)


def _leads(
    spec: PathLike | None, shapes: Path | None, n_channels: int, notes: list[str]
) -> Int[np.ndarray, " n_leads"] | None:
    if spec is not None:
        return _array(spec, "lead").ravel().astype(np.int64)
    for key in _keys(shapes) if shapes is not None else []:
        if key.endswith("lead_node"):
            nodes = _array(f"{shapes}:{key}", "leads").ravel().astype(np.int64)
            if len(nodes) == n_channels:
                notes.append(f"leads: array {key} of {shapes.name if shapes else ''}")
                return nodes
    return None


def _truth(
    spec: PathLike | None,
    beside: Path,
    problem: InverseProblem,
    body: Recording,
    notes: list[str],
) -> Recording | None:
    if spec is not None:
        path, key = _split(spec)
    else:
        path, key = beside, _guess_key(beside, HEART_KEYS, notes, "scored against")
        if key is None:
            return None
    known = read_recording(path, unit=body.unit, rate_hz=body.rate_hz, key=key)
    if known.samples.shape != (problem.n_nodes, problem.n_times):
        raise InputError(
            f"truth {path}",
            found=f"shape {known.samples.shape}",
            expected=f"({problem.n_nodes}, {problem.n_times}): heart nodes x instants",
            advice="Crop both recordings to the same instants.",
        )
    return known
