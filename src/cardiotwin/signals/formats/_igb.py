"""openCARP's IGB: 1024 bytes of ``key:value`` words, then all nodes instant by instant."""

import os

import numpy as np

from ..._checks import check_choice, check_file
from ..._errors import FileFormatError
from ..._files import atomic_path
from ..._foreign import foreign_parser
from ..._types import PathLike
from .._recording import Recording
from ._common import make_recording, settle_rate, settle_unit

_HEADER_BYTES = 1024
_TYPES = {
    "byte": "u1",
    "char": "i1",
    "short": "i2",
    "ushort": "u2",
    "int": "i4",
    "uint": "u4",
    "float": "f4",
    "double": "f8",
}
_ORDERS = {"little_endian": "<", "big_endian": ">"}
_MS_PER_UNIT = {"ms": 1.0, "s": 1000.0, "us": 1e-3}


def read_igb(path: PathLike, *, unit: str | None = None, rate_hz: float | None = None) -> Recording:
    """Read an openCARP ``.igb`` file: one channel a node, one sample a time slice.

    Sample (node i, instant j) is number j·x·y·z + i after the header. The time step is
    ``inc_t``, or ``dim_t``/(t − 1), in the unit ``unites_t``.

    Args:
        path: the file.
        unit: unit of the values, needed where ``unites`` does not state one of ours.
        rate_hz: sampling rate in Hz, needed where the header has no time step with its unit.

    Returns:
        The recording, named "1" … "n" in node order.

    Raises:
        FileFormatError: a header that lacks x or type, a payload of another size than the
            header claims, a vector type, or scaled values (``facteur``, ``zero``).
        InputError: no rate is stated. UnitError: no unit is stated.
    """
    path = check_file(path)
    with foreign_parser(path, "IGB"), open(path, "rb") as handle:
        header = _parse_header(handle.read(_HEADER_BYTES), path)
        payload = os.fstat(handle.fileno()).st_size - _HEADER_BYTES
        n_nodes, n_times, dtype = _layout(header, path)
        expected = n_nodes * n_times * dtype.itemsize
        if payload != expected:
            raise FileFormatError(
                str(path),
                found=f"{max(payload, 0)} bytes after the header",
                expected=f"{expected} bytes ({n_nodes} nodes × {n_times} instants of "
                f"{dtype.itemsize} bytes)",
                advice="The simulation may have been interrupted while it wrote.",
            )
        values = np.fromfile(handle, dtype=dtype).reshape(n_times, n_nodes).T
    step, start = _clock(header, path, n_times)
    final, _ = settle_unit(path, [header.get("unites")], unit)
    rate = settle_rate(path, None if step is None else 1000.0 / step, rate_hz)
    return make_recording(path, values, rate_hz=rate, unit=final, start_ms=start)


def write_igb(path: PathLike, recording: Recording, *, precision: str = "float") -> None:
    """Write a recording as little-endian IGB, as ``"float"`` (32 bits) or ``"double"``.

    Channel names are not kept: the format has none.

    Raises:
        InputError: another precision.
    """
    kind = check_choice(precision, "precision", ["float", "double"])
    step = 1000.0 / recording.rate_hz
    n_nodes, n_times = recording.samples.shape
    words = (
        f"x:{n_nodes} y:1 z:1 t:{n_times} type:{kind} systeme:little_endian\r\n"
        f"org_t:{recording.start_ms:.17g} dim_t:{step * (n_times - 1):.17g} inc_t:{step:.17g}\r\n"
        f"unites_x:um unites_y:um unites_z:um unites_t:ms unites:{recording.unit}\r\n"
        "facteur:1 zero:0\r\n"
    )
    header = words.encode("ascii").ljust(_HEADER_BYTES - 1) + b"\x0c"
    body = np.ascontiguousarray(recording.samples.T, dtype="<" + _TYPES[kind])
    with atomic_path(path) as temporary, open(temporary, "wb") as handle:
        handle.write(header)
        handle.write(body.tobytes())


