"""The page of a circulation alone."""

import json
from html import escape
from pathlib import Path

from .._files import atomic_path
from .._types import PathLike
from ..circulation import Beat
from ._beat_saved import SavedBeat, collect_beat
from ._beat_sections import circulation_section, circulation_tiles
from ._beat_store import load_beat
from ._clip_section import clip_section, clip_tiles
from ._shell import make_page


def write_beat_report(result: Beat | SavedBeat | PathLike, path: PathLike | None = None) -> Path:
    """Write a page about a circulation: one file that works offline in any current browser.

    It shows the clips that the circulation was read from, pressure–volume loops, the Wiggers
    diagram, clinical indices and parameters with their intervals where draws are given, and what
    the model assumes.

    Args:
        result: a folder of `save_beat`, what `load_beat` gave, or a beat of one patient.
        path: file to write; ``report.html`` in the folder when left out.

    Returns:
        The path of the page.

    Raises:
        FileFormatError: not the folder of a beat, or a damaged one.
        InputError: a batch where one beat is needed, or a failed beat.

    >>> import tempfile
    >>> from cardiotwin.circulation import Circulation, steady_state
    >>> beat = steady_state(Circulation())
    >>> write_beat_report(beat, Path(tempfile.mkdtemp()) / "beat.html").name
    'beat.html'
    """
    if isinstance(result, (Beat, SavedBeat)):
        saved = collect_beat(result)
        target = Path("report.html" if path is None else path)
    else:
        saved = load_beat(result)
        target = Path(result) / "report.html" if path is None else Path(path)
    body = "\n".join(
        part
        for part in (
            _header(saved),
            _notes(saved),
            clip_section(saved),
            circulation_section(saved),
            _provenance(saved),
            "<footer>Made by cardiotwin, research software. "
            "<strong>Not for clinical use.</strong></footer>",
        )
        if part
    )
    page = make_page(
        f"<main>\n{body}\n</main>",
        title=saved.title,
        version=saved.beat.provenance.version,
        scripts=("charts.js", "circulation.js", *(["clips.js"] if saved.clips else [])),
    )
    with atomic_path(target) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return target


def _header(saved: SavedBeat) -> str:
    beat = saved.beat
    tiles = clip_tiles(saved) or circulation_tiles(saved)
    pump = "" if beat.lvad is None else f" · pump at {float(beat.lvad.speed_rpm):.0f} rpm"
    return (
        "<header><div class=bar0><p class=brand>cardiotwin <span>circulation report</span></p>"
        "<p class=pill>Not for clinical use</p>"
        '<button id=theme type=button aria-label="Switch between light and dark">◐</button></div>'
        f"<h1>{escape(saved.title)}</h1><p class=method>Left heart and systemic circulation · "
        f"{float(beat.circulation.heart_rate_bpm):.0f} beats a minute{pump}</p>"
        f"<div class=tiles>{tiles}</div></header>"
    )


def _notes(saved: SavedBeat) -> str:
    if not saved.notes:
        return ""
    items = "".join(f"<li>{escape(text)}</li>" for text in saved.notes)
    return (
        f'<aside class=warn aria-label="Read before use"><b>Read first</b><ul>{items}</ul></aside>'
    )


def _provenance(saved: SavedBeat) -> str:
    made = saved.beat.provenance
    rows = [
        ("cardiotwin", made.version),
        ("Computed", made.created),
        ("Python", made.python),
        ("Seed", "none needed" if made.seed is None else str(made.seed)),
        ("Fingerprint", made.fingerprint),
    ]
    cells = "".join(f"<tr><td>{label}<td>{escape(value)}</tr>" for label, value in rows)
    settings = escape(json.dumps(made.settings, indent=2, ensure_ascii=False))
    return (
        f"<section><h2>Provenance</h2><table class=facts><tbody>{cells}</tbody></table>"
        f"<details><summary>Settings</summary><pre>{settings}</pre></details></section>"
    )
