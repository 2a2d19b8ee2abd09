"""The verb ``report``."""

from pathlib import Path
from typing import Annotated

import typer

from ._output import Json, Out, Printer, Seed


def report(
    result: Annotated[
        Path, typer.Argument(help="Folder that `reconstruct`, `identify` or `predict` wrote.")
    ],
    out: Out = None,
    as_json: Json = False,
    seed: Seed = 0,
) -> None:
    """Write report.html again from a result folder."""
    del seed
    from .. import report as room

    target = out or result
    if target.is_dir():
        target = target / "report.html"
    if room.holds_beat(result):
        room.write_beat_report(room.load_beat(result), target)
    else:
        room.write_report(room.load_reconstruction(result), target)
    printer = Printer(as_json)
    printer.say(f"open {target}")
    printer.finish({"report": str(target), "bytes": target.stat().st_size})
