"""Result folders of identifications: written whole, read back without identifying again."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .._checks import check_array, freeze
from .._errors import CardiotwinError, FileFormatError, InputError
from .._provenance import Provenance
from .._types import PathLike
from ..circulation import INDEX_NAMES, PARAMETERS, Circulation, Indices
from ..hemodynamics import Curve, Identification, Measurements, Prior, Unknowns
from ._folder import IDENTIFICATION, IDENTIFICATION_SCHEMA, atomic_folder
from ._result_files import read_archive, read_facts, write_csv, write_facts

SCHEMA_VERSION = 1
_CURVES = ("volume_curve", "pressure_curve")
_PARTS = ("times_s", "values", "error")


def save_identification(
    folder: PathLike, identification: Identification, *, overwrite: bool = False
) -> Path:
    """Write an identification to a folder that any program can read; nothing of it is lost.

    The folder holds ``result.json`` (measurements, priors, values of the fixed parameters, status,
    diagnostics, provenance), ``arrays.npz`` (draws with weights and indices) and
    ``parameters.csv``. It appears whole or not at all.

    Args:
        folder: where to write; must not exist unless ``overwrite``.
        identification: of one patient.
        overwrite: whether an earlier result may be replaced; it is removed only when the new
            one is complete.

    Returns:
        The folder.

    Raises:
        InputError: the folder exists, or something that is no identification.

    >>> import tempfile
    >>> from cardiotwin.hemodynamics import MaximumAPosteriori, identify
    >>> found = identify(Measurements(edv_ml=150, esv_ml=70), method=MaximumAPosteriori())
    >>> folder = save_identification(Path(tempfile.mkdtemp()) / "patient", found)
    >>> load_identification(folder).interval("emax") == found.interval("emax")
    True
    """
    if not isinstance(identification, Identification):
        raise InputError(
            "identification",
            found=type(identification).__name__,
            expected="the Identification of one patient, as identify returns it",
        )
    with atomic_folder(folder, overwrite=overwrite) as temporary:
        write_identification(temporary, identification)
    return Path(folder)


def load_identification(folder: PathLike) -> Identification:
    """Read back what `save_identification` wrote, also where it stands in the folder of a beat.

    Args:
        folder: of the identification, or of a beat that was identified (`save_beat`), or the
            ``result.json`` of either.

    Raises:
        FileFormatError: no identification there, another schema, or damaged files.
    """
    inside = _place(Path(folder))
    if inside is None:
        raise FileFormatError(
            str(folder),
            found="no identification" if Path(folder).exists() else "nothing there",
            expected="a folder that save_identification or `cardiotwin identify --out` wrote",
            advice="Run `cardiotwin identify` with --out, and give that folder.",
        )
    facts = read_facts(inside, IDENTIFICATION_SCHEMA, SCHEMA_VERSION)
    arrays = read_archive(inside / "arrays.npz", lambda name: True)
    try:
        return _build(facts, arrays)
    except (KeyError, TypeError, ValueError, AttributeError, CardiotwinError) as error:
        raise FileFormatError(
            str(inside),
            found=f"fields that do not fit ({type(error).__name__}: {error})",
            expected="the fields and arrays that save_identification writes",
            advice="The folder is damaged or was edited: identify the patient again.",
        ) from None


def load_identifications(paths: Sequence[PathLike]) -> dict[str, Identification]:
    """Read the identifications of several patients.

    Args:
        paths: each as in `load_identification`, or a folder that holds such folders; these are
            read in the order of their names.

    Returns:
        Name of the folder → identification; the whole path where two folders have one name.

    Raises:
        InputError: no path at all, or one patient twice.
        FileFormatError: no identification in one of the paths, or damaged files.

    >>> import tempfile
    >>> from cardiotwin.hemodynamics import MaximumAPosteriori, identify
    >>> clinic = [Measurements(edv_ml=150, esv_ml=own) for own in (60, 90)]
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name, own in zip("ab", identify(clinic, method=MaximumAPosteriori())):
    ...     _ = save_identification(folder / name, own)
    >>> list(load_identifications([folder]))
    ['a', 'b']
    """
    found: list[Path] = []
    for path in map(Path, paths):
        held = []
        if path.is_dir() and _place(path) is None:
            held = sorted(own for own in path.iterdir() if own.is_dir() and _place(own))
        found += held or [path]
    if not found:
        raise InputError("paths", found="none", expected="at least one folder")
    # The folder of a beat and that of the identification inside are the same patient.
    places = [(_place(path) or path).resolve() for path in found]
    for path, place in zip(found, places, strict=True):
        if places.count(place) > 1:
            raise InputError(
                "paths", found=f"{path} twice", expected="each patient once",
                advice="More draws of a patient are no more patients.",
            )  # fmt: skip
    names = [place.parent.name if place.name == IDENTIFICATION else place.name for place in places]
    return {
        name if names.count(name) == 1 else str(path): load_identification(path)
        for name, path in zip(names, found, strict=True)
    }


def write_identification(folder: Path, found: Identification) -> None:
    """Write the files of an identification into a folder that exists."""
    measured, unknowns = found.measurements, found.unknowns
    arrays = {
        "coordinates": found.coordinates,
        "weights": found.weights,
        "mode": found.mode,
        **{f"predicted.{name}": own for name, own in found.predicted.as_dict().items()},
    }
    for name in _CURVES:
        curve = getattr(measured, name)
        if curve is not None:
            parts = (*_PARTS, "shared") if len(curve.shared) else _PARTS
            arrays |= {f"{name}.{part}": getattr(curve, part) for part in parts}
    np.savez_compressed(
        folder / "arrays.npz",
        **{name: np.asarray(own) for name, own in arrays.items()},  # pyright: ignore[reportArgumentType]
    )
    rows: list[list[Any]] = [["name", "unit", "mean", "5_percent", "median", "95_percent"]]
    for name in unknowns.names:
        numbers = [found.mean(name), *found.quantile(name, [0.05, 0.5, 0.95])]
        rows.append([name, PARAMETERS[name].unit, *(f"{value:.8g}" for value in numbers)])
    write_csv(folder / "parameters.csv", rows)
    write_facts(
        folder,
        {
            "schema": IDENTIFICATION_SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "disclaimer": "Research software: not for clinical use.",
            "status": found.status,
            "trusted": bool(found.trusted),
            "diagnostics": found.diagnostics,
            "measurements": {name: getattr(measured, name) for name in measured.names},
            "errors": measured.errors,
            "curves": [name for name in _CURVES if getattr(measured, name) is not None],
            "unknowns": {name: asdict(prior) for name, prior in unknowns.priors.items()},
            "fixed": {name: float(own) for name, own in unknowns.fixed.values().items()},
            "indices": list(found.predicted.as_dict()),
            "seconds": found.seconds,
            "provenance": asdict(found.provenance),
        },
    )


def _build(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> Identification:
    """Build an identification; an index that its writer did not know is unknown."""
    given: dict[str, Any] = {str(own): float(value) for own, value in facts["measurements"].items()}
    for name in facts["curves"]:
        own = (arrays[f"{name}.{part}"] for part in _PARTS)
        given[name] = Curve(*own, shared=arrays.get(f"{name}.shared"))
    errors = {str(name): float(value) for name, value in facts["errors"].items()}
    measured = Measurements(**given, errors=errors)
    unknowns = Unknowns(
        {str(name): Prior(**own) for name, own in facts["unknowns"].items()},
        Circulation(**{name: float(own) for name, own in facts["fixed"].items()}),
    )
    n, free = len(arrays["weights"]), len(unknowns.names)
    weights = check_array(arrays["weights"], "weights", shape=(n,))
    if (weights < 0).any() or not np.isclose(weights.sum(), 1.0, rtol=0, atol=1e-6):
        raise ValueError(f"weights that sum to {weights.sum():g}")
    indices: dict[str, Any] = {name: np.full(n, np.nan) for name in INDEX_NAMES}
    for name in facts["indices"]:
        own = check_array(arrays[f"predicted.{name}"], str(name), shape=(n,), finite=False)
        indices[name] = freeze(own)
    if not isinstance(facts["trusted"], bool):
        raise TypeError(f"trusted is {facts['trusted']!r}")
    return Identification(
        measurements=measured,
        unknowns=unknowns,
        coordinates=freeze(check_array(arrays["coordinates"], "coordinates", shape=(n, free))),
        weights=freeze(weights),
        predicted=Indices(**indices),
        mode=freeze(check_array(arrays["mode"], "mode", shape=(free,))),
        status=str(facts["status"]),
        trusted=facts["trusted"],
        diagnostics={str(name): float(value) for name, value in facts["diagnostics"].items()},
        seconds=float(facts["seconds"]),
        provenance=Provenance(**facts["provenance"]),
    )


def _place(path: Path) -> Path | None:
    """Return where the files of an identification should lie, None where no result is."""
    folder = path.parent if path.name == "result.json" else path
    if (folder / IDENTIFICATION).is_dir():
        return folder / IDENTIFICATION
    return folder if (folder / "result.json").is_file() else None
