"""The verb ``reproduce``."""

from pathlib import Path
from typing import Annotated

import typer

from ._output import Json, Out, Printer, Seed


def reproduce(
    study: Annotated[str, typer.Argument(help="Name of the study; 'list' prints them.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder with the measured data sets, where one is needed.")
    ] = None,
    quick: Annotated[bool, typer.Option(help="A smaller version that shows the form.")] = False,
    as_json: Json = False,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Compute a table of a paper, or one of ours, and print it."""
    from .. import studies
    from .._checks import check_choice

    printer = Printer(as_json)
    if study == "list":
        rows = [[name, entry.summary, entry.folder] for name, entry in studies.STUDIES.items()]
        printer.table("Studies", ["name", "what it shows", "data folder"], rows)
        printer.finish({"studies": [row[0] for row in rows]})
        return
    entry = studies.STUDIES[check_choice(study, "study", studies.STUDIES)]
    table = entry.run(data, quick=quick, seed=seed)
    printer.table(table.title, table.columns, table.rows)
    for note in table.notes:
        printer.say(f"· {note}")
    written = table.save(out, study) if out is not None else []
    for path in written:
        printer.say(f"wrote {path}")
    printer.finish(
        {
            "title": table.title,
            "columns": table.columns,
            "rows": table.rows,
            "notes": table.notes,
            "written": [str(path) for path in written],
        }
    )
