"""MetaImage: a header of ``Key = Value`` lines (``.mhd``) and raw values beside or behind it."""

import math
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from ..._checks import check_file
from ..._errors import FileFormatError
from ..._foreign import MAX_INFLATION, foreign_parser
from ..._types import PathLike
from ._common import Loaded
from ._frames import check_bulk
from ._volume import Volume, as_grey, upright

_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_HEADER_BYTES = 65536


def load_metaimage(path: PathLike) -> Loaded:
    """Return the frames of a MetaImage whose axes are (x, y, t); it holds no times.

    Raises:
        FileFormatError: a malformed header, values that are absent, elsewhere, written as text,
            or of another size than the header claims.
    """
    volume = read_metaimage(path)
    frames, notes = as_grey(path, volume.values)
    return Loaded(frames, None, volume.mm_per_pixel, notes=(*volume.notes, *notes))


def read_metaimage(path: PathLike) -> Volume:
    """Return the values of a MetaImage as stored, frames upright.

    Raises:
        FileFormatError: as `load_metaimage`.
    """
    path = check_file(path)
    with foreign_parser(path, "MetaImage"):
        header, behind = _parse(path)
        shape, dtype = _layout(path, header)
        content = _payload(path, header, behind, math.prod(shape) * dtype.itemsize)
        # The first axis of the file varies fastest.
        values = np.frombuffer(content, dtype).reshape(shape[::-1]).T
        pixel = _spacing(path, header)
    native = values.astype(dtype.newbyteorder("="))
    return Volume(upright(path, native), pixel, None)


def _parse(path: Path) -> tuple[dict[str, str], int]:
    """Return the keys, and where the header ends: after the line of ElementDataFile."""
    with open(path, "rb") as handle:
        block = handle.read(_HEADER_BYTES)
    header, at = {}, 0
    for line in block.splitlines(keepends=True):
        at += len(line)
        key, sign, value = line.decode("latin-1").partition("=")
        if not sign:
            break
        header[key.strip()] = value.strip()
        if key.strip() == "ElementDataFile":
            return header, at
    raise FileFormatError(
        f"{path}: header",
        found="keys " + (", ".join(header)[:200] or "none"),
        expected="Key = Value lines, the last one ElementDataFile",
    )


def _layout(path: Path, header: dict[str, str]) -> tuple[tuple[int, ...], np.dtype]:
    for key in ("DimSize", "ElementType"):
        if key not in header:
            raise FileFormatError(
                f"{path}: {key}", found="nothing", expected="sizes and type of the values"
            )
    kind = header["ElementType"]
    if kind not in _TYPES or header.get("ElementNumberOfChannels", "1") != "1":
        raise FileFormatError(
            f"{path}: ElementType",
            found=f"{kind[:40]}, {header.get('ElementNumberOfChannels', '1')[:10]} channels",
            expected="one channel of " + ", ".join(_TYPES),
        )
    sizes = header["DimSize"].split()
    if not 2 <= len(sizes) <= 4 or not all(size.isdigit() and 0 < int(size) for size in sizes):
        raise FileFormatError(
            f"{path}: DimSize", found=header["DimSize"][:60], expected="two to four whole numbers"
        )
    if header.get("NDims", str(len(sizes))) != str(len(sizes)):
        raise FileFormatError(
            f"{path}: NDims",
            found=header["NDims"][:20],
            expected=f"{len(sizes)}, as DimSize has that many numbers",
            advice="The header is damaged: export the file again.",
        )
    shape = tuple(int(size) for size in sizes)
    check_bulk(path, math.prod(shape[2:]), shape[1], shape[0])
    order = header.get("BinaryDataByteOrderMSB", header.get("ElementByteOrderMSB", "False"))
    return shape, np.dtype((">" if order.lower() == "true" else "<") + _TYPES[kind])


def _payload(path: Path, header: dict[str, str], behind: int, needed: int) -> bytes:
    if not header.get("BinaryData", "True").lower().startswith(("t", "1")):
        raise FileFormatError(
            f"{path}: BinaryData",
            found=header["BinaryData"][:20] or "nothing",
            expected="True: values as bytes, not as text",
            advice="Write the image again in binary form.",
        )
    name = header["ElementDataFile"]
    compressed = header.get("CompressedData", "False").lower() == "true"
    source, skip = path, behind
    if name.upper() != "LOCAL":
        source, skip = _beside(path, name), int(header.get("HeaderSize", "0"))
        if skip == -1:
            # The values are the last bytes of the file, whatever comes first.
            skip = 0 if compressed else max(source.stat().st_size - needed, 0)
    available = source.stat().st_size - skip
    if skip < 0 or available * (MAX_INFLATION if compressed else 1) < needed:
        raise FileFormatError(
            str(source),
            found=f"{max(available, 0)} bytes of values",
            expected=f"{needed} bytes as {path.name} claims",
            advice="The file is truncated: copy or export it again.",
        )
    with open(source, "rb") as handle:
        handle.seek(skip)
        content = handle.read() if compressed else handle.read(needed + 1)
    if compressed:
        content = zlib.decompressobj().decompress(content, needed + 1)
    # Behind the header nothing else may follow, but raw files are often padded.
    if len(content) < needed or (compressed and len(content) > needed):
        raise FileFormatError(
            str(source),
            found=f"{len(content)} bytes of values"[:60] + (" or more" * (len(content) > needed)),
            expected=f"{needed} bytes as {path.name} claims",
            advice="The file is truncated or damaged: copy or export it again.",
        )
    return content[:needed]


def _beside(path: Path, name: str) -> Path:
    """Return the file of the values, which must lie in the folder of the header."""
    parts = {PurePosixPath(name).name, PureWindowsPath(name).name}
    if parts != {name} or name in (".", "..") or name.upper().startswith("LIST"):
        raise FileFormatError(
            f"{path}: ElementDataFile",
            found=name[:100],
            expected="LOCAL, or the name of one file in the same folder",
            advice="Put both files in one folder and write only the name.",
        )
    return check_file(path.parent / name, f"{path.name}: ElementDataFile")


def _spacing(path: Path, header: dict[str, str]) -> tuple[float, float] | None:
    text = header.get("ElementSpacing", header.get("ElementSize"))
    if text is None:
        return None
    sides = [float(side) for side in text.split()]
    if len(sides) < 2 or not all(math.isfinite(side) and side > 0 for side in sides[:2]):
        raise FileFormatError(
            f"{path}: ElementSpacing", found=text[:60], expected="positive numbers in mm"
        )
    return sides[1], sides[0]
