"""Arrays in NPZ archives, every claim of size checked before NumPy makes room for it."""

import io
import math
import zipfile

import numpy as np

from ._errors import FileFormatError
from ._foreign import MAX_INFLATION
from ._types import PathLike


def npy_header(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: PathLike
) -> tuple[tuple[int, ...], np.dtype]:
    """Return shape and type of an array in the archive ``path``, without reading the array.

    Raises:
        FileFormatError: Python objects, or sizes that contradict one another.
        ValueError: not an array of NumPy.
    """
    where = f"{path}: {member.filename}"
    if member.file_size > MAX_INFLATION * max(member.compress_size, 1) + 1024:
        raise FileFormatError(
            where,
            found=f"{member.file_size} bytes claimed in {member.compress_size}",
            expected="a size that the archive can hold",
        )
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
        else:
            raise ValueError(f"version {version} of the npy format in {member.filename}")
        left = member.file_size - stream.tell()
    shape = tuple(map(int, shape))
    needed = math.prod(shape) * int(dtype.itemsize)
    if dtype.hasobject or needed != left or min(shape, default=0) < 0:
        raise FileFormatError(
            where,
            found="Python objects" if dtype.hasobject else f"shape {shape} of {dtype}",
            expected=f"plain numbers or text filling exactly the {left} bytes of the member",
            advice="" if dtype.hasobject else "The file is truncated or damaged.",
        )
    return shape, dtype


def read_npy(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    path: PathLike,
    *,
    max_bytes: int | None = None,
) -> np.ndarray:
    """Return an array of the archive ``path``.

    Raises:
        FileFormatError: larger than ``max_bytes``, Python objects, or contradicting sizes.
        ValueError, zipfile.BadZipFile, zlib.error: other damage.

    >>> stream = io.BytesIO()
    >>> np.savez(stream, faces=[[0, 1, 2]])
    >>> with zipfile.ZipFile(stream) as archive:
    ...     read_npy(archive, archive.infolist()[0], "a.npz")
    array([[0, 1, 2]])
    """
    if max_bytes is not None and member.file_size > max_bytes:
        raise FileFormatError(
            f"{path}: {member.filename}",
            found=f"{member.file_size} bytes announced",
            expected=f"at most {max_bytes / 2**20:g} MiB",
        )
    npy_header(archive, member, path)
    # Unpacked first: memory grows with the bytes that are there, not with those announced.
    return np.lib.format.read_array(io.BytesIO(archive.read(member)), allow_pickle=False)
