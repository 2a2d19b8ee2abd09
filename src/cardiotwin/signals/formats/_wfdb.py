"""WFDB records of PhysioNet (.hea and .dat), through the wfdb package."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..._checks import check_file
from ..._errors import FileFormatError, MissingDependencyError
from ..._foreign import MAX_INFLATION, foreign_parser
from ..._types import PathLike
from .._recording import Recording, find_names
from ._common import (
    distinct,
    make_recording,
    settle_rate,
    settle_unit,
)

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]*")
# FLAC packs silence so well that only a generous bound on the claim makes sense.
_COMPRESSED = {"508", "516", "524"}


def read_wfdb(
    path: PathLike,
    *,
    unit: str | None = None,
    rate_hz: float | None = None,
    channels: Sequence[str] | None = None,
) -> Recording:
    """Read a WFDB record, given its ``.hea`` or ``.dat`` file.

    Args:
        path: header or signal file; both must lie in one folder.
        unit: unit of the values, needed where the header does not state it.
        rate_hz: sampling rate in Hz; may only repeat what the header states.
        channels: names of the channels to keep, needed where quantities are mixed (mV, mmHg).

    Raises:
        FileFormatError: a malformed header, signal files outside the folder, missing or shorter
            than the header claims.
        UnitError: no unit is stated, or channels of several quantities.
        MissingDependencyError: the package wfdb is not installed.
    """
    header_path = check_file(Path(path).with_suffix(".hea"))
    wfdb = _import_wfdb()
    name = str(header_path.with_suffix(""))
    with foreign_parser(header_path, "WFDB"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _check_names(header_path)
        header: Any = wfdb.rdheader(name, rd_segments=True)
        _check_claims(header, header_path)
        record: Any = wfdb.rdrecord(name)
        values = np.asarray(record.p_signal, dtype=np.float64).T
        labels, units, rate = list(record.sig_name), list(record.units), float(record.fs)
    notes: list[str] = []
    labels = distinct(labels, notes)
    rows = (
        find_names(list(channels), labels, "channels")
        if channels is not None
        else np.arange(len(labels))
    )
    final, factors = settle_unit(header_path, [units[i] for i in rows], unit)
    return make_recording(
        header_path,
        values[rows],
        factors=factors,
        rate_hz=settle_rate(header_path, rate, rate_hz),
        unit=final,
        names=[labels[i] for i in rows],
        notes=notes,
    )


def _import_wfdb():
    try:
        with warnings.catch_warnings():
            # wfdb warns about pandas when it is imported; that is no concern of the caller.
            warnings.simplefilter("ignore")
            import wfdb
    except ImportError:
        raise MissingDependencyError(
            "Reading WFDB needs the package wfdb: pip install 'cardiotwin[io]'"
        ) from None
    return wfdb


def _check_names(header: Path) -> None:
    """Refuse file names that lead out of the folder of the header, before wfdb opens them."""
    lines = [
        line.split()
        for line in header.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    for number, words in enumerate(lines[1:], start=2):
        if not _PLAIN_NAME.fullmatch(words[0]):
            raise FileFormatError(
                f"{header}: line {number}",
                found=f"file name {words[0][:60]!r}",
                expected="a plain file name in the folder of the header",
            )
        segment = header.with_name(words[0] + ".hea")
        if len(words) == 2 and segment != header and segment.is_file():
            _check_names(segment)


def _check_claims(header: Any, path: Path) -> None:
    """Refuse sizes that the signal files cannot hold, before anything is allocated for them."""
    from wfdb.io._signal import BYTES_PER_SAMPLE

    segments = getattr(header, "segments", None)
    parts = [header] if segments is None else [part for part in segments if part is not None]
    available = 0
    for part in parts:
        files = list(part.file_name or [])
        for name in dict.fromkeys(files):
            size = check_file(path.with_name(name), "signal file").stat().st_size
            available += size
            mine = [i for i, other in enumerate(files) if other == name]
            frames = sum(int(part.samps_per_frame[i]) for i in mine) * int(part.sig_len or 0)
            fmt = str(part.fmt[mine[0]])
            if fmt in _COMPRESSED:
                needed, size = frames, MAX_INFLATION * size
            else:
                needed = int(frames * BYTES_PER_SAMPLE.get(fmt, 1)) + int(
                    part.byte_offset[mine[0]] or 0
                )
            if needed > size:
                raise FileFormatError(
                    str(path.with_name(name)),
                    found=f"{size} bytes",
                    expected=f"at least {needed} bytes, as {path.name} claims",
                    advice="The file is truncated: copy it again.",
                )
    claimed = int(header.sig_len or 0) * int(header.n_sig or 0)
    if claimed < 1 or claimed > MAX_INFLATION * max(available, 1):
        raise FileFormatError(
            str(path), found=f"{claimed} samples claimed", expected="what the signal files hold"
        )
