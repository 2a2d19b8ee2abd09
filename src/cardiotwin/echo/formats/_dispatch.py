"""One verb to read and one to write, by the ending of the file's name."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ..._checks import check_file
from ..._errors import FileFormatError
from ..._types import ArrayLike, PathLike
from .._clip import EchoClip
from ._common import Loaded, make_clip
from ._dicom import load_dicom
from ._metaimage import load_metaimage
from ._nifti import load_nifti
from ._npz import load_npz, write_npz
from ._video import VIDEO_ENDINGS, load_video
from ._video_write import write_avi, write_gif

_READERS: dict[str, Callable[[PathLike], Loaded]] = {
    **dict.fromkeys(VIDEO_ENDINGS, load_video),
    ".dcm": load_dicom,
    ".dicom": load_dicom,
    ".nii": load_nifti,
    ".nii.gz": load_nifti,
    ".mhd": load_metaimage,
    ".mha": load_metaimage,
    ".npz": load_npz,
}
_WRITERS = {".avi": write_avi, ".gif": write_gif, ".npz": write_npz}


def read_echo(
    path: PathLike,
    *,
    mm_per_pixel: float | Sequence[float] | None = None,
    frame_rate_hz: float | None = None,
    view: str | None = None,
    sector: str | ArrayLike = "find",
) -> EchoClip:
    """Read an echocardiographic clip in the format that the ending of the file's name tells.

    Video (``.avi``, ``.mp4``, ``.m4v``, ``.mov``, ``.mkv``, ``.webm``, ``.gif``), DICOM
    (``.dcm``, ``.dicom``, or no ending), NIfTI (``.nii``, ``.nii.gz``), MetaImage (``.mhd``,
    ``.mha``) and ``.npz``. Colour is made grey; text and marks outside of the fan are masked.

    Args:
        path: the file.
        mm_per_pixel: height and width of a pixel in mm, or one number; wins over the file.
        frame_rate_hz: frames a second, where the file does not state it or states the rate at
            which it was to be shown, 2 to 1000; wins over the file.
        view: "A4C" or "A2C"; wins over the file.
        sector: "find" the fan, take the "whole" frame, or a mask (height, width).

    Returns:
        The clip, its first frame at 0 ms; ``notes`` tells what was inferred or repaired.

    Raises:
        FileFormatError: unknown ending, a malformed, truncated or hostile file, a still image,
            frames too few or too small, or colour Doppler.
        InputError: no frame rate is stated, or an option is none of those above.
        MissingDependencyError: an optional package is needed; the message names it.

    >>> import tempfile, pathlib, numpy as np
    >>> from cardiotwin.echo import EchoClip, read_echo, write_echo
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "clip.npz"
    >>> frames = np.random.default_rng(0).integers(0, 255, (8, 48, 48))
    >>> write_echo(path, EchoClip(frames, np.arange(8) * 20.0, 2.0, "A4C"))
    >>> read_echo(path)
    EchoClip(8 frames of 48 × 48 at 50 Hz, 2 × 2 mm a pixel, A4C)
    """
    path = check_file(path)
    load = _READERS.get(_ending(path))
    if load is None and _is_dicom(path):
        load = load_dicom
    if load is None:
        raise FileFormatError(
            str(path),
            found=f"ending {path.suffix!r}",
            expected="one of " + ", ".join(_READERS),
            advice="Convert the clip to one of these first.",
        )
    return make_clip(
        path,
        load(path),
        mm_per_pixel=mm_per_pixel,
        frame_rate_hz=frame_rate_hz,
        view=view,
        sector=sector,
    )


def write_echo(path: PathLike, clip: EchoClip) -> None:
    """Write a clip as AVI (lossless), GIF or NPZ, by the ending of the name.

    The file appears whole or not at all. Only NPZ keeps pixel size, view and uneven times.

    Raises:
        FileFormatError: another ending.
        InputError: times that the format cannot hold.
        MissingDependencyError: the package av is needed and not installed.
    """
    write = _WRITERS.get(Path(path).suffix.lower())
    if write is None:
        raise FileFormatError(
            str(path),
            found=f"ending {Path(path).suffix!r}",
            expected="one of " + ", ".join(_WRITERS),
        )
    write(path, clip)


def _ending(path: Path) -> str:
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def _is_dicom(path: Path) -> bool:
    """Tell DICOM by its mark: archives often name files by number, without an ending."""
    with open(path, "rb") as handle:
        return handle.read(132)[128:] == b"DICM"
