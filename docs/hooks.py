"""Writes the reference pages: every name that a room's ``__init__.py`` exports, and its tables."""

import ast
import runpy
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src" / "cardiotwin"


def exported_names(room: str) -> list[str]:
    """Return the names that a room re-exports, found without importing it."""
    tree = ast.parse((SOURCE / room / "__init__.py").read_text(encoding="utf-8"))
    names = [
        alias.asname
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname and alias.asname == alias.name
    ]
    return sorted(names, key=str.lower)


def parameter_table() -> str:
    """Return the parameters of a circulation; their file needs nothing but Python."""
    return runpy.run_path(str(SOURCE / "circulation" / "_parameters.py"))["parameter_table"]()


def patient_table() -> str:
    """Return the patients of the zoo."""
    from cardiotwin.hemodynamics import zoo

    rows = [f"| `{own.name}` | {own.description} |" for own in zoo.PATIENTS.values()]
    return "\n".join(["| patient | who it is |", "|---|---|", *rows])


TABLES = {
    "circulation": ("Parameters", parameter_table),
    "hemodynamics": ("Patients of the zoo", patient_table),
}


def on_page_markdown(markdown: str, page, config, files) -> str:
    """Turn a page of docs/api into one block for every exported name."""
    del config, files
    if not page.file.src_uri.startswith("api/"):
        return markdown
    room = Path(page.file.src_uri).stem
    blocks = [f"::: cardiotwin.{room}.{name}" for name in exported_names(room)]
    summary = ast.get_docstring(ast.parse((SOURCE / room / "__init__.py").read_text("utf-8")))
    tables = []
    if room in TABLES:
        title, make = TABLES[room]
        tables = [f"## {title}", make()]
    return "\n\n".join([f"# cardiotwin.{room}", summary or "", *tables, *blocks])
