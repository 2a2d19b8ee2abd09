"""From files to an inverse problem, with every decision written down."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .._errors import InputError, UnitError
from .._types import PathLike
from ..geometry import Surface
from ..signals import Recording
from ._case_files import (
    HEART_KEYS,
    TORSO_KEYS,
    Shapes,
    array_names,
    guess_key,
    read_series,
    read_shapes,
    read_table,
    require_whole,
    split_spec,
)
from ._double_layer import double_layer_matrix
from ._operator import ObservationOperator, Source
from ._problem import InverseProblem
from ._reference import Reference
from ._transfer import transfer_matrix


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
    data file in it stands for that file. Surfaces of a MATLAB file are told apart by name
    (heart, torso) or by which lies inside the other.

    Args:
        recording: body-surface recording.
        geometry: .npz or .mat file with a heart and a torso; or give `heart` and `torso` apart.
        heart: file of the heart surface; not needed with `matrix`, but most methods want it.
        torso: file of the torso surface; not needed with `matrix`.
        matrix: given transfer matrix (.npz, .mat, .csv, .txt) instead of boundary elements; its
            rows are the torso's nodes, or the channels.
        leads: 0-based torso nodes of the channels; else an array ``torso_lead_node`` in the
            geometry file is used if its length is the number of channels.
        truth: measured heart potentials; else ``heart_potentials…`` beside the recording.
        unit: unit of the coordinates, where the file does not say it.
        potential_unit: unit of recording and truth, where their files do not say it.
        rate_hz: sampling rate, where the file does not say it.
        reference: what the potentials are measured against.
        exclude: 0-based channels to leave out.
        source: what lives on the heart: epicardial potentials or transmembrane potential.

    Raises:
        FileFormatError: a file cannot be read, or does not hold what is needed.
        InputError: the parts do not fit each other.
    """
    notes: list[str] = []
    path, key = split_spec(recording, "recording")
    key = key or guess_key(path, TORSO_KEYS, notes, "body-surface recording")
    body = read_series(path, key, potential_unit, rate_hz, "recording")
    require_whole(body, "recording", exclude)
    notes += body.notes

    shapes = read_shapes(geometry, heart, torso, unit, matrix is None, notes)
    operator = _operator(shapes, matrix, source, notes)
    rows = _leads(leads, shapes, operator, body, notes)
    problem = InverseProblem(operator, body, leads=rows, reference=reference, exclude=exclude)
    known = _truth(truth, path, problem, body, notes)
    return MeasuredCase(problem, body, known, shapes.torso, tuple(notes))


