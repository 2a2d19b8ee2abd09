"""DICOM multi-frame ultrasound, through the pydicom package."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..._checks import check_file
from ..._errors import FileFormatError
from ..._foreign import foreign_parser
from ..._types import PathLike
from ._common import Loaded, need_library
from ._dicom_regions import find_region
from ._frames import FrameStack, check_bulk

_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR")


def load_dicom(path: PathLike) -> Loaded:
    """Return frames, times, pixel size, heart rate and view as far as the header tells them.

    Raises:
        FileFormatError: not DICOM, damaged, without pixels, or of an encoding or colour space
            that cannot be read.
        MissingDependencyError: the package pydicom is not installed.
    """
    path = check_file(path)
    try:
        import pydicom
    except ImportError as error:
        raise need_library(error, "pydicom", "Reading DICOM") from None
    # Scanners break the standard in many small ways, of which the library warns one by one.
    with foreign_parser(path, "DICOM"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path)
        height, width, count = _extent(path, dataset)
        notes: list[str] = []
        stack = _decode(path, dataset, count)
        region = find_region(dataset, height, width)
        times = _times(path, dataset, len(stack), notes)
        heart_rate = _heart_rate(dataset, notes)
        view = _view(dataset)
    return Loaded(
        stack.frames(),
        times,
        region.mm_per_pixel,
        view,
        heart_rate,
        stack.hues(),
        region.place,
        notes=(*notes, *region.notes),
    )


def _extent(path: Path, dataset: Any) -> tuple[int, int, int]:
    if "PixelData" not in dataset:
        raise FileFormatError(
            str(path),
            found="no pixels",
            expected="an ultrasound multi-frame image",
            advice="The file may be a report or an index (DICOMDIR): name the file of the clip.",
        )
    height, width = int(dataset.Rows), int(dataset.Columns)
    count = int(dataset.get("NumberOfFrames") or 1)
    check_bulk(path, count, height, width)
    if not dataset.file_meta.TransferSyntaxUID.is_compressed:
        claimed = count * height * width * dataset.SamplesPerPixel * dataset.BitsAllocated // 8
        if dataset.PhotometricInterpretation == "YBR_FULL_422":
            claimed = claimed * 2 // 3
        if len(dataset.PixelData) < claimed:
            raise FileFormatError(
                f"{path}: PixelData",
                found=f"{len(dataset.PixelData)} bytes",
                expected=f"{claimed} bytes ({count} frames of {height} × {width})",
                advice="The file is truncated: copy or export it again.",
            )
    return height, width, count


def _decode(path: Path, dataset: Any, count: int) -> FrameStack:
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.pixels.utils import iter_pixels, pixel_array

    space = str(dataset.PhotometricInterpretation)
    if space not in _GREY + _COLOUR:
        raise FileFormatError(
            f"{path}: PhotometricInterpretation",
            found=space[:40],
            expected="one of " + ", ".join(_GREY + _COLOUR),
        )
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_compressed:
        _check_decoder(path, syntax, get_decoder)
    stack = FrameStack(path)
    # One frame at a time: decoding all at once would make room for what the header claims.
    # Uncompressed frames by index, as iterating loses its place where chroma is half sampled.
    pixels = (
        iter_pixels(dataset)
        if syntax.is_compressed
        else (pixel_array(dataset, index=index) for index in range(count))
    )
    for frame in pixels:
        stack.add(_bytes(dataset, frame, space))
        if len(stack) == count:
            break
    if len(stack) < count:
        raise FileFormatError(
            str(path),
            found=f"{len(stack)} frames",
            expected=f"the {count} frames that the header announces",
            advice="The file is truncated: copy or export it again.",
        )
    return stack


def _check_decoder(path: Path, syntax: Any, get_decoder: Any) -> None:
    advice = "Export the clip uncompressed or as JPEG Baseline."
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise FileFormatError(
            f"{path}: TransferSyntaxUID",
            found=str(syntax.name),
            expected="uncompressed, RLE, JPEG or JPEG 2000 frames",
            advice=advice,
        ) from None
    if not decoder.is_available:
        if syntax.name.startswith("JPEG Baseline"):
            raise need_library(ImportError(), "pillow", "Reading JPEG inside of DICOM")
        raise FileFormatError(
            f"{path}: TransferSyntaxUID",
            found=f"{syntax.name}, for which no decoder is installed",
            expected="uncompressed, RLE or JPEG frames",
            advice=advice,
        )


def _bytes(dataset: Any, frame: np.ndarray, space: str) -> np.ndarray:
    """Return a decoded frame as grey or RGB bytes; the library has made YBR into RGB."""
    if space == "PALETTE COLOR":
        from pydicom.pixels.processing import apply_color_lut

        frame = apply_color_lut(frame, dataset)
        return (frame >> 8 if frame.dtype.itemsize > 1 else frame).astype(np.uint8)[..., :3]
    bits = int(dataset.BitsStored)
    if frame.dtype.kind == "i":
        frame = frame.astype(np.int64) + 2 ** (bits - 1)
    if bits > 8:
        frame = frame >> (bits - 8)
    grey = np.clip(frame, 0, 255).astype(np.uint8)
    return 255 - grey if space == "MONOCHROME1" else grey


def _times(path: Path, dataset: Any, count: int, notes: list[str]) -> np.ndarray | None:
    """Return frame times in ms; the increments of a vector go before the one step."""
    vector = dataset.get("FrameTimeVector")
    if vector is not None and np.size(vector) == count:
        steps = np.array([float(step) for step in np.atleast_1d(vector)])
        if (steps[1:] > 0).all() and np.isfinite(steps).all():
            return np.cumsum(steps) - steps[0]
        notes.append("FrameTimeVector left out: its steps are not positive")
    elif vector is not None:
        notes.append(f"FrameTimeVector left out: {np.size(vector)} steps for {count} frames")
    step = _positive(dataset.get("FrameTime"))
    if step is not None:
        return np.arange(count) * step
    for keyword in ("CineRate", "RecommendedDisplayFrameRate"):
        rate = _positive(dataset.get(keyword))
        if rate is not None:
            notes.append(f"{rate:g} frames a second from {keyword}, which may differ from the scan")
            return np.arange(count) * (1000.0 / rate)
    return None


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) and 1e-3 < number < 1e5 else None


def _heart_rate(dataset: Any, notes: list[str]) -> float | None:
    rate = _positive(dataset.get("HeartRate"))
    if rate is None:
        return None
    if not 20 <= rate <= 300:
        notes.append(f"heart rate {rate:g} of the header left out")
        return None
    return rate


def _view(dataset: Any) -> str | None:
    words = [str(item.get("CodeMeaning", "")) for item in dataset.get("ViewCodeSequence") or []]
    match = re.search(r"apical\W+(two|2|four|4)\W+chamber", " ".join(words), re.IGNORECASE)
    if match is None:
        return None
    return "A2C" if match[1].lower() in ("two", "2") else "A4C"
