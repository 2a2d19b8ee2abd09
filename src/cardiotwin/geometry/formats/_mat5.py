"""MATLAB files of version 5 to 7, element by element, every size checked before it is used.

Written here because scipy.io.loadmat can crash the interpreter on damaged files (scipy pull
request 25349). The layout is MathWorks' "MAT-File Format", level 5.
"""

import math
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

_MATRIX, _COMPRESSED = 14, 15
_DTYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"}
_DTYPES |= {12: "i8", 13: "u8", 16: "u1", 17: "u2", 18: "u4"}
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE = 1, 2, 3, 4, 5
_NUMERIC = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4"}
_NUMERIC |= {14: "i8", 15: "u8"}
_COMPLEX = 0x0800
_MAX_UNPACKED = 2**29
_MAX_ITEMS = 20_000
_MAX_DEPTH = 16

Keep = Callable[[str, np.ndarray], None]
Remark = Callable[[str], None]


class _Element(NamedTuple):
    kind: int
    data: memoryview
    at: int


def read_elements(data: bytes, keep: Keep, remark: Remark) -> None:
    """Hand every array of the file to ``keep``, under the path of its fields.

    Raises:
        ValueError: the file is damaged; the message tells the offset.
        zlib.error: compressed data are damaged.
    """
    reader = _Reader("<" if data[126:128] == b"IM" else ">", keep, remark)
    for element in reader.split(memoryview(data)[128:], 128):
        if element.kind == _COMPRESSED:
            inflater = zlib.decompressobj()
            unpacked = inflater.decompress(bytes(element.data), _MAX_UNPACKED)
            if inflater.unconsumed_tail:
                raise ValueError(f"more than {_MAX_UNPACKED} bytes compressed at {element.at}")
            for inner in reader.split(memoryview(unpacked), 0):
                reader.matrix(inner, None, 0)
        else:
            reader.matrix(element, None, 0)


class _Reader:
    def __init__(self, order: str, keep: Keep, remark: Remark):
        self.order, self.keep, self.remark, self.n_items = order, keep, remark, 0

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
                end = start + size + (0 if kind == _COMPRESSED else -size % 8)
            if start + size > len(data):
                raise ValueError(
                    f"{size} bytes announced at {offset + at}, {len(data) - start} left"
                )
            yield _Element(kind, data[start : start + size], offset + start)
            at = end

    def numbers(self, element: _Element | None, what: str) -> np.ndarray:
        if element is None or element.kind not in _DTYPES:
            raise ValueError(f"no numbers for {what}" + (f" at {element.at}" if element else ""))
        dtype = np.dtype(self.order + _DTYPES[element.kind])
        if len(element.data) % dtype.itemsize:
            raise ValueError(f"{len(element.data)} bytes of {dtype} at {element.at}")
        return np.frombuffer(element.data, dtype)

    def matrix(self, element: _Element, label: str | None, depth: int) -> None:
        """Read one array; its own name counts only at the top, where no label is given."""
        self.n_items += 1
        if depth > _MAX_DEPTH or self.n_items > _MAX_ITEMS:
            raise ValueError(f"more than {_MAX_ITEMS} arrays, or nested deeper than {_MAX_DEPTH}")
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
            self.remark(f"{label or 'A variable'} was passed over: it is a function or an object.")
            return
        shape = [int(length) for length in self.numbers(next(parts, None), "dimensions")[:32]]
        name = self.numbers(next(parts, None), "name").tobytes().decode("latin-1")
        size = math.prod(shape)
        if size < 0 or min(shape, default=0) < 0:
            raise ValueError(f"dimensions {shape} at {element.at}")
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
            self.remark(f"{label} was passed over: it is sparse, complex or of an unknown class.")
        else:
            values = self.numbers(next(parts, None), label)
            if kind == _CHAR:
                self.keep(label, np.array(["".join(map(chr, values[:1000].clip(0, 0x10FFFF)))]))
            elif len(values) != size:
                raise ValueError(f"{len(values)} numbers for the dimensions {shape} of {label}")
            else:
                with np.errstate(invalid="ignore", over="ignore"):
                    self.keep(label, values.astype(_NUMERIC[kind]).reshape(shape, order="F"))

    def _cells(self, parts: Iterator[_Element], label: str, size: int, depth: int) -> None:
        found = 0
        for found, part in enumerate(parts, 1):
            self.matrix(part, f"{label}{{{found}}}", depth + 1)
        if found != size:
            raise ValueError(f"{found} of {size} cells of {label}")

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
        found = 0
        for found, part in enumerate(parts, 1):
            if not names:
                break
            index, field = divmod(found - 1, len(names))
            owner = label if size == 1 else f"{label}({index + 1})"
            self.matrix(part, f"{owner}.{names[field]}", depth + 1)
        if found != size * len(names):
            raise ValueError(f"{found} of {size * len(names)} fields of {label}")
