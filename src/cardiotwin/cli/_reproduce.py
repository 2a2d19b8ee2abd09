"""The verb ``reproduce``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .._errors import InputError
from ._output import Json, Out, Printer, Seed


def reproduce(
    study: Annotated[str, typer.Argument(help="Name of the study; 'list' prints them.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder with the measured data sets, where one is needed.")
    ] = None,
    quick: Annotated[bool, typer.Option(help="A smaller version that shows the form.")] = False,
    seeds: Annotated[
        int | None,
        typer.Option(min=0, help="Runs a cell; 0 only shows what there is. Not for all studies."),
    ] = None,
    runs: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the tables where every run is kept. Default: 'results' in the current "
            "folder if there is one, otherwise under --out."
        ),
    ] = None,
    as_json: Json = False,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Compute a table of a paper, or one of ours, and print it.

    With --out a long study keeps what it has finished: run again after an interrupt, it goes on.
    Where that is checkpoints and encodings, they stay in the folder STUDY.work under it.
    Studies with --seeds keep every single run in a table; missing runs are done, the others read.
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
    if entry.tabled:
        _show(printer, study, _fill(entry, data, quick, seed, seeds, _folder(runs, out)), out)
        return
    for option, value in (("--seeds", seeds), ("--runs", runs)):
        if value is not None:
            tabled = ", ".join(name for name, one in studies.STUDIES.items() if one.tabled)
            raise InputError(
                option, found=f"{value} for {study}", expected=f"one of the studies {tabled}"
            )
    parts = studies.FinishedParts()
    if out is not None and entry.resumable:
        recipe = {"study": study, "quick": quick, "seed": seed, "version": __version__}
        parts = studies.FinishedParts(out / f".{study}.parts.jsonl", recipe)
    resume: dict[str, Any] = {"parts": parts} if entry.resumable else {}
    if out is not None and entry.works:
        resume["work"] = out / f"{study}.work"
    table = entry.run(data, quick=quick, seed=seed, **resume)
    _show(printer, study, table, out)
    parts.discard()


def _folder(runs: Path | None, out: Path | None) -> Path | None:
    """Return where runs are kept, None for nowhere."""
    if runs is not None:
        return runs
    if Path("results").is_dir():
        return Path("results")
    return None if out is None else out / "results"


def _fill(
    entry: Any, data: Path | None, quick: bool, seed: int, seeds: int | None, folder: Path | None
) -> Any:
    table = entry.run(data, quick=quick, seed=seed, seeds=seeds, runs=folder)
    where = "nowhere: give --runs or --out" if folder is None else str(folder)
    table.notes.append(f"runs are kept {where if folder is None else 'in ' + where}")
    return table


def _show(printer: Printer, study: str, table: Any, out: Path | None) -> None:
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
