"""The verb ``identify``."""

from pathlib import Path
from typing import Annotated

import typer

from ._output import Json, Printer, Seed


def identify(
    out: Annotated[Path | None, typer.Option(help="Folder to write the result to.")] = None,
    heart_rate_bpm: Annotated[float | None, typer.Option(help="Heart rate.")] = None,
    edv_ml: Annotated[float | None, typer.Option(help="End-diastolic volume.")] = None,
    esv_ml: Annotated[float | None, typer.Option(help="End-systolic volume.")] = None,
    ef_percent: Annotated[float | None, typer.Option(help="Ejection fraction.")] = None,
    systolic_mmhg: Annotated[float | None, typer.Option(help="Systolic cuff pressure.")] = None,
    diastolic_mmhg: Annotated[float | None, typer.Option(help="Diastolic cuff pressure.")] = None,
    mean_pressure_mmhg: Annotated[float | None, typer.Option(help="Mean pressure.")] = None,
    stroke_volume_ml: Annotated[float | None, typer.Option(help="Forward stroke volume.")] = None,
    cardiac_output_l_min: Annotated[float | None, typer.Option(help="Cardiac output.")] = None,
    lvedp_mmhg: Annotated[float | None, typer.Option(help="End-diastolic pressure.")] = None,
    error: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=SD", help="Standard deviation of a number; repeatable."),
    ] = None,
    method: Annotated[str, typer.Option(help="posterior, map or nuts.")] = "posterior",
    overwrite: Annotated[bool, typer.Option(help="Replace an existing result folder.")] = False,
    as_json: Json = False,
    seed: Seed = 0,
) -> None:
    """Find the circulations that explain clinical numbers: parameters and loops with intervals.

    The folder keeps every draw with its weight: `cardiotwin trial --from` takes it.
    """
    from .. import hemodynamics, report
    from .._checks import check_choice

    printer = Printer(as_json)
    methods = {
        "posterior": hemodynamics.Posterior(),
        "map": hemodynamics.MaximumAPosteriori(),
        "nuts": hemodynamics.NoUTurn(),
    }
    solver = methods[check_choice(method, "method", methods)]
    measured = hemodynamics.Measurements(
        heart_rate_bpm=heart_rate_bpm,
        edv_ml=edv_ml,
        esv_ml=esv_ml,
        ef_percent=ef_percent,
        systolic_mmhg=systolic_mmhg,
        diastolic_mmhg=diastolic_mmhg,
        mean_pressure_mmhg=mean_pressure_mmhg,
        stroke_volume_ml=stroke_volume_ml,
        cardiac_output_l_min=cardiac_output_l_min,
        lvedp_mmhg=lvedp_mmhg,
        errors=dict(_error(text) for text in error or []),
    )
    if out is not None:
        report.check_free(out, overwrite=overwrite)
    printer.say("identifying; the first run compiles for about half a minute")
    found = hemodynamics.identify(measured, method=solver, seed=seed)
    printer.say(found.status)
    known = hemodynamics.identifiability(found)
    rows = [
        [row.name, *row.prior, *row.posterior, 100 * row.shrinkage, row.verdict]
        for row in known.parameters
    ]
    columns = ["parameter", "5 % before", "95 %", "5 % after", "95 %", "spread left (%)", ""]
    printer.table("Parameters", columns, rows)
    indices = {name: found.interval(name) for name in SHOWN}
    printer.table(
        "Predicted",
        ["index", "5 %", "median", "95 %"],
        [
            [name, low, float(found.quantile(name, 0.5)), high]
            for name, (low, high) in indices.items()
        ],
    )
    printer.say(known.summary())
    if out is not None:
        from ..circulation import steady_state

        report.save_beat(
            out,
            steady_state(found.most_probable),
            draws=found.loops(200, seed),
            title="Identified circulation",
            name="most probable",
            notes=[found.status, known.summary()],
            identification=found,
            overwrite=overwrite,
        )
        printer.say(f"open {out / 'report.html'}")
    printer.finish(
        {
            "status": found.status,
            "trusted": found.trusted,
            "diagnostics": found.diagnostics,
            "measurements": measured.as_dict(),
            "parameters": {row.name: row.posterior for row in known.parameters},
            "predicted": indices,
            "identifiability": known.summary(),
            "result": None if out is None else str(out),
            "seconds": found.seconds,
        }
    )


SHOWN = (
    "edv_ml",
    "esv_ml",
    "ef_percent",
    "co_l_min",
    "systolic_mmhg",
    "diastolic_mmhg",
    "lv_peak_mmhg",
    "lvedp_mmhg",
    "stroke_work_mmhg_ml",
)
"""Indices that are printed."""


def _error(text: str) -> tuple[str, float]:
    from .._errors import InputError

    name, _, number = text.partition("=")
    try:
        return name.strip(), float(number)
    except ValueError:
        raise InputError("error", found=repr(text), expected="NAME=SD, such as edv_ml=12") from None
