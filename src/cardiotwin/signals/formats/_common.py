"""What all readers share: units and rates that are stated, gaps that are told."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..._errors import FileFormatError, InputError, UnitError
from ..._types import PathLike
from .._recording import Recording
from .._units import UNITS, UNITS_PER_VOLT, check_unit, conversion_factor, recognize_unit


def settle_unit(
    path: PathLike, stated: Sequence[str | None], given: str | None
) -> tuple[str, np.ndarray]:
    """Return (unit, factors): one unit for all channels and the factor of each channel.

    Args:
        path: file, for messages.
        stated: unit of each channel as the file spells it; None or "" where it says nothing.
        given: unit that the caller states, or None.
    """
    if given is not None:
        check_unit(given)
    known = [recognize_unit(text) if text else None for text in stated]
    silent = sorted({repr(text) for text, unit in zip(stated, known, strict=True) if not unit})
    if None in known and given is None:
        raise UnitError(
            f"{path}: unit",
            found="no unit" if silent in (["None"], ["''"]) else "units " + ", ".join(silent),
            expected="one of " + ", ".join(UNITS),
            advice="Pass unit=…; it is never guessed.",
        )
    units = [unit or given for unit in known]
    target = str(next((unit for unit in known if unit), given))
    kinds = {"electric" if unit in UNITS_PER_VOLT else unit for unit in units}
    if len(kinds) > 1:
        raise UnitError(
            f"{path}: unit",
            found="channels in " + ", ".join(sorted({str(unit) for unit in units})),
            expected="channels of one quantity",
            advice="Pass channels=[…] with the names of those you want.",
        )
    if given is not None and any(unit and unit != given for unit in known):
        raise UnitError(
            f"{path}: unit",
            found=f"unit={given!r} for a file that says {target!r}",
            expected="the unit of the file, or none",
            advice=f"Leave unit out and convert with recording.in_unit({given!r}).",
        )
    return target, np.array([conversion_factor(str(u), target) for u in units])


def settle_rate(path: PathLike, stated: float | None, given: float | None) -> float:
    """Return the sampling rate that the file or the caller states; a contradiction is refused."""
    if stated is not None and not (np.isfinite(stated) and 0 < stated < 1e12):
        raise FileFormatError(
            f"{path}: rate", found=f"{stated:g} Hz", expected="a positive sampling rate"
        )
    if stated is None and given is None:
        raise InputError(
            f"{path}: rate_hz",
            found="no sampling rate",
            expected="a rate in Hz from the file or from the caller",
            advice="Pass rate_hz=….",
        )
    if stated is not None and given is not None and abs(given / stated - 1) > 1e-6:
        raise InputError(
            f"{path}: rate_hz",
            found=f"rate_hz={given:g} for a file that says {stated:g} Hz",
            expected="the rate of the file, or none",
            advice="Leave rate_hz out; recording.with_samples(recording.samples, rate_hz=…) "
            "overrides a wrong file.",
        )
    return float(given if stated is None else stated)  # type: ignore[arg-type]


def orient(
    path: PathLike, matrix: np.ndarray, n_channels: int | None, notes: list[str]
) -> np.ndarray:
    """Return the matrix as channels × samples; rows are channels unless ``n_channels`` differs."""
    rows, columns = matrix.shape
    if n_channels is None or rows == n_channels:
        if n_channels is None:
            notes.append(f"rows of the {rows} × {columns} matrix taken as channels")
        return matrix
    if columns == n_channels:
        notes.append(f"columns of the {rows} × {columns} matrix taken as channels")
        return matrix.T
    raise InputError(
        "n_channels",
        found=f"{n_channels} for a {rows} × {columns} matrix in {path}",
        expected=f"{rows} or {columns}",
    )


def distinct(names: Sequence[str], notes: list[str]) -> list[str]:
    """Return the names with repeats and blanks made different, and note it."""
    seen: set[str] = set()
    result = []
    for i, raw in enumerate(names):
        name = base = " ".join(str(raw).split()) or str(i + 1)
        count = 1
        while name in seen:
            count += 1
            name = f"{base} ({count})"
        seen.add(name)
        result.append(name)
        if name != str(raw).strip():
            notes.append(f"channel {i + 1} named {name!r}")
    return result


def make_recording(
    path: PathLike,
    values: np.ndarray,
    *,
    rate_hz: float,
    unit: str,
    names: Sequence[str] | None = None,
    start_ms: float = 0.0,
    notes: Sequence[str] = (),
    factors: np.ndarray | None = None,
) -> Recording:
    """Return a Recording of values × factors; gaps are bridged in time and told as missing."""
    with np.errstate(invalid="ignore", over="ignore"):
        values = np.asarray(values, dtype=np.float64)
        if factors is not None:
            values = values * factors[:, None]
    if values.ndim != 2 or not values.size:
        raise FileFormatError(
            str(path),
            found=f"signals of shape {values.shape}",
            expected="at least one channel and one sample",
        )
    remarks = list(notes)
    labels = distinct(names, remarks) if names is not None else None
    holes = ~np.isfinite(values)
    gaps = np.flatnonzero(holes.any(axis=1))
    if gaps.size:
        values = values.copy()
        at = np.arange(values.shape[1])
        for row in gaps:
            good = ~holes[row]
            known = values[row, good]
            values[row] = np.interp(at, at[good], known) if known.size else 0.0
    ids = labels or [str(i + 1) for i in range(len(values))]
    for row in gaps:
        remarks.append(f"{int(holes[row].sum())} absent samples of {ids[row]} bridged in time")
    try:
        missing = [ids[row] for row in gaps]
        return Recording(values, rate_hz, unit, labels, start_ms, missing, remarks)
    except UnitError:
        raise
    except InputError as error:
        raise FileFormatError(
            f"{path}: {error.where}",
            found=error.found,
            expected=error.expected,
            advice=error.advice,
        ) from error


def pick(path: PathLike, candidates: Sequence[str], key: str | None, everything: Sequence[str]):
    """Return the one array to read: ``key``, or the only candidate; otherwise list them."""
    if key is not None:
        if key in everything:
            return key
        raise InputError(
            "key",
            found=repr(key),
            expected=f"one of the arrays of {Path(path).name}: " + ", ".join(everything),
        )
    if len(candidates) == 1:
        return candidates[0]
    raise InputError(
        "key",
        found=f"{len(candidates)} arrays of {Path(path).name} that could be signals",
        expected="one",
        advice="Pass key=…, one of: " + ", ".join(candidates or everything),
    )
