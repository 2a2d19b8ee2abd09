"""The verb ``echo segment``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._clip_options import FrameRate, PixelSize, View, pixel_size
from ._output import Json, Out, Printer, Seed, check_out

if TYPE_CHECKING:
    from ..echo import Segmentation


def segment(
    file: Annotated[Path, typer.Argument(help="Clip of a view from the apex.")],
    model: Annotated[
        Path | None, typer.Option(help="Folder of a trained model; the one shipped if left out.")
    ] = None,
    mm_per_pixel: PixelSize = None,
    frame_rate: FrameRate = None,
    view: View = None,
    confidence: Annotated[float, typer.Option(help="Of the intervals.")] = 0.9,
    out: Out = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier result.")] = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Find the left ventricle: volumes through the beat, EF and heart rate with intervals."""
    from .. import echo
    from .._checks import check_number
    from ..echo._segmentation_files import check_results

    check_number(confidence, "confidence", above=0, below=1)
    if out is not None:
        check_out(out)
        check_results(out, overwrite=overwrite)
    clip = echo.read_echo(
        file, mm_per_pixel=pixel_size(mm_per_pixel), frame_rate_hz=frame_rate, view=view
    )
    chosen = echo.shipped_model() if model is None else echo.SegmentationModel.load(model)
    found = echo.segment(clip, chosen, seed=seed)
    printer = Printer(as_json)
    rows = _rows(found, confidence)
    percent = f"{100 * confidence:g} % interval"
    printer.table(str(file), ["", "found", percent], [[r[0], r[1], r[2]] for r in rows])
    if not found.in_ml:
        printer.say("· the size of a pixel is not known: no volume in mL (--mm-per-pixel)")
    for flag in found.flags:
        printer.say(f"· {flag}")
    printer.say("· research software, not for clinical use")
    written: list[Path] = []
    if out is not None:
        written = echo.save_segmentation(
            found,
            out,
            confidence,
            overwrite=overwrite,
            settings={"file": str(file), "model": chosen.digest},
            seed=seed,
        )
    for path in written:
        printer.say(f"wrote {path}")
    printer.finish(
        {
            "file": str(file),
            "numbers": {name: {"median": a, "interval": b} for _, a, b, name in rows},
            "confidence": confidence,
            "ed_frame": found.ed_frame,
            "es_frame": found.es_frame,
            "flags": found.flags,
            "written": [str(path) for path in written],
        }
    )


def _rows(found: "Segmentation", confidence: float) -> list[list[Any]]:
    rows = [
        ["ejection fraction, %", "ef_percent"],
        ["heart rate, /min", "heart_rate_per_min"],
    ]
    if found.in_ml:
        rows += [["end-diastolic volume, mL", "edv_ml"], ["end-systolic volume, mL", "esv_ml"]]
    return [
        [label, getattr(found, name), [round(x, 1) for x in found.interval(name, confidence)], name]
        for label, name in rows
    ]
