"""What a verb prints: a readable table on a terminal, or one JSON object with --json."""

import json
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .._errors import FileFormatError, InputError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all randomness.")]
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
        table = Table(
            title=escape(title), title_justify="left", header_style="bold", box=box.SIMPLE_HEAD
        )
        for index, column in enumerate(columns):
            words = any(isinstance(row[index], str) for row in rows)
            table.add_column(column, justify="left" if words else "right", overflow="fold")
        for row in rows:
            # Square brackets are markup to rich: 'cardiotwin[io]' would lose its extra.
            table.add_row(*(escape(_show(cell)) for cell in row))
        self.console.print(table)

    def finish(self, result: dict[str, Any]) -> None:
        """Print the JSON object, if JSON was asked for."""
        if self.as_json:
            print(json.dumps(_plain(result), allow_nan=False, indent=2))


def print_error(kind: str, message: str, as_json: bool) -> None:
    """Print an error in one line to the error stream, or as JSON to the output."""
    message = " ".join(message.split())
    if as_json:
        print(json.dumps({"error": kind, "message": message}))
    else:
        print(f"error: {message}", file=sys.stderr)


def check_out(out: Path) -> None:
    """Refuse a folder that cannot be written, before anything long is computed for it.

    Raises:
        InputError: a file stands there or on the way, or nothing can be written there.
    """
    place = out.absolute()
    while not os.path.exists(place):
        place = place.parent
    if not place.is_dir():
        raise InputError(
            f"out {out}",
            found=f"a file at {place}",
            expected="a folder, or a name for a new one",
            advice="Choose another folder.",
        )
    try:
        # Only trying tells: root may write anywhere by its rights, but not into /proc.
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise InputError(
            f"out {out}",
            found=f"{place}, where nothing can be written ({error.strerror})",
            expected="a folder, new or not, where files can be written",
            advice="Choose another folder.",
        ) from None


def npz_path(out: Path) -> Path:
    """Return the path of an .npz file to write; a name without suffix gets this one.

    Raises:
        FileFormatError: another suffix.
    """
    if out.suffix.lower() == ".npz":
        return out
    if out.suffix or out.is_dir():
        raise FileFormatError(
            f"out {out}",
            found="a folder" if out.is_dir() else f"the suffix {out.suffix!r}",
            expected="a file name that ends in .npz",
            advice=f"Write {out / 'data.npz' if out.is_dir() else out.with_suffix('.npz')}.",
        )
    return out.with_name(f"{out.name}.npz")


def _show(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:.4g}"
    return "" if cell is None else str(cell)


def _plain(value: Any) -> Any:
    """Return what JSON knows: NaN and infinity, which it does not, become null."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
