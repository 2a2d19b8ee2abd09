"""MATLAB files in the EDGAR manner: arrays are found by shape, and every guess is noted."""

import re
from collections.abc import Sequence

import numpy as np

from ..._matlab import read_matlab_variables
from ..._types import PathLike
from .._recording import Recording
from .._units import recognize_unit
from ._common import make_recording, orient, pick, settle_rate, settle_unit

_SIGNAL_NAMES = ("potvals", "potentials", "ep", "bsp", "signals")
_RATE_NAMES = ("samplefrequency", "samplingfrequency", "samplingrate", "samplerate", "fs", "fshz")
_UNIT_NAMES = ("unit", "units")


def read_matlab(
    path: PathLike,
    *,
    unit: str | None = None,
    rate_hz: float | None = None,
    key: str | None = None,
    channels: Sequence[str] | None = None,
    n_channels: int | None = None,
) -> Recording:
    """Read potentials from a MATLAB file of any version, as EDGAR distributes them.

    The signals are the only array called ``potvals`` (at any depth of structures), or else the
    only array of two long sides. Unit and rate are taken from fields beside it (``unit``,
    ``samplefrequency``, ``fs``). Everything inferred stands in the notes of the recording.

    Args:
        path: the file, version 4 to 7.3.
        unit: unit of the values, needed where no field states it.
        rate_hz: sampling rate in Hz, needed where no field states it.
        key: dotted name of the array (``ts.potvals``), needed where several could be meant.
        channels: names of the channels to keep.
        n_channels: number of leads, to tell rows from columns.

    Raises:
        FileFormatError: not a MATLAB file, truncated, or with false sizes.
        InputError: no or several arrays fit (all are listed), or no rate is stated.
        UnitError: no unit is stated.
        MissingDependencyError: a version 7.3 file, and h5py is not installed.
    """
    variables = read_matlab_variables(path)
    arrays = {_respell(name): array for name, array in variables.arrays.items()}
    matrices = {
        name: array
        for name, array in arrays.items()
        if array.ndim == 2 and array.dtype.kind in "fiu"
    }
    long = [name for name, leaf in matrices.items() if min(leaf.shape) > 3]
    named = [name for name in matrices if _base(name) == _SIGNAL_NAMES[0]]
    named = named or [name for name in long if _base(name) in _SIGNAL_NAMES]
    name = pick(path, named or long, key, list(matrices))
    notes = [] if name == key else [f"signals taken from {name}"]
    values = orient(path, matrices[name].astype(np.float64), n_channels, notes)
    if n_channels is None and values.shape[0] > values.shape[1]:
        notes.append("more rows than columns: pass n_channels if rows are samples")

    scopes = (_parent(name), "")
    stated_unit = stated_rate = None
    for field, text in variables.texts.items():
        near = _parent(_respell(field)) in scopes
        if stated_unit is None and near and _base(field) in _UNIT_NAMES:
            stated_unit = text.strip() or None
            notes.append(f"unit {text.strip()!r} taken from {field}")
    for field, array in arrays.items():
        near = _parent(field) in scopes and array.size == 1
        if stated_rate is None and near and _base(field) in _RATE_NAMES:
            stated_rate = float(array.ravel()[0])
            notes.append(f"rate {stated_rate:g} Hz taken from {field}")
    if stated_unit is not None and recognize_unit(stated_unit) is None:
        notes.append(f"unit {stated_unit!r} not understood")
    final, factors = settle_unit(path, [stated_unit], unit)
    recording = make_recording(
        path,
        values,
        factors=np.repeat(factors, len(values)),
        rate_hz=settle_rate(path, stated_rate, rate_hz),
        unit=final,
        notes=notes,
    )
    return recording if channels is None else recording.select(channels)


def _respell(name: str) -> str:
    """Return a MATLAB path with entries counted as in Python: ``leads{1}`` is ``leads[0]``."""
    return re.sub(r"[({](\d+)[)}]", lambda match: f"[{int(match[1]) - 1}]", name)


def _base(name: str) -> str:
    return name.rpartition(".")[2].lower().replace("_", "")


def _parent(name: str) -> str:
    return name.rpartition(".")[0]
