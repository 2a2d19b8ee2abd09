"""Every Python block in README and docs runs, top to bottom, a file sharing its names."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_runs(page, tmp_path, monkeypatch):
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": page.stem}
    for number, block in enumerate(blocks):
        exec(compile(block, f"{page.name}, block {number}", "exec"), names)


def test_pages_name_commands_that_exist():
    import typer

    from cardiotwin.cli._app import app

    verbs = set(typer.main.get_command(app).commands)
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for verb in re.findall(r"^(?:\$ )?cardiotwin ([a-z][a-z-]*)", text, re.MULTILINE):
            assert verb in verbs, f"{page.name} names the verb {verb!r}, there are {sorted(verbs)}"
