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
from ._common import Loaded, need_library, plausible_step
from ._dicom_regions import find_region
from ._frames import FrameStack, check_bulk
from ._volume import as_grey

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
        time_notes: list[str] = []
        stack = _decode(path, dataset, count)
        frames = stack.frames()
        if dataset.PhotometricInterpretation in _GREY:
            frames = _to_bytes(path, dataset, frames, notes)
        region = find_region(dataset, height, width)
        times = _times(dataset, len(stack), time_notes)
        heart_rate = _heart_rate(dataset, notes)
        view = _view(dataset)
    return Loaded(
        frames,
        times,
        region.mm_per_pixel,
        view,
        heart_rate,
        stack.hues(),
        region.place,
        notes=(*notes, *region.notes),
        time_notes=tuple(time_notes),
    )


def _extent(path: Path, dataset: Any) -> tuple[int, int, int]:
    if "PixelData" not in dataset:
        raise FileFormatError(
            str(path),
            found="no pixels",
            expected="an ultrasound multi-frame image",
            advice="Is it truncated, a report, or an index (DICOMDIR)? Name the file of the clip.",
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
        stack.add(_levels(dataset, frame, space))
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


def _levels(dataset: Any, frame: np.ndarray, space: str) -> np.ndarray:
    """Return grey levels as stored, or RGB bytes; the library has made YBR into RGB."""
    if space in _GREY:
        return frame
    if space == "PALETTE COLOR":
        from pydicom.pixels.processing import apply_color_lut

        frame = apply_color_lut(frame, dataset)
        return (frame >> 8 if frame.dtype.itemsize > 1 else frame).astype(np.uint8)[..., :3]
    return np.clip(frame >> max(int(dataset.BitsStored) - 8, 0), 0, 255).astype(np.uint8)


def _to_bytes(path: Path, dataset: Any, levels: np.ndarray, notes: list[str]) -> np.ndarray:
    """Return grey levels as bytes: deep ones through the window of the header, else by range."""
    window = _window(dataset, notes) if int(dataset.BitsStored) > 8 else None
    if window is None:
        # Some exporters fill fewer bits than they state: only the levels tell where white is.
        low = int(levels.min(initial=0))
        if low < 0:
            notes.append(f"grey levels from {low} on raised to start at 0")
            levels = levels.astype(np.int64) - low
        grey, told = as_grey(path, levels)
        notes.extend(told)
    else:
        black, white = window
        # Frame by frame, as floating point takes many times the room.
        shown = ((frame - black) * (255.0 / (white - black)) for frame in levels)
        grey = np.stack([np.clip(np.round(frame), 0, 255).astype(np.uint8) for frame in shown])
    return 255 - grey if dataset.PhotometricInterpretation == "MONOCHROME1" else grey


def _window(dataset: Any, notes: list[str]) -> tuple[float, float] | None:
    """Return the stored levels that are shown black and white (DICOM PS3.3, C.11.2.1.2)."""
    centre, width = (_number(dataset.get(f"Window{name}")) for name in ("Center", "Width"))
    if centre is None or width is None:
        return None
    if width <= 1:
        notes.append(f"window of the header left out: a width of {width:g}")
        return None
    slope = _number(dataset.get("RescaleSlope")) or 1.0
    black = (centre - width / 2 - (_number(dataset.get("RescaleIntercept")) or 0.0)) / slope
    white = black + (width - 1) / slope
    notes.append(f"grey levels {black:g} to {white:g} shown, the window of the header")
    return black, white


def _times(dataset: Any, count: int, notes: list[str]) -> np.ndarray | None:
    """Return frame times in ms; the increments of a vector go before the one step."""
    step = _number(dataset.get("FrameTime"))
    times = _vector_times(dataset.get("FrameTimeVector"), count, notes)
    if times is not None:
        median = float(np.median(np.diff(times)))
        if step is not None and abs(median - step) > 0.2 * step:
            notes.append(f"frames {median:.4g} ms apart by FrameTimeVector, {step:g} by FrameTime")
        return times
    if step is not None and plausible_step(step, "FrameTime", notes):
        return np.arange(count) * step
    for keyword in ("CineRate", "RecommendedDisplayFrameRate"):
        rate = _number(dataset.get(keyword))
        if rate and plausible_step(1000.0 / rate, keyword, notes):
            notes.append(f"{rate:g} frames a second from {keyword}, which may differ from the scan")
            return np.arange(count) * (1000.0 / rate)
    return None


def _vector_times(vector: Any, count: int, notes: list[str]) -> np.ndarray | None:
    """Return times from increments, the first of which is 0 or left away."""
    if vector is None or count < 2:
        return None
    if np.size(vector) not in (count - 1, count):
        notes.append(f"FrameTimeVector left out: {np.size(vector)} steps for {count} frames")
        return None
    steps = np.array([float(step) for step in np.atleast_1d(vector)])[1 - count :]
    if not ((steps > 0).all() and np.isfinite(steps).all()):
        notes.append("FrameTimeVector left out: its steps are not positive")
        return None
    if not plausible_step(float(np.median(steps)), "FrameTimeVector", notes):
        return None
    return np.concatenate([[0.0], np.cumsum(steps)])


def _number(value: Any) -> float | None:
    """Return the first number of a field, or None where there is none."""
    try:
        number = float(np.atleast_1d(value)[0])
    except (TypeError, ValueError, IndexError):
        return None
    return number if np.isfinite(number) else None


def _heart_rate(dataset: Any, notes: list[str]) -> float | None:
    rate = _number(dataset.get("HeartRate"))
    # Scanners write 0 where no electrocardiogram was connected.
    if not rate:
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
