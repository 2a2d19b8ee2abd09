"""MATLAB ``.mat`` files as a flat list of arrays, each under the path of its struct fields."""

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..._errors import CardiotwinError, FileFormatError, MissingDependencyError
from ._mat5 import read_elements
from ._text import read_bytes, shorten

_MAX_ENTRIES = 125_000_000
_MAX_ITEMS = 5000
_MAX_DEPTH = 16


@dataclass(eq=False)
class MatVariables:
    """What a file holds: real arrays and texts by path, and remarks about what was passed over."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def add(self, path: str, value: np.ndarray) -> None:
        """Keep an array of real numbers or a text; remark on anything else."""
        if len(self.arrays) + len(self.texts) >= _MAX_ITEMS:
            raise ValueError(f"more than {_MAX_ITEMS} arrays")
        if value.dtype.kind == "U":
            self.texts[path] = " ".join(value.ravel()[:10].tolist())
        elif value.dtype.kind in "fiub":
            self.arrays[path] = value
        else:
            self.remarks.append(f"{path} was passed over: it holds {value.dtype} entries.")


def read_variables(path: Path) -> MatVariables:
    """Read every variable of a version 5 to 7.3 file."""
    data = read_bytes(path)
    hdf5 = b"\x89HDF\r\n\x1a\n"
    if data.startswith(hdf5) or data[512:520] == hdf5:
        return _read(path, _read_hdf5)
    if len(data) < 128 or data[126:128] not in (b"IM", b"MI"):
        raise FileFormatError(
            str(path),
            found=shorten(data[:30].decode("latin-1")),
            expected="a MATLAB file of version 5, 7 or 7.3",
            advice="Save it again in MATLAB with save(..., '-v7').",
        )
    return _read(path, _read_version5)


def _read(path: Path, parse: Any) -> MatVariables:
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = parse(path)
    except CardiotwinError:
        raise
    except Exception as error:
        # The parsers below raise nearly anything on damaged files, MemoryError included.
        raise FileFormatError(
            str(path),
            found=f"a broken file ({type(error).__name__}: {shorten(str(error), 80)})",
            expected="a MATLAB file",
            advice="The file is truncated or damaged; save it again with save(..., '-v7').",
        ) from None
    found.remarks += [f"The parser warned: {warning.message}" for warning in caught]
    return found


def _read_version5(path: Path) -> MatVariables:
    found = MatVariables()
    read_elements(read_bytes(path), found.add, found.remarks.append)
    return found


def _read_hdf5(path: Path) -> MatVariables:
    try:
        import h5py
    except ImportError:
        raise MissingDependencyError(
            f"{path}: MATLAB 7.3 files are HDF5, which needs h5py: pip install h5py "
            "(or save the file with save(..., '-v7'))"
        ) from None

    found = MatVariables()

    def walk(node: Any, label: str, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise ValueError(f"structs nested deeper than {_MAX_DEPTH}")
        if isinstance(node, h5py.Group):
            for key in map(str, node):
                if not key.startswith("#"):
                    walk(node[key], f"{label}.{key}" if label else key, depth + 1)
        elif isinstance(node, h5py.Dataset):
            read_dataset(node, label, depth)

    def read_dataset(node: Any, label: str, depth: int) -> None:
        size = int(node.size or 0)
        stored = node.id.get_storage_size()
        # A compressed byte can stand for about a thousand, not for more.
        if size > _MAX_ENTRIES or size * node.dtype.itemsize > 1100 * stored + 4096:
            raise ValueError(f"{label} claims the shape {node.shape} in {stored} bytes")
        kind = node.attrs.get("MATLAB_class", b"")
        if size == 0 or "MATLAB_empty" in node.attrs:
            return
        if h5py.check_ref_dtype(node.dtype) is h5py.Reference:
            if size > _MAX_ITEMS:
                raise ValueError(f"{label} claims {size} cells")
            for k, reference in enumerate(np.ravel(node[()])):
                if reference:
                    walk(file[reference], f"{label}{{{k + 1}}}" if size > 1 else label, depth + 1)
        elif kind == b"char":
            codes = np.ravel(node[()])
            found.add(label, np.array(["".join(chr(int(code)) for code in codes[:1000])]))
        else:
            # MATLAB counts columns first, HDF5 rows first.
            found.add(label, np.asarray(node[()]).T)

    with h5py.File(path, "r") as file:
        walk(file, "", 0)
    return found
