"""One verb to read and one to write, by the ending of the file's name."""

from collections.abc import Sequence
from pathlib import Path

from ..._checks import check_file
from ..._errors import FileFormatError, InputError, UnitError
from ..._types import PathLike
from .._recording import Recording
from .._units import UNITS
from ._edf import read_edf
from ._igb import read_dat, read_igb, write_igb
from ._matlab import read_matlab
from ._npz import read_npz, write_npz
from ._text import read_ascii, read_csv, write_csv
from ._wfdb import read_wfdb

_READABLE = (".hea", ".dat", ".csv", ".edf", ".bdf", ".mat", ".igb", ".txt", ".asc", ".npz")
_WRITABLE = {".csv": write_csv, ".npz": write_npz, ".igb": write_igb}


def read_recording(
    path: PathLike,
    *,
    unit: str | None = None,
    rate_hz: float | None = None,
    key: str | None = None,
    channels: Sequence[str] | None = None,
    n_channels: int | None = None,
) -> Recording:
    """Read a recording in the format that the ending of the file's name tells.

    ``.hea`` (WFDB), ``.dat`` (WFDB beside a ``.hea``, else openCARP), ``.csv``, ``.edf``,
    ``.bdf``, ``.mat``, ``.igb``, ``.npz``, and ``.txt`` or ``.asc`` for the plain matrices of
    the PhysioNet/CinC Challenge 2007.

    Args:
        path: the file.
        unit: "V", "mV", "uV", "mmHg" or "normalized", where the file does not state it.
        rate_hz: sampling rate in Hz, where the file does not state it.
        key: name of the array inside ``.npz`` and ``.mat`` files that hold several.
        channels: names of the channels to keep; all of them when left out.
        n_channels: number of channels of formats that do not tell rows from columns.

    Returns:
        The recording; ``notes`` tells what was inferred or repaired.

    Raises:
        FileFormatError: unknown ending, or a malformed, truncated or hostile file.
        UnitError: no unit is stated, or the caller contradicts the file.
        InputError: no rate is stated, or no or several arrays could be meant.

    >>> import tempfile, pathlib
    >>> from cardiotwin.signals import Recording, read_recording, write_recording
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "beat.csv"
    >>> write_recording(path, Recording([[0.0, 0.25, 0.5]], 500, "mV", names=["V1"]))
    >>> read_recording(path)
    Recording(1 channels, 3 samples at 500 Hz, mV)
    """
    path = check_file(path)
    ending = path.suffix.lower()
    if ending == ".dat" and path.with_suffix(".hea").exists():
        ending = ".hea"
    common: dict = {"unit": unit, "rate_hz": rate_hz}
    if ending == ".npz":
        return read_npz(path, **common, key=key, channels=channels, n_channels=n_channels)
    if ending == ".mat":
        return read_matlab(path, **common, key=key, channels=channels, n_channels=n_channels)
    _refuse_key(path, key)
    if ending in (".hea", ".edf", ".bdf", ".csv"):
        read = {".hea": read_wfdb, ".csv": read_csv}.get(ending, read_edf)
        recording = read(path, **common, channels=channels)
        return _check_n_channels(path, recording, n_channels if channels is None else None)
    if ending == ".igb":
        recording = _check_n_channels(path, read_igb(path, **common), n_channels)
    elif ending in (".dat", ".txt", ".asc"):
        _require(path, unit, rate_hz, n_channels)
        read_text = read_dat if ending == ".dat" else read_ascii
        recording = read_text(path, **common, n_channels=n_channels)  # type: ignore[arg-type]
    else:
        raise FileFormatError(
            str(path), found=f"ending {ending!r}", expected="one of " + ", ".join(_READABLE)
        )
    return recording if channels is None else recording.select(channels)


def write_recording(path: PathLike, recording: Recording) -> None:
    """Write a recording as CSV, NPZ or IGB, by the ending of the name.

    The file appears whole or not at all. IGB keeps 32 bits and no names; `write_igb` can keep 64.

    Raises:
        FileFormatError: another ending.
    """
    ending = Path(path).suffix.lower()
    if ending not in _WRITABLE:
        raise FileFormatError(
            str(path), found=f"ending {ending!r}", expected="one of " + ", ".join(_WRITABLE)
        )
    _WRITABLE[ending](path, recording)


def _refuse_key(path: Path, key: str | None) -> None:
    if key is not None:
        raise InputError(
            "key",
            found=repr(key),
            expected=f"none for {path.suffix} files",
            advice="Only .npz and .mat hold several arrays; use channels=[…] for channels.",
        )


def _check_n_channels(path: Path, recording: Recording, n_channels: int | None) -> Recording:
    if n_channels is not None and recording.n_channels != n_channels:
        raise InputError(
            "n_channels",
            found=str(n_channels),
            expected=f"{recording.n_channels}, as {path.name} says",
        )
    return recording


def _require(path: Path, unit: str | None, rate_hz: float | None, n_channels: int | None) -> None:
    if unit is None:
        raise UnitError(
            f"{path}: unit",
            found="no unit",
            expected="one of " + ", ".join(UNITS),
            advice="Pass unit=…; it is never guessed.",
        )
    for name, value in (("rate_hz", rate_hz), ("n_channels", n_channels)):
        if value is None:
            raise InputError(
                f"{path}: {name}",
                found="nothing",
                expected=f"{name}, which the format does not hold",
                advice=f"Pass {name}=….",
            )
