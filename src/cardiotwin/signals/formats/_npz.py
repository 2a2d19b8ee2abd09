"""NPZ archives: potentials under names that end in their unit (``heart_potentials_mV``)."""

import zipfile
from collections.abc import Sequence

import numpy as np

from ..._checks import check_file
from ..._files import atomic_path
from ..._foreign import foreign_parser
from ..._npz import npy_header, read_npy
from ..._types import PathLike
from .._recording import Recording
from .._units import UNITS
from ._common import (
    make_recording,
    orient,
    pick,
    settle_rate,
    settle_unit,
)

_NAME_KEYS = ("names", "leads", "channels")


def read_npz(
    path: PathLike,
    *,
    unit: str | None = None,
    rate_hz: float | None = None,
    key: str | None = None,
    channels: Sequence[str] | None = None,
    n_channels: int | None = None,
) -> Recording:
    """Read one array of an NPZ archive as a recording.

    The unit is the ending of the array's name (``_mV``, ``_uV``, ``_V``, ``_mmHg``,
    ``_normalized``), the rate a scalar ``fs_hz`` or ``rate_hz``. Rows are channels, unless a
    list of names in the archive or ``n_channels`` fits the columns only.

    Args:
        path: the archive.
        unit: unit of the values, needed where the name does not state it.
        rate_hz: sampling rate in Hz, needed where the archive does not state it.
        key: name of the array; needed where several could be meant.
        channels: names of the channels to keep.
        n_channels: number of channels, to tell rows from columns.

    Returns:
        The recording; its notes tell what was inferred.

    Raises:
        FileFormatError: not an archive of plain arrays, truncated, or with false sizes.
        InputError: no or several arrays fit (all are listed), or no rate is stated.
        UnitError: no unit is stated.
    """
    path = check_file(path)
    with foreign_parser(path, "NPZ"), zipfile.ZipFile(path) as archive:
        members = {
            member.filename[:-4]: member
            for member in archive.infolist()
            if member.filename.endswith(".npy")
        }
        headers = {k: npy_header(archive, member, path) for k, member in members.items()}
        endings = tuple(f"_{u}" for u in UNITS)
        plain = [
            k
            for k, (shape, dtype) in headers.items()
            if dtype.kind in "fiu" and len(shape) in (1, 2)
        ]
        wanted = [k for k in plain if k.endswith(endings) and len(headers[k][0]) == 2]
        name = pick(path, wanted, key, plain)
        values = np.atleast_2d(read_npy(archive, members[name], path))
        names = [k for k in _NAME_KEYS if k in headers and headers[k][1].kind == "U"]
        labels = (
            [str(text) for text in read_npy(archive, members[names[0]], path).ravel()]
            if names
            else None
        )
        scalars = {
            k: float(read_npy(archive, members[k], path))
            for k in ("fs_hz", "rate_hz", "start_ms")
            if k in plain or (k in headers and headers[k][0] == ())
        }
    notes: list[str] = []
    if labels is not None and len(labels) not in values.shape:
        notes.append(f"{names[0]} ({len(labels)}) do not fit {name} and were left out")
        labels = None
    if n_channels is None and labels is not None:
        n_channels = len(labels)
    values = orient(path, values, n_channels, notes)
    stated = next((u for u in UNITS if name.endswith(f"_{u}")), None)
    final, _ = settle_unit(path, [stated], unit)
    rate = settle_rate(path, scalars.get("fs_hz", scalars.get("rate_hz")), rate_hz)
    recording = make_recording(
        path,
        values,
        rate_hz=rate,
        unit=final,
        names=labels,
        start_ms=scalars.get("start_ms", 0.0),
        notes=notes,
    )
    return recording if channels is None else recording.select(channels)


def write_npz(path: PathLike, recording: Recording) -> None:
    """Write a recording as an NPZ archive that `read_npz` reads back without being told more."""
    arrays = {
        f"samples_{recording.unit}": recording.samples,
        "names": np.array(recording.names),
        "fs_hz": np.array(recording.rate_hz),
        "start_ms": np.array(recording.start_ms),
    }
    with atomic_path(path) as temporary, open(temporary, "wb") as handle:
        np.savez_compressed(handle, **arrays)  # type: ignore[arg-type]
