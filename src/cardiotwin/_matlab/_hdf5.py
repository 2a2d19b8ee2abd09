"""Version 7.3: HDF5, read through h5py, with every size held against the bytes stored."""

from pathlib import Path
from typing import Any

import numpy as np

from .._errors import FileFormatError, MissingDependencyError
from .._foreign import MAX_INFLATION
from ._variables import MAX_LEAVES, MatlabVariables


def read_hdf5(path: Path, found: MatlabVariables) -> None:
    """Hand every array and text to ``found``; groups are structs, references are cells.

    Raises:
        FileFormatError: an array is larger than the file can hold.
        MissingDependencyError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise MissingDependencyError(
            f"{path}: MATLAB 7.3 files are HDF5, which needs h5py: pip install 'cardiotwin[io]' "
            "(or save the file with save(..., '-v7'))"
        ) from None

    def walk(node: Any, label: str, depth: int) -> None:
        found.visit(label, depth)
        if isinstance(node, h5py.Group):
            for key in map(str, node):
                # MATLAB keeps the content of cells under #refs#.
                if not key.startswith("#"):
                    walk(node[key], f"{label}.{key}" if label else key, depth + 1)
        elif isinstance(node, h5py.Dataset):
            read_dataset(node, label, depth)

    def read_dataset(node: Any, label: str, depth: int) -> None:
        size = int(node.size or 0)
        if size == 0 or "MATLAB_empty" in node.attrs:
            return
        n_bytes, stored = size * node.dtype.itemsize, node.id.get_storage_size()
        if n_bytes > MAX_INFLATION * stored + 4096:
            raise FileFormatError(
                f"{path}: {label}",
                found=f"an array that claims the shape {node.shape} in {stored} bytes",
                expected="what the file can hold",
                advice="The file is truncated or damaged.",
            )
        found.claim(label, n_bytes)
        if h5py.check_ref_dtype(node.dtype) is h5py.Reference:
            if size > MAX_LEAVES:
                raise ValueError(f"{label} claims {size} cells")
            for k, reference in enumerate(np.ravel(node[()])):
                if reference:
                    walk(file[reference], f"{label}{{{k + 1}}}" if size > 1 else label, depth + 1)
        elif node.dtype.kind not in "fiub":
            found.pass_over(label, f"it holds {node.dtype} entries")
        elif node.attrs.get("MATLAB_class", b"") in (b"char", "char"):
            # MATLAB counts columns first, HDF5 rows first: texts lie as they are read.
            letters = "".join(map(chr, np.ravel(node[()]).clip(0, 0x10FFFF)))
            found.add_text(label, letters, node.shape[::-1])
        else:
            found.add_array(label, np.asarray(node[()]).T)

    with h5py.File(path, "r") as file:
        walk(file, "", 0)
