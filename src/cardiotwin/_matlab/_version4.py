"""Version 4: a header of five numbers before every matrix (MathWorks, "MAT-File Format")."""

import struct

import numpy as np

from ._variables import MatlabVariables

_DTYPES = ("f8", "f4", "i4", "i2", "u2", "u1")
_FULL, _TEXT = 0, 1
_HEADER = 20


def is_version4(head: bytes) -> bool:
    """Tell by the first number, the code M0PT of the machine, precision and kind of matrix."""
    return len(head) >= _HEADER and _order(head) is not None


def read_version4(data: bytes, found: MatlabVariables) -> None:
    """Hand every full, real matrix and every text of the file to ``found``.

    Raises:
        ValueError: the file is damaged; the message tells the offset.
    """
    at = 0
    while at < len(data):
        order = _order(data[at : at + 4])
        if order is None or at + _HEADER > len(data):
            raise ValueError(f"no header of a matrix at {at}")
        code, rows, columns, has_imaginary, name_length = struct.unpack_from(f"{order}5i", data, at)
        start = at + _HEADER + name_length
        dtype = np.dtype(order + _DTYPES[code // 10 % 10])
        size = rows * columns
        end = start + size * dtype.itemsize * (2 if has_imaginary else 1)
        if min(rows, columns, name_length) < 0 or end > len(data):
            raise ValueError(f"{rows} × {columns} numbers announced at {at}, {len(data)} bytes")
        label = data[at + _HEADER : start].split(b"\0")[0].decode("latin-1")
        found.visit(label, 0)
        kind = code % 10
        if kind not in (_FULL, _TEXT) or has_imaginary:
            found.pass_over(label, "it is sparse or complex")
        else:
            values = np.frombuffer(data, dtype, size, start)
            if kind == _TEXT:
                letters = "".join(map(chr, values.astype(np.uint8)))
                found.add_text(label, letters, (rows, columns))
            else:
                found.claim(label, values.nbytes)
                native = values.astype(dtype.newbyteorder("="))
                found.add_array(label, native.reshape((rows, columns), order="F"))
        at = end


def _order(head: bytes) -> str | None:
    """Return the byte order of a header, None if it is none; VAX and Cray are not supported."""
    if len(head) < 4:
        return None
    for order, machine in (("<", 0), (">", 1)):
        code = struct.unpack_from(f"{order}i", head)[0]
        thousands, rest = divmod(code, 1000)
        if thousands == machine and rest < 100 and rest // 10 < len(_DTYPES) and rest % 10 <= 2:
            return order
    return None
