"""A study's answer: a table, what has to be said beside it, and figures."""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._files import atomic_path
from .._types import PathLike


@dataclass(frozen=True, eq=False)
class StudyTable:
    """Rows of numbers under named columns, with the sentences that must stand beside them.

    Attributes:
        title: what was measured.
        columns: names, units included.
        rows: one list a row, as long as `columns`.
        notes: honesty: inverse crimes, mismatches, what falls short.
        figures: Plotly figures by file name (without suffix).

    >>> StudyTable("t", ["method", "RE"], [["zero", 1.0]]).as_markdown().splitlines()[0]
    '| method | RE |'
    """

    title: str
    columns: list[str]
    rows: list[list[Any]]
    notes: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def as_markdown(self) -> str:
        """Return the table in Markdown, numbers with four significant digits."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return "\n".join("| " + " | ".join(_show(cell) for cell in line) + " |" for line in lines)

    def column(self, name: str) -> list[Any]:
        """Return one column."""
        index = self.columns.index(name)
        return [row[index] for row in self.rows]

    def save(self, folder: PathLike, name: str) -> list[Path]:
        """Write the table as CSV and Markdown and the figures as HTML; return the paths."""
        folder = Path(folder)
        paths = [folder / f"{name}.csv", folder / f"{name}.md"]
        with (
            atomic_path(paths[0]) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as handle,
        ):
            writer = csv.writer(handle)
            writer.writerow(self.columns)
            writer.writerows(self.rows)
        notes = "\n".join(f"- {note}" for note in self.notes)
        with atomic_path(paths[1]) as temporary:
            temporary.write_text(
                f"# {self.title}\n\n{self.as_markdown()}\n\n{notes}\n", encoding="utf-8"
            )
        for label, figure in self.figures.items():
            path = folder / f"{name}-{label}.html"
            with atomic_path(path) as temporary:
                figure.write_html(temporary, include_plotlyjs=True)
            paths.append(path)
        return paths


def _show(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:.4g}"
    return "–" if cell is None else str(cell)
