"""The verb ``echo inspect``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._clip_options import FrameRate, PixelSize, View, pixel_size
from ._output import Json, Printer

if TYPE_CHECKING:
    from ..echo import EchoClip


def inspect(
    file: Annotated[Path, typer.Argument(help="Clip: AVI, MP4, GIF, DICOM, NIfTI, MHD or NPZ.")],
    mm_per_pixel: PixelSize = None,
    frame_rate: FrameRate = None,
    view: View = None,
    png: Annotated[
        Path | None, typer.Option(help="Write a dozen frames with the border of the sector.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell what an echo file holds: frames, rate, pixel size, view, sector, what was inferred."""
    from .. import echo

    clip = echo.read_echo(
        file, mm_per_pixel=pixel_size(mm_per_pixel), frame_rate_hz=frame_rate, view=view
    )
    if png is not None:
        echo.write_contact_sheet(png, clip)
    printer = Printer(as_json)
    printer.table(str(file), ["", "found"], _rows(clip))
    for note in clip.notes:
        printer.say(f"· {note}")
    if png is not None:
        printer.say(f"wrote {png}")
    printer.finish(
        {
            "file": str(file),
            "n_frames": clip.n_frames,
            "height": clip.shape[0],
            "width": clip.shape[1],
            "frame_rate_hz": clip.frame_rate_hz,
            "intervals_ms": _intervals(clip),
            "duration_ms": clip.duration_ms,
            "mm_per_pixel": clip.mm_per_pixel,
            "view": clip.view,
            "heart_rate_per_min": clip.heart_rate_per_min,
            "sector_share": float(clip.sector.mean()),
            "notes": clip.notes,
            "png": None if png is None else str(png),
        }
    )


def _rows(clip: "EchoClip") -> list[list[Any]]:
    height, width = clip.shape
    shortest, longest = _intervals(clip)
    pixel = "unknown: no volume in mL can be had"
    if clip.mm_per_pixel is not None:
        pixel = "{:.4g} × {:.4g} mm (height × width)".format(*clip.mm_per_pixel)
    rate = clip.heart_rate_per_min
    uneven = longest - shortest > 0.02 * longest
    spacing = f", frames {shortest:.4g} to {longest:.4g} ms apart" if uneven else ""
    return [
        ["frames", str(clip.n_frames)],
        ["size", f"{height} × {width} pixels (height × width)"],
        ["frame rate", f"{clip.frame_rate_hz:.4g} Hz{spacing}"],
        ["duration", f"{clip.duration_ms / 1000:.3g} s"],
        ["pixel", pixel],
        ["view", clip.view or "unknown"],
        ["heart rate", "not recorded" if rate is None else f"{rate:.3g} /min"],
        ["sector", f"{100 * clip.sector.mean():.0f} % of the frame"],
    ]


def _intervals(clip: "EchoClip") -> list[float]:
    import numpy as np

    steps = np.diff(clip.times_ms)
    return [float(steps.min()), float(steps.max())]
