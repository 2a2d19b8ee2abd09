"""The verb ``reconstruct``."""

from pathlib import Path
from typing import Annotated

import typer

from ._names import METHOD_HELP, RULE_HELP
from ._output import Json, Printer, Seed


def reconstruct(
    recording: Annotated[
        str, typer.Option(metavar="FILE[:ARRAY]", help="Body-surface potentials.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write the result to.")],
    geometry: Annotated[
        str | None, typer.Option(help="File (or folder with one) holding heart and torso.")
    ] = None,
    heart: Annotated[str | None, typer.Option(help="File of the heart surface.")] = None,
    torso: Annotated[str | None, typer.Option(help="File of the torso surface.")] = None,
    matrix: Annotated[str | None, typer.Option(help="Given transfer matrix, FILE[:ARRAY].")] = None,
    leads: Annotated[str | None, typer.Option(help="0-based torso nodes, FILE[:ARRAY].")] = None,
    truth: Annotated[
        str | None, typer.Option(help="Measured heart potentials to score by.")
    ] = None,
    unit: Annotated[str | None, typer.Option(help="Unit of coordinates: mm, cm, m.")] = None,
    potential_unit: Annotated[
        str | None, typer.Option(help="Unit of potentials: V, mV, uV.")
    ] = None,
    rate_hz: Annotated[float | None, typer.Option(help="Sampling rate.")] = None,
    method: Annotated[str, typer.Option(help=METHOD_HELP)] = "tikhonov2",
    rule: Annotated[str | None, typer.Option(help=RULE_HELP)] = None,
    reference: Annotated[
        str, typer.Option(help="average, as-recorded, or leads:0,1,2.")
    ] = "average",
    exclude: Annotated[str, typer.Option(help="0-based bad channels, comma-separated.")] = "",
    source: Annotated[str, typer.Option(help="epicardial or transmembrane.")] = "epicardial",
    cores: Annotated[
        int, typer.Option(min=1, help="Cores that share the training of a network.")
    ] = 1,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing result folder.")] = False,
    as_json: Json = False,
    seed: Seed = 0,
) -> None:
    """Reconstruct heart-surface potentials from body-surface potentials, with a report."""
    from .. import ecgi, report
    from .._checks import check_choice
    from ..learning import use_cores
    from . import _choices

    printer = Printer(as_json)
    # Whatever can be refused is refused before anything long is read or computed.
    report.check_free(out, overwrite=overwrite)
    solver = _choices.choose_method(method, rule, seed)
    if cores > 1:
        use_cores(cores)
    case = ecgi.read_case(
        recording,
        geometry=geometry,
        heart=heart,
        torso=torso,
        matrix=matrix,
        leads=leads,
        truth=truth,
        unit=unit,
        potential_unit=potential_unit,
        rate_hz=rate_hz,
        reference=_choices.choose_reference(reference),
        exclude=tuple(_choices.numbers(exclude, "exclude")),
        source=ecgi.Source[check_choice(source, "source", ["epicardial", "transmembrane"]).upper()],
    )
    for note in case.notes:
        printer.say(f"· {note}")
    result = ecgi.reconstruct(case.problem, solver)
    printer.say(repr(result))
    metrics = None
    known = None if case.truth is None else case.truth.samples
    activation = ecgi.estimate_activation(
        case.problem.heart, result.heart_potentials, known, result.times_ms
    )
    if known is not None:
        metrics = ecgi.evaluate(
            result.heart_potentials,
            known,
            surface=case.problem.heart,
            activation_ms=activation.pair,
            remove_mean=reference == "average",
        )
        rows = [[name, value] for name, value in metrics.as_dict().items()]
        printer.table("Against the measured heart", ["metric", "value"], rows)
    report.save_reconstruction(
        out,
        result,
        truth=known,
        metrics=metrics,
        activation=activation,
        torso=case.torso,
        unit=case.recording.unit,
        notes=case.notes,
        overwrite=overwrite,
    )
    printer.say(f"open {out / 'report.html'}")
    printer.finish(
        {
            "result": str(out),
            "status": result.status,
            "body_residual": result.body_residual,
            "lambda": None if result.parameter is None else result.parameter.value,
            "rule": None if result.parameter is None else result.parameter.rule,
            "metrics": None if metrics is None else metrics.as_dict(),
            "notes": case.notes,
            "seconds": result.seconds,
        }
    )
