"""AVI, MP4, MOV, MKV, WEBM and GIF, through the PyAV package: frames at their true times."""

from pathlib import Path
from typing import Any

import numpy as np

from ..._checks import check_file
from ..._errors import FileFormatError
from ..._foreign import foreign_parser
from ..._types import PathLike
from ._common import Loaded, need_library
from ._frames import FrameStack, check_bulk
from ._gif import gif_delays

VIDEO_ENDINGS = (".avi", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".gif")

# A gap in the index of one frame is how some encoders end; more is a file cut short.
_MISSING_FRAMES = 1


def load_video(path: PathLike) -> Loaded:
    """Return frames and presentation times of the first video stream.

    Raises:
        FileFormatError: no video, damaged, or cut short.
        MissingDependencyError: the package av is not installed.
    """
    path = check_file(path)
    try:
        import av
        from av.video.reformatter import VideoReformatter
    except ImportError as error:
        raise need_library(error, "av", "Reading video") from None
    container_format = _sniff(path)
    stack, stamps, notes = FrameStack(path), [], []
    with (
        foreign_parser(path, path.suffix[1:].upper()),
        # The format is forced: left to guess, the library follows playlists to other files.
        av.open(str(path.resolve()), format=container_format) as container,
    ):
        if not container.streams.video:
            raise FileFormatError(str(path), found="no video stream", expected="one")
        stream: Any = container.streams.video[0]
        stream.codec_context.thread_count = 1
        check_bulk(path, 1, stream.codec_context.height, stream.codec_context.width)
        # One converter for all frames and one thread: setting up costs more than a small frame.
        converter = VideoReformatter()
        for frame in container.decode(stream):
            check_bulk(path, 1, frame.height, frame.width)
            if frame.format.name != "gray":
                converted = converter.reformat(frame, format="rgb24", threads=1)
                stack.add(converted.to_ndarray())
            else:
                stack.add(frame.to_ndarray())
            stamps.append(None if frame.pts is None else float(frame.pts * stream.time_base))
        rate = float(stream.average_rate) if stream.average_rate else None
        stated = stream.frames
        length = _length_s(container, stream)
    if not len(stack):
        raise FileFormatError(
            str(path), found="no frame", expected="frames", advice="The file may be truncated."
        )
    times = _times(stamps, rate, notes)
    if container_format == "gif":
        # Its end mark tells that it is whole; the last delay is the pause before it starts again.
        length = None
        delays = gif_delays(path)
        # The library makes 100 ms of a delay of 0, as viewers do.
        if 0 in delays[:-1]:
            times = None
            notes.append(f"GIF delays left out: {delays.count(0)} of {len(delays)} are 0")
        else:
            notes.append("GIF keeps times in hundredths of a second")
    _check_whole(path, len(stack), stated, times, length)
    return Loaded(stack.frames(), times, hues=stack.hues(), time_notes=tuple(notes))


def _sniff(path: Path) -> str:
    with open(path, "rb") as handle:
        head = handle.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"AVI ":
        return "avi"
    if head[:4] == b"GIF8":
        return "gif"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "mov"
    raise FileFormatError(
        str(path),
        found=f"first bytes {head!r}",
        expected="AVI, MP4, MOV, MKV, WEBM or GIF",
        advice="The file may be damaged, or its name may have the wrong ending.",
    )


def _length_s(container: Any, stream: Any) -> float | None:
    """Return how long the pictures last; the container lasts as long as its longest stream."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    if container.duration and len(container.streams) == 1:
        return container.duration / 1e6  # in microseconds, whatever the format
    return None


def _times(stamps: list[float | None], rate: float | None, notes: list[str]) -> np.ndarray | None:
    seconds = np.array([np.nan if stamp is None else stamp for stamp in stamps])
    if np.isfinite(seconds).all() and (np.diff(seconds) > 0).all():
        return 1000.0 * (seconds - seconds[0])
    if rate is None or not 0 < rate < 10000:
        return None
    notes.append(f"frames taken as evenly spaced at {rate:.4g} Hz: the file holds no usable times")
    return np.arange(len(stamps)) * (1000.0 / rate)


def _check_whole(
    path: Path, count: int, stated: int, times: np.ndarray | None, length: float | None
) -> None:
    if stated > count + _MISSING_FRAMES:
        raise FileFormatError(
            str(path),
            found=f"{count} frames",
            expected=f"the {stated} frames that the header announces",
            advice="The file is truncated: copy or export it again.",
        )
    if times is None or length is None or count < 2:
        return
    missing = 1000.0 * length - times[-1] - 2 * float(np.diff(times).max())
    if missing > max(0.1 * 1000.0 * length, 100.0):
        raise FileFormatError(
            str(path),
            found=f"frames of {times[-1]:.0f} ms",
            expected=f"the {1000 * length:.0f} ms that the header announces",
            advice="The file is truncated: copy or export it again.",
        )
