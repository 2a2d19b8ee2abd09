"""Clips as AVI (lossless, FFV1) and GIF, through the PyAV package."""

from fractions import Fraction
from typing import Any

import numpy as np

from ..._errors import InputError
from ..._files import atomic_path
from ..._types import PathLike
from .._clip import EchoClip
from ._common import need_library


def write_avi(path: PathLike, clip: EchoClip) -> None:
    """Write a clip as lossless grey AVI (FFV1); pixel size and view are not kept.

    Raises:
        InputError: unevenly spaced frames, which AVI cannot hold, or a single frame.
        MissingDependencyError: the package av is not installed.
    """
    steps = np.diff(clip.times_ms)
    if not len(steps) or np.ptp(steps) > 0.02 * steps.mean():
        raise InputError(
            f"{path}: times_ms",
            found=f"{clip.n_frames} frames {steps.min(initial=0):.4g} to "
            f"{steps.max(initial=0):.4g} ms apart",
            expected="evenly spaced frames: AVI holds only a rate",
            advice="Write .npz, which keeps every time.",
        )
    rate = Fraction(1000.0 / float(steps.mean())).limit_denominator(100000)
    numbers = list(range(clip.n_frames))
    _encode(path, clip, "avi", "ffv1", rate, 1 / rate, numbers)


def write_gif(path: PathLike, clip: EchoClip) -> None:
    """Write a clip as grey GIF; times are rounded to hundredths of a second.

    Raises:
        InputError: frames closer than GIF can hold them apart.
        MissingDependencyError: the package av is not installed.
    """
    hundredths = np.round((clip.times_ms - clip.times_ms[0]) / 10).astype(int)
    # Viewers slow down whatever is shown for less than two hundredths.
    if (np.diff(hundredths) < 2).any():
        raise InputError(
            f"{path}: times_ms",
            found=f"frames {np.diff(clip.times_ms).min():.4g} ms apart",
            expected="at least 20 ms after rounding to hundredths of a second",
            advice="Write .avi or .npz, or every second frame: clip.select(slice(None, None, 2)).",
        )
    _encode(path, clip, "gif", "gif", Fraction(100), Fraction(1, 100), hundredths.tolist())


def _encode(
    path: PathLike,
    clip: EchoClip,
    container_format: str,
    codec: str,
    rate: Fraction,
    time_base: Fraction,
    stamps: list[int],
) -> None:
    try:
        import av
    except ImportError as error:
        raise need_library(error, "av", "Writing video") from None
    with (
        atomic_path(path) as temporary,
        av.open(str(temporary), "w", format=container_format) as container,
    ):
        stream: Any = container.add_stream(codec, rate=rate)
        stream.height, stream.width = clip.shape
        stream.pix_fmt = "gray"
        stream.codec_context.time_base = time_base
        stream.codec_context.thread_count = 1
        for grey, stamp in zip(clip.frames, stamps, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(grey), format="gray")
            frame.pts, frame.time_base = stamp, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
