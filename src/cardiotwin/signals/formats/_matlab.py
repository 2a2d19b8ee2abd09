"""MATLAB files in the EDGAR manner: arrays are found by shape, and every guess is noted."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..._checks import check_file
from ..._errors import FileFormatError, MissingDependencyError
from ..._mat5 import mat5_leaves
from ..._types import PathLike
from .._recording import Recording
from .._units import recognize_unit
from ._common import (
    MAX_INFLATION,
    foreign_parser,
    make_recording,
    orient,
    pick,
    settle_rate,
    settle_unit,
)

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
    path = check_file(path)
    with open(path, "rb") as handle:
        start = handle.read(520)
    with foreign_parser(path, "MATLAB"):
        v73 = b"\x89HDF\r\n\x1a\n" in start
        leaves = dict(_read_v73(path) if v73 else _read_v5(path))
    matrices = {
        name: leaf
        for name, leaf in leaves.items()
        if isinstance(leaf, np.ndarray) and leaf.ndim == 2 and leaf.dtype.kind in "fiu"
    }
    long = [name for name, leaf in matrices.items() if min(leaf.shape) > 3]
    named = [name for name in matrices if _base(name) == _SIGNAL_NAMES[0]]
    named = named or [name for name in long if _base(name) in _SIGNAL_NAMES]
    name = pick(path, named or long, key, list(matrices))
    notes = [] if name == key else [f"signals taken from {name}"]
    values = orient(path, matrices[name].astype(np.float64), n_channels, notes)
    if n_channels is None and values.shape[0] > values.shape[1]:
        notes.append("more rows than columns: pass n_channels if rows are samples")

    beside = {k: v for k, v in leaves.items() if _parent(k) in (_parent(name), "")}
    stated_unit = stated_rate = None
    for field, leaf in beside.items():
        base = _base(field)
        if stated_unit is None and base in _UNIT_NAMES and isinstance(leaf, str):
            stated_unit = leaf.strip() or None
            notes.append(f"unit {leaf.strip()!r} taken from {field}")
        if stated_rate is None and base in _RATE_NAMES and np.size(leaf) == 1:
            if not isinstance(leaf, str):
                stated_rate = float(np.asarray(leaf).ravel()[0])
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


def _read_v5(path: Path) -> Iterator[tuple[str, Any]]:
    with open(path, "rb") as handle:
        # Version 4 begins with small integers, version 5 with text.
        version_4 = 0 in handle.read(4)
    if not version_4:
        yield from mat5_leaves(path)
        return
    from scipy.io import loadmat

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = loadmat(path)
    yield from ((k, v) for k, v in content.items() if isinstance(v, np.ndarray))


def _read_v73(path: Path) -> list[tuple[str, Any]]:
    try:
        import h5py
    except ImportError:
        raise MissingDependencyError(
            "Reading MATLAB 7.3 files needs the package h5py: pip install 'cardiotwin[io]'"
        ) from None
    found: list[tuple[str, Any]] = []
    limit = MAX_INFLATION * path.stat().st_size

    def visit(name: str, item: Any) -> None:
        if (
            not isinstance(item, h5py.Dataset)
            or name.startswith("#")
            or item.dtype.kind not in "fiu"
        ):
            return
        if item.shape is None or item.size is None:
            return
        if item.size * item.dtype.itemsize > limit:
            raise FileFormatError(
                f"{path}: {name}", found=f"shape {item.shape}", expected="what the file can hold"
            )
        array = np.asarray(item[()])
        kind = item.attrs.get("MATLAB_class", b"")
        dotted = name.replace("/", ".")
        if kind in (b"char", "char"):
            found.append((dotted, "".join(map(chr, array.ravel()))))
        else:
            # MATLAB stores columns first: HDF5 shows every array transposed.
            found.append((dotted, array.T))

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


def _base(name: str) -> str:
    return name.rpartition(".")[2].lower().replace("_", "")


def _parent(name: str) -> str:
    return name.rpartition(".")[0]
