"""Text: the plain matrices of the PhysioNet/CinC Challenge 2007, and CSV with a header."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..._checks import check_choice, check_count, check_file
from ..._errors import FileFormatError, InputError
from ..._files import atomic_path
from ..._foreign import foreign_parser
from ..._types import PathLike
from .._recording import Recording
from .._units import recognize_unit
from ._common import make_recording, orient, settle_rate, settle_unit

_MS_PER_UNIT = {"ms": 1.0, "s": 1000.0, "sec": 1000.0, "seconds": 1000.0, "us": 1e-3}
_TIME = re.compile(r"^(time|times|t)(?:[\s_]*[(\[]?\s*([a-zµ]+)\s*[)\]]?)?$", re.IGNORECASE)
_BRACKETED = re.compile(r"^(.*?)\s*[(\[]\s*([^()\[\]]+?)\s*[)\]]$")
_SUFFIXED = re.compile(r"^(.+)_(V|mV|uV|mmHg|normalized)$")


def read_ascii(
    path: PathLike,
    *,
    unit: str,
    rate_hz: float,
    n_channels: int | None = None,
    rows: str | None = None,
) -> Recording:
    """Read a plain matrix of numbers, the form of the PhysioNet/CinC Challenge 2007.

    Args:
        path: text of equally long lines of numbers.
        unit: unit of the values; the format does not hold one.
        rate_hz: sampling rate in Hz; the format does not hold one.
        n_channels: number of leads, to tell rows from columns.
        rows: "channels" or "samples", instead of ``n_channels`` or where both sides are equal.

    Raises:
        FileFormatError: text that is not a matrix of numbers.
        InputError: neither ``n_channels`` nor ``rows`` decides.
    """
    path = check_file(path)
    matrix = load_matrix(path, delimiter=None)
    notes: list[str] = []
    if rows is not None:
        values = (
            matrix
            if check_choice(rows, "rows", ["channels", "samples"]) == "channels"
            else matrix.T
        )
        if n_channels is not None and len(values) != n_channels:
            raise InputError(
                "n_channels",
                found=str(n_channels),
                expected=f"{len(values)}, as rows={rows!r} says",
            )
    elif n_channels is None or matrix.shape == (n_channels, n_channels):
        raise InputError(
            "n_channels",
            found=f"{n_channels} for a {matrix.shape[0]} × {matrix.shape[1]} matrix in {path}",
            expected="what tells leads from samples",
            advice="Pass n_channels=…, or rows='channels' or rows='samples'.",
        )
    else:
        values = orient(path, matrix, check_count(n_channels, "n_channels"), notes)
    final, _ = settle_unit(path, [None], unit)
    rate = settle_rate(path, None, rate_hz)
    return make_recording(path, values, rate_hz=rate, unit=final, notes=notes)


def read_csv(
    path: PathLike,
    *,
    unit: str | None = None,
    rate_hz: float | None = None,
    channels: Sequence[str] | None = None,
) -> Recording:
    """Read a CSV table: a header of names, one row a sample, comma, semicolon or tab.

    A first column ``time_ms``, ``time (s)``, ``t [us]`` … gives rate and start. Units stand
    behind the names, ``I_mV`` or ``I (mV)``, or in a comment line ``# unit: mV`` before the
    header. Empty cells are gaps: bridged in time, and their channels listed as missing.

    Args:
        path: the file.
        unit: unit of the values, needed where the file does not state it.
        rate_hz: sampling rate in Hz, needed where no time column with a unit gives it.
        channels: names of the channels to keep.

    Raises:
        FileFormatError: no header, lines of unequal length, text among the numbers, times that
            are not evenly spaced.
        InputError: no rate is stated. UnitError: no unit is stated.
    """
    path = check_file(path)
    with foreign_parser(path, "CSV"):
        remarks, names, delimiter, skip = _csv_header(path)
    matrix = load_matrix(path, delimiter=delimiter, skip=skip)
    if matrix.shape[1] != len(names):
        raise FileFormatError(
            f"{path}: header",
            found=f"{len(names)} names over {matrix.shape[1]} columns",
            expected="one name a column",
        )
    stated_rate, start = _float(remarks, "rate_hz", path), _float(remarks, "start_ms", path)
    notes: list[str] = []
    match = _TIME.match(names[0])
    if match:
        names, times, matrix = names[1:], matrix[:, 0], matrix[:, 1:]
        scale = _MS_PER_UNIT.get((match[2] or "").lower())
        if scale is not None:
            measured, start = _clock(times * scale, path)
            stated_rate = stated_rate or measured
        elif rate_hz is None and stated_rate is None:
            raise InputError(
                f"{path}: {match[0]}",
                found="a time column without a unit",
                expected="time_ms, time_s or time_us",
                advice="Rename the column, or pass rate_hz=….",
            )
        else:
            notes.append("time column without a unit left out")
    labels, units = _split_units(names, remarks.get("unit"))
    if channels is not None:
        from .._recording import find_names

        keep = find_names(list(channels), labels, "channels")
        matrix = matrix[:, keep]
        labels, units = [labels[i] for i in keep], [units[i] for i in keep]
    if not labels:
        raise FileFormatError(str(path), found="no column of signals", expected="at least one")
    final, factors = settle_unit(path, units, unit)
    return make_recording(
        path,
        matrix.T,
        factors=factors,
        rate_hz=settle_rate(path, stated_rate, rate_hz),
        unit=final,
        names=labels,
        start_ms=start or 0.0,
        notes=notes,
    )


def write_csv(path: PathLike, recording: Recording) -> None:
    """Write a recording as CSV: comment lines with unit, rate and start, then time and channels.

    Numbers carry 17 significant digits: reading the file back gives the same values.

    Raises:
        InputError: a channel name that holds a comma, a quote or a line break.
    """
    bad = [
        name for name in recording.names if re.search(r'[,;\t"\r\n]', name) or name != name.strip()
    ]
    if bad or recording.names[0].startswith("#"):
        raise InputError(
            "names",
            found=repr((bad or recording.names)[0]),
            expected="names without separators, quotes, outer blanks or a leading #",
        )
    head = (
        f"# unit: {recording.unit}\n# rate_hz: {recording.rate_hz!r}\n"
        f"# start_ms: {recording.start_ms!r}\n" + ",".join(["time_ms", *recording.names]) + "\n"
    )
    table = np.column_stack([recording.times_ms, recording.samples.T])
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as handle:
        handle.write(head)
        np.savetxt(handle, table, fmt="%.17g", delimiter=",")


def load_matrix(path: Path, *, delimiter: str | None, skip: int = 0) -> np.ndarray:
    """Return a rectangular (n_lines, n_columns) matrix of numbers; empty CSV cells are NaN."""
    options = {"delimiter": delimiter, "skiprows": skip, "ndmin": 2, "encoding": "utf-8"}
    with foreign_parser(path, "a table of numbers"), warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return np.loadtxt(path, comments="#", **options)  # type: ignore[arg-type]
        except ValueError:
            if delimiter is None:
                raise
            return np.loadtxt(path, comments="#", converters=_cell, **options)  # type: ignore[arg-type]


def _cell(text: str) -> float:
    return float(text) if text.strip() else np.nan


def _csv_header(path: Path) -> tuple[dict[str, str], list[str], str, int]:
    remarks: dict[str, str] = {}
    with open(path, encoding="utf-8-sig") as handle:
        for count, line in enumerate(handle, start=1):  # noqa: B007
            if line.startswith("#"):
                key, _, value = line[1:].partition(":")
                remarks[key.strip().lower()] = value.strip()
            elif line.strip():
                break
        else:
            raise FileFormatError(str(path), found="no header line", expected="names of columns")
    delimiter = max(",;\t", key=line.count)
    names = [name.strip().strip('"') for name in line.rstrip("\r\n").split(delimiter)]
    if any(_is_number(name) for name in names[1:] or names) and all(map(_is_number, names)):
        raise FileFormatError(
            f"{path}: line {count}",
            found="numbers where the names of the columns should be",
            expected="a header line of names",
            advice="Add a header, or use read_ascii for a plain matrix.",
        )
    return remarks, names, delimiter, count


def _split_units(names: list[str], common: str | None) -> tuple[list[str], list[str | None]]:
    labels: list[str] = []
    units: list[str | None] = []
    for name in names:
        match = _BRACKETED.match(name) or _SUFFIXED.match(name)
        known = match is not None and recognize_unit(match[2]) is not None
        labels.append(match[1] if match and known else name)
        units.append(match[2] if match and known else common)
    return labels, units


def _clock(times_ms: np.ndarray, path: PathLike) -> tuple[float, float]:
    n = len(times_ms)
    span = times_ms[-1] - times_ms[0] if n else 0.0
    even = np.isfinite(times_ms).all() and n > 1 and span > 0
    if even:
        off = np.abs(times_ms - np.linspace(times_ms[0], times_ms[-1], n)).max()
        even = off <= 0.1 * span / (n - 1)
    if not even:
        raise FileFormatError(
            f"{path}: time",
            found="fewer than two times, or times that are not evenly spaced",
            expected="one sampling rate",
            advice="Resample the signals onto even times first.",
        )
    rate = 1000.0 * (n - 1) / span
    # Times printed with few digits: a rate within a millionth of a whole number is that number.
    whole = round(rate)
    return (float(whole) if whole and abs(rate / whole - 1) < 1e-6 else rate), float(times_ms[0])


def _float(remarks: dict[str, str], key: str, path: PathLike) -> float | None:
    if key not in remarks:
        return None
    if not _is_number(remarks[key]):
        raise FileFormatError(f"{path}: {key}", found=remarks[key][:40], expected="a number")
    return float(remarks[key])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
