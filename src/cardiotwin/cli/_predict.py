"""The verb ``predict``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._clip_options import PIXEL_HELP, RATE_HELP, VIEW_HELP, for_each, pixel_size
from ._output import Json, Printer, Seed, check_out

if TYPE_CHECKING:
    from ..echo import EchoClip, Prediction
    from ..hemodynamics import Identifiability, Identification


def predict(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Clips of one patient, each a view from the apex."),
    ],
    out: Annotated[Path | None, typer.Option(help="Folder to write the result to.")] = None,
    mm_per_pixel: Annotated[
        list[str] | None,
        typer.Option(metavar="MM[,MM]", help=f"{PIXEL_HELP} Once for all files, or once each."),
    ] = None,
    frame_rate: Annotated[
        list[float] | None,
        typer.Option(metavar="HZ", help=f"{RATE_HELP} Once for all files, or once each."),
    ] = None,
    view: Annotated[
        list[str] | None, typer.Option(help=f"{VIEW_HELP} Once for all files, or once each.")
    ] = None,
    heart_rate_bpm: Annotated[
        float | None, typer.Option(help="Heart rate; wins over the clips.")
    ] = None,
    systolic_mmhg: Annotated[float | None, typer.Option(help="Systolic cuff pressure.")] = None,
    diastolic_mmhg: Annotated[float | None, typer.Option(help="Diastolic cuff pressure.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a trained model; the one shipped if left out.")
    ] = None,
    segmentation: Annotated[
        Path | None, typer.Option(help="Folder of the segmentation model that it was trained with.")
    ] = None,
    confidence: Annotated[float, typer.Option(help="Of the intervals.")] = 0.9,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing result folder.")] = False,
    as_json: Json = False,
    seed: Seed = 0,
) -> None:
    """Read the pressure-volume loop from echo clips: EF, volumes and parameters with intervals.

    Several files are views of one patient. The folder keeps every draw with its weight:
    `cardiotwin trial --from` takes it.
    """
    from .. import echo, hemodynamics, report
    from .._checks import check_number

    printer = Printer(as_json)
    check_number(confidence, "confidence", above=0, below=1)
    if out is not None:
        check_out(out)
        report.check_free(out, overwrite=overwrite)
    chosen = None if model is None else echo.TwinModel.load(model)
    looks = None if segmentation is None else echo.SegmentationModel.load(segmentation)
    sides = for_each(mm_per_pixel, files, "mm_per_pixel")
    rates = for_each(frame_rate, files, "frame_rate")
    views = for_each(view, files, "view")
    clips = [
        echo.read_echo(file, mm_per_pixel=pixel_size(side), frame_rate_hz=rate, view=own)
        for file, side, rate, own in zip(files, sides, rates, views, strict=True)
    ]
    printer.say("reading the clips; the first run compiles for about half a minute")
    cuff: dict[str, Any] = {"systolic_mmhg": systolic_mmhg, "diastolic_mmhg": diastolic_mmhg}
    found = echo.predict(
        clips,
        model=chosen,
        segmentation_model=looks,
        seed=seed,
        heart_rate_bpm=heart_rate_bpm,
        **cuff,
    )
    twin = found.identification
    known = hemodynamics.identifiability(twin)
    numbers = _numbers(found, confidence)
    pressures = {name: _spread(twin, name, confidence) for name in PRESSURES}
    _print_numbers(printer, files, {**numbers, **pressures}, confidence)
    _print_parameters(printer, twin, known)
    notes = [*_notes(found, cuff), twin.status, known.summary()]
    for note in notes:
        printer.say(f"· {note}")
    spent = ", ".join(f"{name} {value:.1f}" for name, value in found.seconds.items())
    printer.say(f"seconds: {spent}")
    printer.say("· research software, not for clinical use")
    if out is not None:
        _save(out, found, clips, notes, overwrite=overwrite, seed=seed)
        printer.say(f"open {out / 'report.html'}")
    printer.finish(
        {
            "files": [str(file) for file in files],
            "confidence": confidence,
            "numbers": numbers,
            "in_ml": found.in_ml,
            "pressures": pressures,
            "parameters": {
                row.name: {
                    "median": float(twin.quantile(row.name, 0.5)),
                    "interval": twin.interval(row.name, confidence),
                    "prior_5_to_95_percent": row.prior,
                    "spread_left": row.shrinkage,
                    "verdict": row.verdict,
                }
                for row in known.parameters
            },
            "identifiability": known.summary(),
            "status": twin.status,
            "trusted": twin.trusted,
            "flags": found.flags,
            "seconds": found.seconds,
            "result": None if out is None else str(out),
        }
    )


NUMBERS = {
    "ef_percent": "ejection fraction, %",
    "heart_rate_bpm": "heart rate, /min",
    "edv_ml": "end-diastolic volume, mL",
    "esv_ml": "end-systolic volume, mL",
}
PRESSURES = {
    "systolic_mmhg": "systolic pressure, mmHg",
    "diastolic_mmhg": "diastolic pressure, mmHg",
    "lv_peak_mmhg": "peak pressure of the ventricle, mmHg",
    "lvedp_mmhg": "end-diastolic pressure of the ventricle, mmHg",
}
NO_PIXEL = (
    "Volumes in mL are not given: the size of a pixel is not known (--mm-per-pixel MM). Those that "
    "the loop has are of the prior."
)
NO_PRESSURE = (
    "A clip shows no pressure: all pressures have the spread of the prior; a cuff narrows them "
    "(--systolic-mmhg, --diastolic-mmhg)."
)
CUFF = "Pressures rest on the cuff and on the prior: a clip shows none."


def _numbers(found: "Prediction", confidence: float) -> dict[str, dict[str, Any] | None]:
    """Return what the clips tell; None for a volume that needs the size of a pixel."""
    twin = found.identification
    told: dict[str, dict[str, Any] | None] = {
        name: None if name.endswith("_ml") and not found.in_ml else _spread(twin, name, confidence)
        for name in ("ef_percent", "edv_ml", "esv_ml")
    }
    low, high = twin.interval("period_s", confidence)
    told["heart_rate_bpm"] = {
        "median": 60 / float(twin.quantile("period_s", 0.5)),
        "interval": (60 / high, 60 / low),
    }
    return told


def _spread(twin: "Identification", name: str, confidence: float) -> dict[str, Any]:
    return {
        "median": float(twin.quantile(name, 0.5)),
        "interval": twin.interval(name, confidence),
    }


def _print_numbers(
    printer: Printer,
    files: list[Path],
    told: dict[str, dict[str, Any] | None],
    confidence: float,
) -> None:
    tail = 50 * (1 - confidence)
    rows: list[list[Any]] = []
    for name, label in (NUMBERS | PRESSURES).items():
        one = told[name]
        cells = ["not given", None, None]
        if one is not None:
            cells = [f"{value:.1f}" for value in (one["median"], *one["interval"])]
        rows.append([label, *cells])
    ends = [f"{tail:.3g} %", f"{100 - tail:.3g} %"]
    printer.table(", ".join(map(str, files)), ["", "median", *ends], rows)


def _print_parameters(printer: Printer, twin: "Identification", known: "Identifiability") -> None:
    columns = ["parameter", "5 %", "median", "95 %", "5 % before", "95 %", "spread left (%)", ""]
    rows: list[list[Any]] = []
    for row in known.parameters:
        low, high = row.posterior
        middle = float(twin.quantile(row.name, 0.5))
        rows.append([row.name, low, middle, high, *row.prior, 100 * row.shrinkage, row.verdict])
    printer.table("Parameters", columns, rows)


def _notes(found: "Prediction", cuff: dict[str, float | None]) -> list[str]:
    """Return what must be read with the numbers."""
    pressure = NO_PRESSURE if all(value is None for value in cuff.values()) else CUFF
    return [*found.flags, *([] if found.in_ml else [NO_PIXEL]), pressure]


def _save(
    out: Path,
    found: "Prediction",
    clips: list["EchoClip"],
    notes: list[str],
    *,
    overwrite: bool,
    seed: int,
) -> None:
    from .. import report
    from ..circulation import steady_state

    twin = found.identification
    names = ", ".join(clip.name for clip in clips if clip.name)
    report.save_beat(
        out,
        steady_state(twin.most_probable),
        draws=twin.loops(200, seed),
        title=f"Circulation read from {names or 'a clip'}",
        name="most probable",
        notes=notes,
        identification=twin,
        clips=found.segmentations,
        overwrite=overwrite,
    )
