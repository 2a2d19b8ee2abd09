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
    """Compute a table of a paper, or one of ours, and print it.

    With --out a long study keeps what it has finished: run again after an interrupt, it goes on.
    """
    from .. import __version__, studies
    from .._checks import check_choice

    printer = Printer(as_json)
    if study == "list":
        rows = [[name, entry.summary, entry.folder] for name, entry in studies.STUDIES.items()]
        printer.table("Studies", ["name", "what it shows", "data folder"], rows)
        printer.finish({"studies": [row[0] for row in rows]})
        return
    entry = studies.STUDIES[check_choice(study, "study", studies.STUDIES)]
    parts = studies.FinishedParts()
    if out is not None and entry.resumable:
        recipe = {"study": study, "quick": quick, "seed": seed, "version": __version__}
        parts = studies.FinishedParts(out / f".{study}.parts.jsonl", recipe)
    resume = {"parts": parts} if entry.resumable else {}
    table = entry.run(data, quick=quick, seed=seed, **resume)
    printer.table(table.title, table.columns, table.rows)
    for note in table.notes:
        printer.say(f"· {note}")
    written = table.save(out, study) if out is not None else []
    parts.discard()
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
