"""NIfTI images (``.nii``, ``.nii.gz``), through the nibabel package."""

import math
from typing import Any

import numpy as np

from ..._checks import check_file
from ..._errors import FileFormatError
from ..._foreign import MAX_INFLATION, foreign_parser
from ..._types import PathLike
from ._common import Loaded, need_library, plausible_step
from ._frames import check_bulk
from ._volume import Volume, as_grey, upright

_MM = {"mm": 1.0, "meter": 1000.0, "micron": 1e-3, "unknown": 1.0}
_MS = {"sec": 1000.0, "msec": 1.0, "usec": 1e-3}


def load_nifti(path: PathLike) -> Loaded:
    """Return the frames of a NIfTI image whose axes are (x, y, t) or (x, y, 1, t).

    Raises:
        FileFormatError: not NIfTI, damaged, or no single plane.
        MissingDependencyError: the package nibabel is not installed.
    """
    volume = read_nifti(path)
    frames, notes = as_grey(path, volume.values)
    times, time_notes = None, []
    step = volume.step_ms
    if step is not None and plausible_step(step, "time step of the header", time_notes):
        times = np.arange(len(frames)) * step
    return Loaded(
        frames,
        times,
        volume.mm_per_pixel,
        notes=(*volume.notes, *notes),
        time_notes=tuple(time_notes),
    )


def read_nifti(path: PathLike) -> Volume:
    """Return the values of a NIfTI image as stored, frames upright.

    Raises:
        FileFormatError: not NIfTI, damaged, or no single plane.
        MissingDependencyError: the package nibabel is not installed.
    """
    path = check_file(path)
    try:
        import nibabel
        from nibabel.imageglobals import LoggingOutputSuppressor
    except ImportError as error:
        raise need_library(error, "nibabel", "Reading NIfTI") from None
    # Headers that the library repairs would be told on the terminal.
    with foreign_parser(path, "NIfTI"), LoggingOutputSuppressor():
        image: Any = nibabel.Nifti1Image.from_filename(str(path), mmap=False)
        shape = tuple(int(side) for side in image.shape)
        padded = (*shape, 1, 1)
        check_bulk(path, padded[2] * padded[3], padded[1], padded[0])
        # The library makes room for what the header claims before it reads.
        claimed = math.prod(shape) * image.get_data_dtype().itemsize
        packed = path.stat().st_size * (MAX_INFLATION if path.suffix.lower() == ".gz" else 1)
        if min(shape, default=0) < 1 or claimed > packed:
            raise FileFormatError(
                str(path),
                found=f"an array of shape {shape} claimed in {path.stat().st_size} bytes",
                expected="a size that the file can hold",
                advice="The file is truncated: copy or export it again.",
            )
        values = upright(path, np.asanyarray(image.dataobj))
        if values.dtype.kind not in "biuf":
            raise FileFormatError(
                str(path), found=f"values of type {values.dtype}", expected="real numbers"
            )
        header = image.header
        zooms = [float(zoom) for zoom in header.get_zooms()]
        space, time = header.get_xyzt_units()
    notes: list[str] = []
    pixel = None
    if space in _MM and all(math.isfinite(zoom) and zoom > 0 for zoom in zooms[:2]):
        pixel = (zooms[1] * _MM[space], zooms[0] * _MM[space])
        if space == "unknown":
            notes.append("pixel size taken as mm: the header states no unit")
    step = zooms[-1] if len(zooms) > 2 and len(values) > 1 else 1.0
    # A step of 1 is what writers leave where they know none.
    step_ms = step * _MS[time] if time in _MS and step != 1.0 else None
    return Volume(values, pixel, step_ms, tuple(notes))
