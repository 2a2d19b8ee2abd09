"""MATLAB version 5–7.2 files, read in bounds: SciPy's reader can crash Python on altered bytes.

Layout: MathWorks, "MAT-File Format" (Level 5). Numbers, text, structures and cells are read;
sparse, object and function entries are passed over.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

Leaf = np.ndarray | str

_HEADER_BYTES = 128
_MAX_DEPTH = 16
_MAX_ELEMENTS = 100_000
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _CHAR = 1, 2, 4
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"} | {
    12: "i8",
    13: "u8",
}
_TEXT = {1: "latin-1", 2: "latin-1", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4"} | {
    14: "i8",
    15: "u8",
}
_COMPLEX_FLAG = 0x0800


class _Element(NamedTuple):
    kind: int
    data: memoryview
    end: int


def mat5_leaves(path: Path) -> Iterator[tuple[str, Leaf]]:
    """Give every numeric or text array of the file under its dotted name (``ts.potvals``).

    Elements of structure and cell arrays of several entries are numbered: ``leads[0].label``.

    Raises:
        ValueError: the bytes are not a whole MATLAB 5 file.
    """
    content = memoryview(path.read_bytes())
    mark = bytes(content[126:128])
    if len(content) < _HEADER_BYTES or mark not in (b"IM", b"MI"):
        raise ValueError("no MATLAB 5 header")
    order = "<" if mark == b"IM" else ">"
    offset = _HEADER_BYTES
    while offset < len(content):
        element = _element(content, offset, order)
        offset = element.end
        if element.kind == _COMPRESSED:
            element = _element(memoryview(zlib.decompress(element.data)), 0, order)
        if element.kind != _MATRIX:
            raise ValueError(f"data type {element.kind} where a variable should be")
        yield from _matrix(element.data, order, None, 0)


def _element(data: memoryview, offset: int, order: str) -> _Element:
    if offset + 8 > len(data):
        raise ValueError("the file ends inside a tag")
    first, size = struct.unpack_from(order + "II", data, offset)
    if first >> 16:
        kind, size, start, end = first & 0xFFFF, first >> 16, offset + 4, offset + 8
        if size > 4:
            raise ValueError(f"a small element of {size} bytes")
    else:
        kind, start = first, offset + 8
        # Compressed elements are not padded; the padding of the last one may be left out.
        padded = size if kind == _COMPRESSED else size + (-size) % 8
        end = min(start + padded, len(data))
    if start + size > len(data):
        raise ValueError(f"an element of {size} bytes where {len(data) - start} are left")
    return _Element(kind, data[start : start + size], end)


def _matrix(
    data: memoryview, order: str, name: str | None, depth: int
) -> Iterator[tuple[str, Leaf]]:
    if not len(data):
        return
    if depth > _MAX_DEPTH:
        raise ValueError("structures nested too deeply")
    flags = _element(data, 0, order)
    if flags.kind != 6 or len(flags.data) != 8:
        raise ValueError("an array without its flags")
    word = struct.unpack_from(order + "I", flags.data)[0]
    array_class = word & 0xFF
    if array_class not in (_CELL, _STRUCT, _CHAR, *_CLASSES):
        return
    sizes = _element(data, flags.end, order)
    shape = tuple(int(n) for n in _numbers(sizes, order))
    label = _element(data, sizes.end, order)
    own = bytes(label.data).decode("latin-1").rstrip("\x00")
    name = own if name is None else name
    count = 1
    for length in shape:
        count *= length
    # Nothing is larger than the bytes that are there.
    if not 2 <= len(shape) <= 32 or min(shape) < 0 or count > len(data):
        raise ValueError(f"shape {shape} of {name!r} in {len(data)} bytes")
    if array_class in (_CELL, _STRUCT):
        yield from _entries(data, label.end, order, name, count, array_class, depth)
        return
    body = _element(data, label.end, order)
    if array_class == _CHAR:
        yield name, _text(body, order, shape)
    elif not word & _COMPLEX_FLAG:
        values = _numbers(body, order)
        if values.size != count:
            raise ValueError(f"{values.size} values of {name!r} for shape {shape}")
        yield name, values.astype(_CLASSES[array_class]).reshape(shape, order="F")


def _entries(
    data: memoryview, offset: int, order: str, name: str, count: int, kind: int, depth: int
) -> Iterator[tuple[str, Leaf]]:
    fields = [""]
    if kind == _STRUCT:
        width_element = _element(data, offset, order)
        widths = _numbers(width_element, order)
        names = _element(data, width_element.end, order)
        width = int(widths[0]) if widths.size == 1 else 0
        if width <= 0 or len(names.data) % width:
            raise ValueError(f"field names of {name!r} that do not fit")
        raw = bytes(names.data)
        fields = [
            "." + raw[i : i + width].split(b"\x00")[0].decode("latin-1")
            for i in range(0, len(raw), width)
        ]
        offset = names.end
    if count * len(fields) > _MAX_ELEMENTS:
        raise ValueError(f"{count * len(fields)} entries in {name!r}")
    for i in range(count):
        prefix = name if count == 1 else f"{name}[{i}]"
        for field in fields:
            entry = _element(data, offset, order)
            offset = entry.end
            if entry.kind != _MATRIX:
                raise ValueError(f"data type {entry.kind} inside {name!r}")
            yield from _matrix(entry.data, order, prefix + field, depth + 1)


def _numbers(element: _Element, order: str) -> np.ndarray:
    if element.kind not in _NUMBERS:
        raise ValueError(f"data type {element.kind} where numbers should be")
    dtype = np.dtype(order + _NUMBERS[element.kind])
    if len(element.data) % dtype.itemsize:
        raise ValueError(f"{len(element.data)} bytes of numbers of {dtype.itemsize} bytes each")
    return np.frombuffer(element.data, dtype=dtype)


def _text(element: _Element, order: str, shape: tuple[int, ...]) -> str:
    if element.kind == 4:
        text = "".join(map(chr, _numbers(element, order)))
    elif element.kind in _TEXT:
        ending = {"<": "-le", ">": "-be"}[order] if element.kind in (17, 18) else ""
        text = bytes(element.data).decode(_TEXT[element.kind] + ending)
    else:
        raise ValueError(f"data type {element.kind} where text should be")
    if len(shape) == 2 and shape[0] > 1 and len(text) == shape[0] * shape[1]:
        # Rows of text are stored column by column.
        rows = ("".join(text[i :: shape[0]]).rstrip() for i in range(shape[0]))
        return " ".join(rows)
    return text
