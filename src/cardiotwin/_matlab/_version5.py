"""Versions 5 to 7.2, element by element (MathWorks, "MAT-File Format", level 5)."""

import math
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ._variables import MatlabVariables

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_DTYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"}
_DTYPES |= {12: "i8", 13: "u8"}
_ENCODINGS = {1: "latin-1", 2: "latin-1", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE = 1, 2, 3, 4, 5
_NUMERIC = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4"}
_NUMERIC |= {14: "i8", 15: "u8"}
_COMPLEX = 0x0800


class _Element(NamedTuple):
    kind: int
    data: memoryview
    at: int


def read_version5(data: bytes, found: MatlabVariables) -> None:
    """Hand every real array and text of the file to ``found``.

    Raises:
        ValueError: the file is damaged; the message tells the offset.
        zlib.error: compressed data are damaged.
    """
    reader = _Reader("<" if data[126:128] == b"IM" else ">", found)
    for element in reader.split(memoryview(data)[_HEADER:], _HEADER):
        if element.kind == _COMPRESSED:
            inflater = zlib.decompressobj()
            room = found.max_bytes - found.n_bytes
            # One byte more than there is room for: a bomb is stopped, an exact fit is not.
            unpacked = inflater.decompress(element.data, room + 1)
            found.claim(f"what is compressed at {element.at}", len(unpacked))
            if not inflater.eof:
                raise ValueError(f"compressed data at {element.at} end too early")
            for inner in reader.split(memoryview(unpacked), 0):
                reader.matrix(inner, None, 0)
            # Only the arrays that were taken out of it stay in memory.
            found.n_bytes -= len(unpacked)
        else:
            reader.matrix(element, None, 0)


class _Reader:
    def __init__(self, order: str, found: MatlabVariables):
        self.order, self.found = order, found

    def split(self, data: memoryview, offset: int) -> Iterator[_Element]:
        """Cut a stretch of bytes into its elements."""
        at = 0
        while at < len(data):
            if at + 8 > len(data):
                raise ValueError(f"an element that is cut off at {offset + at}")
            kind, size = (int(word) for word in np.frombuffer(data, f"{self.order}u4", 2, at))
            if kind >> 16:
                # Up to four bytes may stand inside the tag.
                kind, size, start, end = kind & 0xFFFF, kind >> 16, at + 4, at + 8
                if size > 4:
                    raise ValueError(f"a short element of {size} bytes at {offset + at}")
            else:
                start = at + 8
                # Compressed elements are not padded.
                end = start + size + (0 if kind == _COMPRESSED else -size % 8)
            if start + size > len(data):
                raise ValueError(
                    f"{size} bytes announced at {offset + at}, {len(data) - start} left"
                )
            yield _Element(kind, data[start : start + size], offset + start)
            at = end

    def numbers(self, element: _Element | None, what: str) -> np.ndarray:
        if element is None:
            raise ValueError(f"no numbers for {what}: the array ends before them")
        if element.kind not in _DTYPES:
            raise ValueError(
                f"data type {element.kind} where numbers should be: no numbers for {what}"
            )
        dtype = np.dtype(self.order + _DTYPES[element.kind])
        if len(element.data) % dtype.itemsize:
            raise ValueError(f"{len(element.data)} bytes of {dtype} at {element.at}")
        return np.frombuffer(element.data, dtype)

    def text(self, element: _Element | None, label: str) -> str:
        if element is not None and element.kind in _ENCODINGS:
            encoding = _ENCODINGS[element.kind]
            if element.kind in (17, 18):
                encoding += "-le" if self.order == "<" else "-be"
            return bytes(element.data).decode(encoding)
        return "".join(map(chr, self.numbers(element, label).clip(0, 0x10FFFF).astype(np.int64)))

    def matrix(self, element: _Element, label: str | None, depth: int) -> None:
        """Read one array; its own name counts only at the top, where no label is given."""
        self.found.visit(label or "a variable", depth)
        if element.kind != _MATRIX:
            raise ValueError(f"an element of type {element.kind} at {element.at}")
        if not len(element.data):
            return
        parts = self.split(element.data, element.at)
        flags = self.numbers(next(parts, None), "flags")
        if len(flags) < 1:
            raise ValueError(f"no flags at {element.at}")
        kind, is_complex = int(flags[0]) & 0xFF, bool(int(flags[0]) & _COMPLEX)
        if kind > 15:
            self.found.pass_over(label or "", "it is a function or an object")
            return
        shape = tuple(int(length) for length in self.numbers(next(parts, None), "dimensions")[:33])
        name = self.numbers(next(parts, None), "name").tobytes().decode("latin-1").rstrip("\0")
        if not 2 <= len(shape) <= 32 or min(shape) < 0:
            raise ValueError(f"dimensions {shape} at {element.at}")
        size = math.prod(shape)
        label = name if label is None else label
        if not label:
            return
        if kind == _CELL:
            self._cells(parts, label, size, depth)
        elif kind in (_STRUCT, _OBJECT):
            if kind == _OBJECT:
                next(parts, None)
            self._fields(parts, label, size, depth)
        elif kind == _SPARSE or is_complex or kind == 0:
            self.found.pass_over(label, "it is sparse, complex or of an unknown class")
        elif kind == _CHAR:
            self.found.claim(label, 4 * len(element.data))
            self.found.add_text(label, self.text(next(parts, None), label), shape)
        else:
            values = self.numbers(next(parts, None), label)
            if len(values) != size:
                raise ValueError(f"{len(values)} numbers for the dimensions {shape} of {label}")
            # Numbers may be stored in fewer bytes than their class has.
            dtype = np.dtype(_NUMERIC[kind])
            self.found.claim(label, size * dtype.itemsize)
            self.found.add_array(label, values.astype(dtype).reshape(shape, order="F"))

    def _cells(self, parts: Iterator[_Element], label: str, size: int, depth: int) -> None:
        count = 0
        for count, part in enumerate(parts, 1):
            self.matrix(part, f"{label}{{{count}}}", depth + 1)
        if count != size:
            raise ValueError(f"{count} of {size} cells of {label}")

    def _fields(self, parts: Iterator[_Element], label: str, size: int, depth: int) -> None:
        widths = self.numbers(next(parts, None), "the length of field names")
        text = self.numbers(next(parts, None), "field names").tobytes()
        width = int(widths[0]) if len(widths) else 0
        if width < 1 or len(text) % width:
            raise ValueError(f"field names of {label} in {len(text)} bytes, {width} each")
        names = [
            text[k : k + width].split(b"\0")[0].decode("latin-1")
            for k in range(0, len(text), width)
        ]
        count = 0
        for count, part in enumerate(parts, 1):
            if not names:
                break
            index, field = divmod(count - 1, len(names))
            owner = label if size == 1 else f"{label}({index + 1})"
            self.matrix(part, f"{owner}.{names[field]}", depth + 1)
        if count != size * len(names):
            raise ValueError(f"{count} of {size * len(names)} fields of {label}")
