"""The verb ``convert``."""

from pathlib import Path
from typing import Annotated

import typer

from ._output import Json, Printer, Seed


def convert(
    source: Annotated[Path, typer.Argument(help="Surface file to read.")],
    out: Annotated[Path, typer.Option(help="Surface file to write; its suffix is the format.")],
    unit: Annotated[str | None, typer.Option(help="mm, cm or m, if the file does not say.")] = None,
    name: Annotated[str, typer.Option(help="Which surface, where the file holds several.")] = "",
    repair: Annotated[bool, typer.Option(help="Clean, cap and orient the surface first.")] = False,
    as_json: Json = False,
    seed: Seed = 0,
) -> None:
    """Convert a surface between file formats, and say what is wrong with it."""
    del seed
    from .. import geometry

    printer = Printer(as_json)
    surface = geometry.read_surface(source, unit=unit, name=name)
    if repair:
        surface, _ = geometry.clean(surface)
        surface = geometry.orient(geometry.cap(surface))
    report = geometry.validate(surface)
    geometry.write_surface(out, surface)
    printer.say(str(report))
    printer.say(f"wrote {out}")
    printer.finish({"written": str(out), "ok": report.ok, "problems": list(report.problems)})
