"""What a verb prints: a readable table on a terminal, or one JSON object with --json."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Seed = Annotated[int, typer.Option(help="Seed of all randomness.")]
Out = Annotated[Path | None, typer.Option(help="Folder or file to write; nothing else is.")]


class Printer:
    """Collects what a verb has to say and prints it once, as text or as JSON."""

    def __init__(self, as_json: bool):
        self.as_json = as_json
        stream = sys.stderr if as_json else sys.stdout
        # Where nobody's window limits the lines, tables keep theirs whole.
        width = None if stream.isatty() else 240
        self.console = Console(file=stream, highlight=False, width=width)

    def say(self, text: str) -> None:
        """Print a line of progress; silent with --json."""
        if not self.as_json:
            self.console.print(text, markup=False)

    def table(self, title: str, columns: list[str], rows: list[list[Any]]) -> None:
        """Print a table; silent with --json."""
        if self.as_json:
            return
        table = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD)
        for index, column in enumerate(columns):
            table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
        for row in rows:
            table.add_row(*(_show(cell) for cell in row))
        self.console.print(table)

    def finish(self, result: dict[str, Any]) -> None:
        """Print the JSON object, if JSON was asked for."""
        if self.as_json:
            print(json.dumps(result, default=_plain, indent=2))


def print_error(error: Exception, as_json: bool) -> None:
    """Print an error of ours to the error stream, as text or as JSON to the output."""
    if as_json:
        print(json.dumps({"error": type(error).__name__, "message": str(error)}))
    else:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {error}", markup=False)


def _show(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:.4g}"
    return "" if cell is None else str(cell)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
