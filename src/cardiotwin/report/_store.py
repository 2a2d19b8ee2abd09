"""Result folders: written whole, read back without running anything."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .._checks import check_array
from .._errors import FileFormatError, InputError
from .._provenance import Provenance
from .._types import ArrayLike, PathLike
from ..circulation import Beat
from ..ecgi import ActivationEstimate
from ..ecgi._reconstruction import ParameterChoice, Reconstruction, Uncertainty
from ..geometry import Surface, write_surface
from ..signals import Recording
from ._beat_saved import SavedBeat, collect_beat
from ._beat_store import CIRCULATION, write_beat
from ._collect import collect_reconstruction
from ._folder import SCHEMA, atomic_folder
from ._result_files import read_archive, read_facts, write_csv, write_facts
from ._saved import SavedReconstruction
from ._vtk_series import write_vtk_series

SCHEMA_VERSION = 1
# Arrays of result folders, with how many axes each has.
_ARRAYS = {
    "heart_vertices_mm": 2,
    "heart_faces": 2,
    "torso_vertices_mm": 2,
    "torso_faces": 2,
    "times_ms": 1,
    "heart_potentials": 2,
    "truth": 2,
    "standard_deviation": 2,
    "activation_ms": 1,
    "truth_activation_ms": 1,
    "body_measured": 2,
    "body_predicted": 2,
    "electrodes_mm": 2,
    "torso_potentials": 2,
    "body_residual_by_time": 1,
    "parameter_value": 1,
    "parameter_candidates": 1,
    "parameter_criterion": 1,
}
_OPTIONAL = set(_ARRAYS) - {
    "times_ms",
    "heart_potentials",
    "body_measured",
    "body_predicted",
    "body_residual_by_time",
}
_MAY_BE_NAN = {"activation_ms", "truth_activation_ms", "parameter_criterion"}


def save_reconstruction(
    folder: PathLike,
    reconstruction: Reconstruction | SavedReconstruction,
    *,
    truth: ArrayLike | None = None,
    metrics: Any = None,
    activation: ActivationEstimate | ArrayLike | Mapping[str, ArrayLike] | None = None,
    torso: Surface | None = None,
    recording: Recording | None = None,
    unit: str | None = None,
    title: str = "",
    notes: Sequence[str] = (),
    circulation: Beat | SavedBeat | None = None,
    stride: int | None = None,
    report: bool = True,
    overwrite: bool = False,
) -> Path:
    """Write a reconstruction to a folder that any program can read.

    The folder holds ``result.json`` (facts), ``arrays.npz`` (numbers), ``heart.pvd`` with its
    .vtp files and the same of the torso (ParaView), ``metrics.csv``, ``activation.csv`` and
    ``report.html``. It appears whole or not at all.

    Args:
        folder: where to write; must not exist unless ``overwrite``.
        reconstruction: what `reconstruct` returned (or `load_reconstruction`; the other
            arguments about content are then not looked at).
        truth: (n_nodes, n_times) measured or simulated heart potentials in the same unit.
        metrics: what `evaluate` returned, or numbers by name.
        activation: (n_nodes,) activation times in ms of the reconstruction, what
            `estimate_activation` returned, or a dictionary with
            the keys "reconstruction" and "truth"; NaN where a node is never activated. Found
            by the package when left out; the report says how.
        torso: body surface, where the operator does not know it.
        recording: the recording that was inverted, for its unit and channel names.
        unit: unit of the potentials, where no recording is given.
        title: head of the report.
        notes: sentences that belong beside the numbers (inverse crime, guesses of readers).
        circulation: a beat of the same patient (`collect_beat` adds draws, comparisons, measured
            loops): its folder stands inside, as `save_beat` writes it, and the report shows it.
        stride: every how many instants a ParaView file is written; at most 100 files by default.
        report: whether report.html is written.
        overwrite: whether an earlier result may be replaced; it is removed only when the new
            one is complete.

    Returns:
        The folder.

    Raises:
        InputError: the folder exists, or shapes that do not fit the reconstruction.

    >>> import tempfile
    >>> from cardiotwin.ecgi import InverseProblem, Tikhonov, Fixed, reconstruct
    >>> problem = InverseProblem([[0.6, 0.4], [0.3, 0.7]], [[1.0], [0.0]])
    >>> answer = reconstruct(problem, Tikhonov(order=0, rule=Fixed(0.1)))
    >>> folder = save_reconstruction(Path(tempfile.mkdtemp()) / "out", answer, unit="mV")
    >>> sorted(path.name for path in folder.iterdir())
    ['arrays.npz', 'metrics.csv', 'report.html', 'result.json']
    """
    saved = (
        reconstruction
        if isinstance(reconstruction, SavedReconstruction)
        else collect_reconstruction(
            reconstruction,
            truth=truth,
            metrics=metrics,
            activation=activation,
            torso=torso,
            recording=recording,
            unit=unit,
            title=title,
            notes=notes,
        )
    )
    with atomic_folder(folder, overwrite=overwrite) as temporary:
        arrays: dict[str, Any] = _arrays_of(saved)
        np.savez_compressed(temporary / "arrays.npz", **arrays)
        _write_tables(temporary, saved)
        _write_vtk(temporary, saved, stride)
        beside = None if circulation is None else collect_beat(circulation)
        if beside is not None:
            (temporary / CIRCULATION).mkdir()
            write_beat(temporary / CIRCULATION, beside)
        if report:
            from ._html import write_report

            write_report(saved, temporary / "report.html", circulation=beside)
        write_facts(temporary, _facts_of(saved))
    return Path(folder)


def load_reconstruction(folder: PathLike) -> SavedReconstruction:
    """Read back what `save_reconstruction` wrote.

    Args:
        folder: the result folder.

    Raises:
        FileFormatError: not a result folder, a newer schema, or damaged files.
    """
    folder = Path(folder)
    facts = read_facts(folder, SCHEMA, SCHEMA_VERSION)
    arrays = _read_arrays(folder / "arrays.npz")
    try:
        return _build(facts, arrays)
    except InputError as error:
        raise FileFormatError(
            f"{folder}: {error.where}", found=error.found, expected=error.expected
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileFormatError(
            str(folder),
            found=f"fields that do not fit ({type(error).__name__}: {error})",
            expected="the fields and arrays that save_reconstruction writes",
            advice="The folder is damaged or was edited: write it again.",
        ) from None


def _arrays_of(saved: SavedReconstruction) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray | None] = {
        name: getattr(saved, name)
        for name in _ARRAYS
        if not name.startswith(("heart_v", "heart_f", "torso_v", "torso_f", "parameter", "stand"))
    }
    for side in ("heart", "torso"):
        surface = getattr(saved, side)
        if surface is not None:
            arrays[f"{side}_vertices_mm"] = surface.vertices_mm
            arrays[f"{side}_faces"] = surface.faces
    if saved.uncertainty is not None:
        arrays["standard_deviation"] = saved.uncertainty.standard_deviation
    if saved.parameter is not None:
        for name in ("value", "candidates", "criterion"):
            arrays[f"parameter_{name}"] = getattr(saved.parameter, name)
    return {name: np.asarray(array) for name, array in arrays.items() if array is not None}


def _facts_of(saved: SavedReconstruction) -> dict[str, Any]:
    choice, spread = saved.parameter, saved.uncertainty
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "disclaimer": "Research software: not for clinical use.",
        "title": saved.title,
        "status": saved.status,
        "method": saved.method_name,
        "quantity": saved.quantity,
        "units": {"potential": saved.unit, "time": "ms", "length": "mm"},
        "body_residual": saved.body_residual,
        "parameter": choice
        and {
            "rule": choice.rule,
            "median": float(np.median(choice.value)),
            "interval": list(choice.interval),
            "others": choice.others,
            "at_edge": choice.at_edge,
        },
        "uncertainty": spread and {"kind": spread.kind, "assumptions": spread.assumptions},
        "activation_method": saved.activation_method,
        "metrics": saved.metrics,
        "diagnostics": saved.diagnostics,
        "warnings": list(saved.warnings),
        "notes": list(saved.notes),
        "problem": saved.problem,
        "lead_names": list(saved.lead_names),
        "torso_potentials_are_measured": saved.torso_potentials_are_measured,
        "surfaces": {
            side: surface.name
            for side in ("heart", "torso")
            if (surface := getattr(saved, side)) is not None
        },
        "seconds": saved.seconds,
        "provenance": asdict(saved.provenance),
    }


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    found = read_archive(path, _ARRAYS.__contains__)
    missing = sorted(set(_ARRAYS) - _OPTIONAL - set(found))
    if missing:
        raise FileFormatError(str(path), found=f"no array {missing[0]!r}", expected="all arrays")
    return found


def _build(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> SavedReconstruction:
    times = len(arrays["times_ms"])
    nodes, leads = len(arrays["heart_potentials"]), len(facts["lead_names"])
    shapes: dict[str, tuple[int | str, ...]] = {
        "times_ms": (times,),
        "body_residual_by_time": (times,),
        "activation_ms": (nodes,),
        "truth_activation_ms": (nodes,),
        "electrodes_mm": (leads, 3),
        "torso_potentials": ("n_torso", times),
        **dict.fromkeys(("heart_potentials", "truth", "standard_deviation"), (nodes, times)),
        **dict.fromkeys(("body_measured", "body_predicted"), (leads, times)),
        **dict.fromkeys(("parameter_value", "parameter_candidates"), ("n",)),
        "parameter_criterion": ("n",),
    }
    have: dict[str, Any] = {
        name: check_array(arrays[name], name, shape=shape, finite=name not in _MAY_BE_NAN)
        if name in arrays
        else None
        for name, shape in shapes.items()
    }
    surfaces: dict[str, Surface | None] = {"heart": None, "torso": None}
    for side, name in facts["surfaces"].items():
        surfaces[side] = Surface(arrays[f"{side}_vertices_mm"], arrays[f"{side}_faces"], str(name))
    choice, spread = facts["parameter"], facts["uncertainty"]
    low_high = choice and [float(limit) for limit in choice["interval"]]
    return SavedReconstruction(
        title=facts["title"],
        status=facts["status"],
        unit=facts["units"]["potential"],
        quantity=facts["quantity"],
        heart=surfaces["heart"],
        torso=surfaces["torso"],
        times_ms=have["times_ms"],
        heart_potentials=have["heart_potentials"],
        truth=have["truth"],
        uncertainty=spread
        and Uncertainty(have["standard_deviation"], spread["kind"], spread["assumptions"]),
        activation_ms=have["activation_ms"],
        truth_activation_ms=have["truth_activation_ms"],
        body_measured=have["body_measured"],
        body_predicted=have["body_predicted"],
        lead_names=tuple(str(name) for name in facts["lead_names"]),
        electrodes_mm=have["electrodes_mm"],
        torso_potentials=have["torso_potentials"],
        torso_potentials_are_measured=bool(facts["torso_potentials_are_measured"]),
        body_residual=float(facts["body_residual"]),
        body_residual_by_time=have["body_residual_by_time"],
        parameter=choice
        and ParameterChoice(
            choice["rule"],
            have["parameter_value"],
            have["parameter_candidates"],
            have["parameter_criterion"],
            (low_high[0], low_high[1]),
            _numbers(choice["others"]),
            bool(choice["at_edge"]),
        ),
        activation_method=facts["activation_method"],
        metrics=_numbers(facts["metrics"]),
        diagnostics=_numbers(facts["diagnostics"]),
        notes=tuple(str(note) for note in facts["notes"]),
        problem=dict(facts["problem"]),
        seconds=float(facts["seconds"]),
        provenance=Provenance(**facts["provenance"]),
    )


def _numbers(row: dict[str, Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in row.items()}


def _write_tables(folder: Path, saved: SavedReconstruction) -> None:
    rows: list[list[Any]] = [["metric", "value"], ["body_residual", saved.body_residual]]
    rows += [[name, value] for name, value in saved.metrics.items()]
    write_csv(folder / "metrics.csv", rows)
    columns = {
        "activation_ms": saved.activation_ms,
        "truth_activation_ms": saved.truth_activation_ms,
    }
    known = {name: times for name, times in columns.items() if times is not None}
    if known:
        pairs = zip(*known.values(), strict=True)
        table = [[i, *(f"{t:.6g}" for t in row)] for i, row in enumerate(pairs)]
        write_csv(folder / "activation.csv", [["node", *known], *table])


def _write_vtk(folder: Path, saved: SavedReconstruction, stride: int | None) -> None:
    label = f" ({saved.unit})" if saved.unit else ""
    if saved.heart is not None:
        series: dict[str, Any] = {f"reconstruction{label}": saved.heart_potentials}
        if saved.truth is not None:
            series |= {f"truth{label}": saved.truth, f"error{label}": saved.error}
        if saved.uncertainty is not None:
            series[f"standard deviation{label}"] = saved.uncertainty.standard_deviation
        constants = {
            "activation (ms)": saved.activation_ms,
            "true activation (ms)": saved.truth_activation_ms,
        }
        still = {name: times for name, times in constants.items() if times is not None}
        write_vtk_series(
            folder, "heart", saved.heart, saved.times_ms, series, constants=still, stride=stride
        )
    if saved.torso is not None and saved.torso_potentials is not None:
        known = "measured" if saved.torso_potentials_are_measured else "predicted"
        series = {f"{known} body potential{label}": saved.torso_potentials}
        write_vtk_series(folder, "torso", saved.torso, saved.times_ms, series, stride=stride)
    elif saved.torso is not None:
        write_surface(folder / "torso.vtp", saved.torso)