def read_operator(
    geometry: PathLike,
    *,
    matrix: PathLike | None = None,
    unit: str | None = None,
    source: Source = Source.EPICARDIAL,
) -> ObservationOperator:
    """Read a heart and a torso and join them by boundary elements, or by a given matrix.

    Args:
        geometry: .npz or .mat file (or folder with one) that holds both surfaces; the torso may
            be missing if `matrix` is given.
        matrix: given matrix, ``file`` or ``file:key``.
        unit: unit of the coordinates, where the file does not say it.
        source: what lives on the heart.

    Raises:
        FileFormatError: a file cannot be read, or does not hold what is needed.
        GeometryError: surfaces that boundary elements cannot use.
    """
    notes: list[str] = []
    shapes = read_shapes(geometry, None, None, unit, matrix is None, notes)
    return _operator(shapes, matrix, source, notes)


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
        InputError: several arrays could be meant, no unit or rate is stated, or samples are NaN.
    """
    path, key = split_spec(spec, "potentials")
    recording = read_series(path, key, unit, rate_hz, "potentials")
    require_whole(recording, f"potentials {path}")
    return recording


def _operator(
    shapes: Shapes, matrix: PathLike | None, source: Source, notes: list[str]
) -> ObservationOperator:
    heart, torso = shapes.heart, shapes.torso
    if matrix is not None:
        values, name = read_table(matrix, "matrix")
        fits = torso is not None and torso.n_nodes == len(values)
        notes.append(f"matrix: {name}, {' x '.join(map(str, values.shape))}")
        if torso is not None and not fits:
            notes.append(
                f"the matrix has {len(values)} rows and the torso {torso.n_nodes} nodes: "
                "its rows were taken as the channels"
            )
        return ObservationOperator(values, source, heart, torso if fits else None, "given matrix")
    if heart is None or torso is None:
        missing = "heart" if heart is None else "torso"
        raise InputError(
            missing,
            found=f"no {missing} surface",
            expected=f"a {missing} surface, or a transfer matrix",
            advice="Give a geometry file with heart and torso, a file of each, or a matrix.",
        )
    if source is Source.EPICARDIAL:
        return transfer_matrix(heart, torso)
    return double_layer_matrix(heart, torso, torso)


def _leads(
    spec: PathLike | None,
    shapes: Shapes,
    operator: ObservationOperator,
    body: Recording,
    notes: list[str],
) -> np.ndarray | None:
    """Return the row of the operator of every channel, None where they are the same."""
    if spec is not None:
        nodes, name = read_table(spec, "leads")
        notes.append(f"leads: {name}")
        return _match(nodes.ravel(), name, body)
    path = shapes.path
    # Numbers of torso nodes mean nothing to a matrix whose rows are channels.
    of_nodes = shapes.torso is not None and shapes.torso.n_nodes == operator.n_observed
    keys = array_names(path) if path is not None and of_nodes else []
    found = {
        key: read_table(f"{path}:{key}", "leads")[0].ravel()
        for key in keys
        if key.endswith("lead_node")
    }
    for key, nodes in found.items():
        if len(nodes) == body.n_channels:
            notes.append(f"leads: array {key} of {path.name if path else ''}")
            return nodes
    if body.n_channels != operator.n_observed:
        for key, nodes in found.items():
            _match(nodes, key, body)
        if body.n_samples == operator.n_observed:
            raise _transposed(body, operator.n_observed, "one for every row of the operator")
    return None


def _match(nodes: np.ndarray, name: str, body: Recording) -> np.ndarray:
    if len(nodes) != body.n_channels and len(nodes) == body.n_samples:
        raise _transposed(body, len(nodes), f"one for every entry of {name}")
    return nodes


def _transposed(body: Recording, n_expected: int, why: str) -> InputError:
    return InputError(
        "recording",
        found=f"{body.n_channels} channels x {body.n_samples} samples",
        expected=f"{n_expected} channels, {why}",
        advice="It looks transposed: rows are channels, columns are instants.",
    )


def _truth(
    spec: PathLike | None,
    beside: Path,
    problem: InverseProblem,
    body: Recording,
    notes: list[str],
) -> Recording | None:
    if spec is not None:
        path, key = split_spec(spec, "truth")
        key = key or guess_key(path, HEART_KEYS, notes, "scored against")
    else:
        path, key = beside, guess_key(beside, HEART_KEYS, notes, "scored against")
        if key is None:
            return None
    known = _read_truth(path, key, body, notes)
    require_whole(known, f"truth {path}")
    if known.samples.shape != (problem.n_nodes, problem.n_times):
        turned = known.samples.shape == (problem.n_times, problem.n_nodes)
        raise InputError(
            f"truth {path}",
            found=f"shape {known.samples.shape}",
            expected=f"({problem.n_nodes}, {problem.n_times}): heart nodes x instants",
            advice="It looks transposed."
            if turned
            else "Crop both recordings to the same instants.",
        )
    return known


def _read_truth(path: Path, key: str | None, body: Recording, notes: list[str]) -> Recording:
    """Read the truth in its own unit if it states one, in the recording's otherwise."""
    try:
        known = read_series(path, key, None, None, "truth")
    except InputError as silent:
        if silent.found not in ("no unit", "no sampling rate"):
            raise
        try:
            known = read_series(path, key, None, body.rate_hz, "truth")
        except UnitError as error:
            if error.found != "no unit":
                raise
            known = read_series(path, key, body.unit, body.rate_hz, "truth")
            notes.append(f"truth: {path.name} states no unit, that of the recording was taken")
    if abs(known.rate_hz / body.rate_hz - 1) > 1e-6:
        raise InputError(
            f"truth {path}",
            found=f"{known.rate_hz:g} Hz",
            expected=f"{body.rate_hz:g} Hz, as the recording",
            advice="Resample one of the two.",
        )
    return known.in_unit(body.unit)