def _parse_header(block: bytes, path: PathLike) -> dict[str, str]:
    if len(block) < _HEADER_BYTES:
        raise FileFormatError(
            f"{path}: header", found=f"{len(block)} bytes", expected=f"{_HEADER_BYTES} bytes"
        )
    lines = block.rstrip(b"\x0c\x00").decode("latin-1").splitlines()
    words = " ".join(line for line in lines if not line.startswith("#")).split()
    pairs = (word.partition(":") for word in words)
    return {key: value for key, sign, value in pairs if sign and value}


def _layout(header: dict[str, str], path: PathLike) -> tuple[int, int, np.dtype]:
    x = _number(header, "x", path)
    if x is None or "type" not in header:
        raise FileFormatError(
            f"{path}: header",
            found="keys " + (", ".join(sorted(header)[:20]) or "none"),
            expected="at least x and type",
        )
    sizes = [x, *(_number(header, axis, path, 1.0) for axis in "yzt")]
    if any(size != int(size) or not 1 <= size < 2**40 for size in sizes):
        raise FileFormatError(
            f"{path}: x, y, z, t", found=f"{sizes}", expected="whole numbers of at least 1"
        )
    kind = header["type"].lower()
    if kind not in _TYPES:
        raise FileFormatError(
            f"{path}: type", found=kind[:40], expected="one of " + ", ".join(_TYPES)
        )
    order = header.get("systeme", "little_endian").lower()
    if order not in _ORDERS:
        raise FileFormatError(
            f"{path}: systeme", found=order[:40], expected="one of " + ", ".join(_ORDERS)
        )
    # Programs disagree on whether zero is added before or after the factor: not guessed.
    if _number(header, "facteur", path, 1.0) != 1 or _number(header, "zero", path, 0.0) != 0:
        raise FileFormatError(
            f"{path}: facteur, zero",
            found=f"{header.get('facteur', '1')}, {header.get('zero', '0')}",
            expected="1, 0 (values stored in their unit)",
            advice="Convert the file to unscaled floats first.",
        )
    nodes = int(sizes[0]) * int(sizes[1]) * int(sizes[2])
    return nodes, int(sizes[3]), np.dtype(_ORDERS[order] + _TYPES[kind])


def _clock(header: dict[str, str], path: PathLike, n_times: int) -> tuple[float | None, float]:
    scale = _MS_PER_UNIT.get(header.get("unites_t", ""))
    if scale is None:
        return None, 0.0
    step, span = _number(header, "inc_t", path), _number(header, "dim_t", path)
    if step is None and span is not None and n_times > 1:
        step = span / (n_times - 1)
    if step is not None and step <= 0:
        raise FileFormatError(f"{path}: inc_t", found=f"{step:g}", expected="a positive step")
    start = _number(header, "org_t", path, 0.0)
    return (None if step is None else step * scale), float(start or 0.0) * scale


def _number(
    header: dict[str, str], key: str, path: PathLike, default: float | None = None
) -> float | None:
    if key not in header:
        return default
    try:
        value = float(header[key])
        if not np.isfinite(value):
            raise ValueError
    except ValueError:
        raise FileFormatError(
            f"{path}: {key}", found=repr(header[key][:40]), expected="a number"
        ) from None
    return value


def read_dat(path: PathLike, *, n_channels: int, rate_hz: float, unit: str) -> Recording:
    """Read an openCARP ``.dat`` file: one number a line, all nodes of an instant, then the next.

    Args:
        path: the file.
        n_channels: number of nodes in each instant.
        rate_hz: sampling rate in Hz; the format does not hold one.
        unit: unit of the values; the format does not hold one.

    Raises:
        FileFormatError: text that is not one number a line, or not a whole number of instants.
    """
    from ._text import load_matrix

    path = check_file(path)
    column = load_matrix(path, delimiter=None)
    if column.shape[1] != 1 or len(column) % n_channels:
        raise FileFormatError(
            str(path),
            found=f"{column.shape[0]} lines of {column.shape[1]} numbers",
            expected=f"one number a line and a multiple of {n_channels} lines",
            advice="Use read_ascii for a matrix; check n_channels.",
        )
    final, _ = settle_unit(path, [None], unit)
    rate = settle_rate(path, None, rate_hz)
    values = column.reshape(-1, n_channels).T
    return make_recording(path, values, rate_hz=rate, unit=final)
