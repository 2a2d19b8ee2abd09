"""EDF, EDF+ and BDF, through the edfio package."""

from collections.abc import Sequence

import numpy as np

from ..._checks import check_file
from ..._errors import FileFormatError, MissingDependencyError
from ..._foreign import foreign_parser
from ..._types import PathLike
from .._recording import Recording, find_names
from ._common import distinct, make_recording, settle_rate, settle_unit


def read_edf(
    path: PathLike,
    *,
    unit: str | None = None,
    rate_hz: float | None = None,
    channels: Sequence[str] | None = None,
) -> Recording:
    """Read an EDF or EDF+ file; annotations are left out.

    Args:
        path: the file.
        unit: unit of the values, needed where the file does not state it.
        rate_hz: sampling rate in Hz; may only repeat what the file states.
        channels: labels of the signals to keep, needed where rates or quantities are mixed.

    Raises:
        FileFormatError: malformed or truncated, or signals of different rates.
        UnitError: no unit is stated, or signals of several quantities.
        MissingDependencyError: the package edfio is not installed.
    """
    path = check_file(path)
    try:
        import edfio
    except ImportError:
        raise MissingDependencyError(
            "Reading EDF needs the package edfio: pip install 'cardiotwin[io]'"
        ) from None
    notes: list[str] = []
    with foreign_parser(path, "EDF"):
        read = edfio.read_bdf if path.suffix.lower() == ".bdf" else edfio.read_edf
        # All bytes are in memory first, so that sizes claimed by the header meet their match;
        # Latin-1, because many devices write µV where the standard allows only ASCII.
        edf = read(path.read_bytes(), header_encoding="latin-1")
        signals = list(edf.signals)
        labels = distinct([signal.label for signal in signals], notes)
        if not signals:
            raise FileFormatError(str(path), found="no signals", expected="at least one")
        if channels is not None:
            rows = find_names(list(channels), labels, "channels")
            signals, labels = [signals[i] for i in rows], [labels[i] for i in rows]
        rates = [float(signal.sampling_frequency) for signal in signals]
        if len(set(rates)) > 1:
            listed = ", ".join(f"{n} {r:g} Hz" for n, r in zip(labels, rates, strict=True))
            raise FileFormatError(
                str(path),
                found=f"signals of different rates ({listed[:200]})",
                expected="one rate",
                advice="Pass channels=[…] with labels that share one.",
            )
        values = np.stack([np.asarray(signal.data, dtype=np.float64) for signal in signals])
        units = [signal.physical_dimension for signal in signals]
    final, factors = settle_unit(path, units, unit)
    return make_recording(
        path,
        values,
        factors=factors,
        rate_hz=settle_rate(path, rates[0], rate_hz),
        unit=final,
        names=labels,
        notes=notes,
    )
