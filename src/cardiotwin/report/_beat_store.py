"""Result folders of beats: written whole, read back without solving anything."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import CardiotwinError, FileFormatError
from .._provenance import Provenance
from .._types import PathLike
from ..circulation import PARAMETERS, Beat, Circulation, Indices, Lvad, PumpCoefficients
from ..circulation._beat import WAVEFORMS
from ..hemodynamics import Identification
from ._beat_labels import index_label, index_rows
from ._beat_saved import SavedBeat, collect_beat
from ._folder import BEAT_SCHEMA, IDENTIFICATION, atomic_folder
from ._identification_store import load_identification, write_identification
from ._result_files import read_archive, read_facts, write_csv, write_facts
from ._saved_clip import read_clips, write_clips

SCHEMA_VERSION = 1
CIRCULATION = "circulation"
"""Folder of the beat inside the folder of a reconstruction."""

_SCALARS = ("period_residual", "beats", "status")


def save_beat(
    folder: PathLike,
    beat: Beat | SavedBeat,
    *,
    draws: Beat | None = None,
    compared: Mapping[str, Beat] | None = None,
    measured: Any = None,
    title: str = "",
    name: str = "",
    notes: Sequence[str] = (),
    identification: Identification | None = None,
    clips: Sequence[Any] = (),
    report: bool = True,
    overwrite: bool = False,
) -> Path:
    """Write a beat to a folder that any program can read.

    The folder holds ``result.json`` (facts, indices and parameters), ``arrays.npz`` (numbers),
    ``indices.csv``, ``parameters.csv``, ``waveforms.csv`` and ``report.html``. It appears whole
    or not at all.

    Args:
        folder: where to write; must not exist unless ``overwrite``.
        beat: of one patient (or what `load_beat` gave; the other arguments about content are
            then not looked at).
        draws: batch of beats that fit the data as well (a posterior): the source of intervals.
        compared: other beats of the patient by name, before or after something.
        measured: measured loop (volume in mL, pressure in mmHg), or several by name.
        title: head of the report.
        name: of the beat, for legends.
        notes: sentences that belong beside the numbers (inverse crime, what the data were).
        identification: what the beat and its draws were found by: its folder stands inside, as
            `save_identification` writes it.
        clips: what `segment` found in the clips of the patient; frames and masks go into
            ``clips.npz``, and the page shows them beside the loop.
        report: whether report.html is written.
        overwrite: whether an earlier result may be replaced; it is removed only when the new
            one is complete.

    Returns:
        The folder.

    Raises:
        InputError: the folder exists, a batch where one beat is needed, or a failed beat.

    >>> import tempfile
    >>> from cardiotwin.circulation import Circulation, steady_state
    >>> folder = save_beat(Path(tempfile.mkdtemp()) / "out", steady_state(Circulation()))
    >>> print(f"{load_beat(folder).beat.indices.edv_ml:.1f} mL")
    149.2 mL
    """
    saved = collect_beat(
        beat,
        draws=draws,
        compared=compared,
        measured=measured,
        title=title,
        name=name,
        notes=notes,
        identification=identification,
        clips=clips,
    )
    with atomic_folder(folder, overwrite=overwrite) as temporary:
        write_beat(temporary, saved)
        if report:
            from ._beat_page import write_beat_report

            write_beat_report(saved, temporary / "report.html")
    return Path(folder)


def load_beat(folder: PathLike) -> SavedBeat:
    """Read back what `save_beat` wrote.

    Args:
        folder: the result folder.

    Raises:
        FileFormatError: not the folder of a beat, another schema, or damaged files.
    """
    folder = Path(folder)
    facts = read_facts(folder, BEAT_SCHEMA, SCHEMA_VERSION)
    arrays = read_archive(folder / "arrays.npz", lambda name: True)
    identified = facts.get("identified", False)
    identification = load_identification(folder / IDENTIFICATION) if identified else None
    try:
        beats = {
            key: _beat_of(own, facts, arrays, f"{key}.")
            for key, own in dict(facts["beats"]).items()
        }
        names = list(facts["compared"])
        loops = {
            str(name): (arrays[f"measured{i}.volume_ml"], arrays[f"measured{i}.pressure_mmhg"])
            for i, name in enumerate(facts["measured"])
        }
        return collect_beat(
            beats["beat"],
            draws=beats.get("draws"),
            compared={str(name): beats[f"compared{i}"] for i, name in enumerate(names)},
            measured=loops,
            title=str(facts["title"]),
            name=str(facts["name"]),
            notes=[str(note) for note in facts["notes"]],
            identification=identification,
            clips=read_clips(folder, facts.get("clips", ())),
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, CardiotwinError) as error:
        raise FileFormatError(
            str(folder),
            found=f"fields that do not fit ({type(error).__name__}: {error})",
            expected="the fields and arrays that save_beat writes",
            advice="The folder is damaged or was edited: write it again.",
        ) from None


def write_beat(folder: Path, saved: SavedBeat) -> None:
    """Write the files of a beat, all but its page, into a folder that exists."""
    parts = {"beat": saved.beat}
    if saved.draws is not None:
        parts["draws"] = saved.draws
    parts |= {f"compared{i}": beat for i, beat in enumerate(saved.compared.values())}
    arrays: dict[str, Any] = {}
    for key, beat in parts.items():
        arrays |= {f"{key}.{name}": value for name, value in _arrays_of(beat).items()}
    for i, (volume, pressure) in enumerate(saved.measured.values()):
        arrays[f"measured{i}.volume_ml"] = volume
        arrays[f"measured{i}.pressure_mmhg"] = pressure
    np.savez_compressed(folder / "arrays.npz", **arrays)
    _write_tables(folder, saved)
    if saved.identification is not None:
        (folder / IDENTIFICATION).mkdir()
        write_identification(folder / IDENTIFICATION, saved.identification)
    rows = saved.beat.indices.as_dict()
    values = saved.beat.circulation.values()
    write_facts(
        folder,
        {
            "schema": BEAT_SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "disclaimer": "Research software: not for clinical use.",
            "title": saved.title,
            "name": saved.name,
            "status": str(saved.beat.status),
            "units": {"time": "s", "volume": "mL", "pressure": "mmHg", "flow": "mL/s"},
            "indices": {name: float(value) for name, value in rows.items()},
            "index_intervals_5_to_95_percent": saved.index_intervals(),
            "parameters": {name: float(value) for name, value in values.items()},
            "parameter_intervals_5_to_95_percent": saved.parameter_intervals(),
            "compared": list(saved.compared),
            "measured": list(saved.measured),
            "notes": list(saved.notes),
            "identified": saved.identification is not None,
            "clips": write_clips(folder, saved.clips) if saved.clips else [],
            "beats": {
                key: {
                    "lvad": None if beat.lvad is None else asdict(beat.lvad.coefficients),
                    "provenance": asdict(beat.provenance),
                }
                for key, beat in parts.items()
            },
        },
    )


def _arrays_of(beat: Beat) -> dict[str, np.ndarray]:
    found = {name: getattr(beat, name) for name in (*WAVEFORMS, *_SCALARS)}
    found |= {f"indices.{name}": value for name, value in beat.indices.as_dict().items()}
    found |= {f"circulation.{name}": value for name, value in beat.circulation.values().items()}
    if beat.lvad is not None:
        found["lvad.speed_rpm"] = beat.lvad.speed_rpm
    return {name: np.asarray(value) for name, value in found.items()}


def _beat_of(
    own_facts: dict[str, Any], facts: dict[str, Any], arrays: dict[str, np.ndarray], prefix: str
) -> Beat:
    """Build a beat.

    What a later version adds is not in the folder: an index is then unknown, a parameter has the
    value that leaves it without effect, its default.
    """
    own = {
        name.removeprefix(prefix): value
        for name, value in arrays.items()
        if name.startswith(prefix)
    }
    shape = own["status"].shape
    for name in WAVEFORMS:
        if own[name].shape[:-1] != shape or own[name].shape != own["times_s"].shape:
            raise ValueError(f"{prefix}{name} has shape {own[name].shape}")
    indices: dict[str, Any] = {item.name: np.full(shape, np.nan) for item in fields(Indices)}
    indices |= {name: own[f"indices.{name}"] for name in facts["indices"]}
    lvad = None
    if own_facts["lvad"] is not None:
        lvad = Lvad(own["lvad.speed_rpm"], PumpCoefficients(**own_facts["lvad"]))
    return Beat(
        **{name: own[name] for name in (*WAVEFORMS, *_SCALARS)},
        indices=Indices(**indices),
        circulation=Circulation(
            **{name: own[f"circulation.{name}"] for name in facts["parameters"]}
        ),
        lvad=lvad,
        provenance=Provenance(**own_facts["provenance"]),
    )


def _write_tables(folder: Path, saved: SavedBeat) -> None:
    beats = {saved.name: saved.beat, **saved.compared}
    spread = saved.index_intervals()
    head = ["name", "quantity", "unit", *beats, "draws_5_percent", "draws_95_percent"]
    rows: list[list[Any]] = [head if spread else head[:-2]]
    for name in index_rows(saved.beat):
        label = index_label(name)
        values = [f"{float(getattr(beat.indices, name)):.8g}" for beat in beats.values()]
        limits = [f"{value:.8g}" for value in spread.get(name, ())]
        rows.append([name, label.label, label.unit, *values, *limits])
    write_csv(folder / "indices.csv", rows)
    spread = saved.parameter_intervals()
    head = ["name", "symbol", "meaning", "unit", *beats, "draws_5_percent", "draws_95_percent"]
    rows = [head if spread else head[:-2]]
    for name, parameter in PARAMETERS.items():
        values = [f"{float(getattr(beat.circulation, name)):.8g}" for beat in beats.values()]
        low_high = spread.get(name, ())
        limits = [f"{value:.8g}" for value in low_high] or [""] * (2 if spread else 0)
        rows.append([name, parameter.symbol, parameter.meaning, parameter.unit, *values, *limits])
    write_csv(folder / "parameters.csv", rows)
    waves = np.stack([getattr(saved.beat, name) for name in WAVEFORMS], axis=1)
    table = [[f"{value:.8g}" for value in row] for row in waves]
    write_csv(folder / "waveforms.csv", [list(WAVEFORMS), *table])
