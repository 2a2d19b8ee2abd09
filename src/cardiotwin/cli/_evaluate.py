"""The verb ``evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

from ._output import Json, Out, Printer, Seed


def evaluate(
    result: Annotated[Path, typer.Argument(help="Folder that `reconstruct` wrote.")],
    truth: Annotated[str, typer.Option(help="Measured heart potentials, FILE[:ARRAY].")],
    potential_unit: Annotated[str | None, typer.Option(help="Unit, if the file is silent.")] = None,
    rate_hz: Annotated[float | None, typer.Option(help="Rate, if the file is silent.")] = None,
    remove_mean: Annotated[
        bool, typer.Option(help="Compare after removing spatial means.")
    ] = False,
    as_json: Json = False,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Score a reconstruction against known heart potentials, beside the zero solution."""
    del seed
    from .. import ecgi, report
    from .._checks import check_array
    from ..studies import StudyTable

    saved = report.load_reconstruction(result)
    known = ecgi.read_potentials(truth, unit=potential_unit, rate_hz=rate_hz)
    known = known.in_unit(saved.unit).samples
    check_array(known, f"truth {truth}", shape=saved.heart_potentials.shape)
    activation = ecgi.estimate_activation(
        saved.heart, saved.heart_potentials, known, saved.times_ms
    )
    ours = ecgi.evaluate(
        saved.heart_potentials,
        known,
        surface=saved.heart,
        activation_ms=activation.pair,
        remove_mean=remove_mean,
    ).as_dict()
    zero = ecgi.evaluate_zero(known, remove_mean=remove_mean).as_dict()
    rows = [[name, ours[name], zero.get(name)] for name in ours]
    printer = Printer(as_json)
    table = StudyTable("Against the truth", ["metric", "reconstruction", "zero solution"], rows)
    printer.table(table.title, table.columns, table.rows)
    if out is not None:
        written = table.save(out.parent, out.stem if out.suffix in (".csv", ".md") else out.name)
        for path in written:
            printer.say(f"wrote {path}")
    printer.finish({"reconstruction": ours, "zero": zero})
