"""NPZ archives: potentials under names that end in their unit (``heart_potentials_mV``)."""

import zipfile
from collections.abc import Sequence

import numpy as np

from ..._checks import check_file
from ..._errors import FileFormatError
from ..._files import atomic_path
from ..._foreign import MAX_INFLATION, foreign_parser
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
        headers = _headers(archive, path)
        endings = tuple(f"_{u}" for u in UNITS)
        plain = [
            k for k, (shape, kind) in headers.items() if kind in "fiu" and len(shape) in (1, 2)
        ]
        wanted = [k for k in plain if k.endswith(endings) and len(headers[k][0]) == 2]
        name = pick(path, wanted, key, plain)
        values = np.atleast_2d(_load(archive, name))
        names = [k for k in _NAME_KEYS if headers.get(k, ((), ""))[1] == "U"]
        labels = [str(text) for text in _load(archive, names[0]).ravel()] if names else None
        scalars = {
            k: float(_load(archive, k))
            for k in ("fs_hz", "rate_hz", "start_ms")
            if k in plain or headers.get(k, ((1,), ""))[0] == ()
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


def _headers(archive: zipfile.ZipFile, path: PathLike) -> dict[str, tuple[tuple[int, ...], str]]:
    headers = {}
    for info in archive.infolist():
        if not info.filename.endswith(".npy"):
            continue
        if info.file_size > MAX_INFLATION * max(info.compress_size, 1) + 1024:
            raise FileFormatError(
                f"{path}: {info.filename}",
                found=f"{info.file_size} bytes claimed in {info.compress_size}",
                expected="a size that the archive can hold",
            )
        with archive.open(info) as member:
            version = np.lib.format.read_magic(member)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read(member)
            # NumPy allocates what the header claims before it reads: check the claim first.
            claimed = int(dtype.itemsize)
            for length in shape:
                claimed *= int(length)
            if dtype.hasobject or claimed != info.file_size - member.tell():
                raise FileFormatError(
                    f"{path}: {info.filename}",
                    found="Python objects" if dtype.hasobject else f"shape {shape} of {dtype}",
                    expected="plain numbers or text filling exactly the "
                    f"{info.file_size - member.tell()} bytes of the member",
                )
        headers[info.filename[:-4]] = (tuple(int(n) for n in shape), dtype.kind)
    return headers


def _load(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(f"{name}.npy") as member:
        return np.lib.format.read_array(member, allow_pickle=False)
