"""Clips in NPZ archives, which keep everything that a clip holds."""

import zipfile

import numpy as np

from ..._checks import check_file
from ..._errors import FileFormatError
from ..._files import atomic_path
from ..._foreign import foreign_parser
from ..._npz import npy_header, read_npy
from ..._types import PathLike
from .._clip import EchoClip
from ._common import Loaded
from ._frames import MOST_BYTES, FrameStack, check_bulk

_KEYS = (
    "frames",
    "times_ms",
    "frame_time_ms",
    "mm_per_pixel",
    "view",
    "heart_rate_per_min",
    "sector",
)


def load_npz(path: PathLike) -> Loaded:
    """Return the arrays ``frames``, ``times_ms`` (or ``frame_time_ms``) and what else is there.

    Optional are ``mm_per_pixel``, ``view``, ``heart_rate_per_min`` and ``sector``.

    Raises:
        FileFormatError: no frames, not an archive of plain arrays, or with false sizes.
    """
    path = check_file(path)
    with foreign_parser(path, "NPZ"), zipfile.ZipFile(path) as archive:
        members = {m.filename[:-4]: m for m in archive.infolist() if m.filename.endswith(".npy")}
        if "frames" not in members:
            raise FileFormatError(
                str(path),
                found="arrays " + (", ".join(sorted(members))[:200] or "none"),
                expected="frames (n_frames, height, width) and times_ms (n_frames,)",
            )
        shape, dtype = npy_header(archive, members["frames"], path)
        colour = len(shape) == 4 and shape[-1] == 3
        if dtype.kind not in "iu" or dtype.itemsize > 2 or not (len(shape) == 3 or colour):
            raise FileFormatError(
                f"{path}: frames",
                found=f"shape {shape} of {dtype}",
                expected="whole grey levels of shape (n_frames, height, width)",
                advice="Save bytes (uint8) from 0 to 255.",
            )
        check_bulk(path, *shape[:3])
        arrays = {
            key: read_npy(archive, members[key], path, max_bytes=3 * MOST_BYTES)
            for key in _KEYS
            if key in members
        }
        frames = arrays["frames"]
        if frames.size and (frames.min() < 0 or frames.max() > 255):
            raise FileFormatError(
                f"{path}: frames",
                found=f"levels from {frames.min()} to {frames.max()}",
                expected="grey levels from 0 to 255",
            )
        frames, hues = frames.astype(np.uint8), None
        if colour and len(frames):
            stack = FrameStack(path)
            for frame in frames:
                stack.add(frame)
            frames, hues = stack.frames(), stack.hues()
        return _told(path, arrays, frames.reshape(shape[:3]), hues)


def _told(path: PathLike, arrays: dict, frames: np.ndarray, hues: np.ndarray | None) -> Loaded:
    times = arrays.get("times_ms")
    if times is None and "frame_time_ms" in arrays:
        times = np.arange(len(frames)) * float(arrays["frame_time_ms"])
    if times is not None:
        times = np.asarray(times, dtype=np.float64).reshape(-1)
        if times.size != len(frames):
            raise FileFormatError(
                f"{path}: times_ms",
                found=f"{times.size} times",
                expected=f"one for each of the {len(frames)} frames",
            )
    sector = arrays.get("sector")
    if sector is not None and (sector.dtype.kind not in "biu" or sector.shape != frames.shape[1:]):
        raise FileFormatError(
            f"{path}: sector",
            found=f"shape {sector.shape} of {sector.dtype}",
            expected=f"a mask of shape {frames.shape[1:]}",
        )
    pixel = arrays.get("mm_per_pixel")
    if pixel is not None:
        sides = [float(side) for side in np.ravel(pixel)[:3]]
        if len(sides) not in (1, 2):
            raise FileFormatError(
                f"{path}: mm_per_pixel", found=f"{len(sides)} numbers", expected="one or two"
            )
        pixel = (sides[0], sides[-1])
    rate = arrays.get("heart_rate_per_min")
    return Loaded(
        frames,
        times,
        pixel,
        str(arrays["view"]) if "view" in arrays else None,
        None if rate is None else float(rate),
        hues,
        sector=None if sector is None else sector.astype(bool),
    )


def write_npz(path: PathLike, clip: EchoClip) -> None:
    """Write a clip as an NPZ archive that `read_echo` reads back as it was, name and notes apart.

    Raises:
        OSError: the folder cannot be written.
    """
    arrays = {"frames": clip.frames, "times_ms": clip.times_ms, "sector": clip.sector}
    for key in ("mm_per_pixel", "view", "heart_rate_per_min"):
        value = getattr(clip, key)
        if value is not None:
            arrays[key] = np.array(value)
    with atomic_path(path) as temporary, open(temporary, "wb") as handle:
        np.savez_compressed(handle, **arrays)  # type: ignore[arg-type]
