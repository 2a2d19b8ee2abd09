"""Clips on a page: the ventricle found in them, in step with the loop that they were read as."""

import json
from html import escape
from typing import Any

from ._beat_drawing import MOST_DRAWN
from ._beat_labels import fixed
from ._beat_saved import SavedBeat
from ._clip_drawing import COLUMNS, clip_facts, film
from ._saved_clip import SavedClip

UNKNOWN = "not given"
"""In place of a volume that a clip without pixel size does not tell."""

_NINETY = (0.05, 0.5, 0.95)


def clip_section(saved: SavedBeat) -> str:
    """Return the clips of a patient beside the loop as a section, empty where there are none.

    The text is HTML for the body of a page that has our style sheet and runs charts.js,
    circulation.js and clips.js; it stands before `circulation_section`, whose numbers it shares.

    Args:
        saved: a beat with clips.
    """
    if not saved.clips:
        return ""
    facts = clip_facts(saved)
    data = json.dumps(facts, ensure_ascii=False, allow_nan=False)
    figures = "".join(
        _figure(one, own, index)
        for index, (one, own) in enumerate(zip(saved.clips, facts["clips"], strict=True))
    )
    return (
        "<section><h2>The clip beside the loop</h2>"
        f"<p class=hint>{escape(_explained(saved))}</p>"
        f'<div class="beside"><div class="clips n{min(len(saved.clips), 2)}">{figures}</div>'
        "<div class=right><div class=chart id=clip-loop></div></div></div>"
        '<div class=beatbar><button id=clip-play type=button aria-label="Stop">❚❚</button>'
        '<input id=clip-slider type=range min=0 max=999 value=0 step=1 aria-label="Instant of '
        'the beat"><output id=clip-clock></output></div>'
        f"<h3>Volume through the beat</h3><p class=hint>{escape(_curve(saved))}</p>"
        "<div class=chart id=clip-volume></div>"
        f'<script type="application/json" id="clip-facts">{data}</script></section>'
    )


def clip_tiles(saved: SavedBeat) -> str:
    """Return the numbers that stand at the head of a page about clips, empty without them."""
    found = saved.identification
    if not saved.clips or found is None:
        return ""
    known = any(one.in_ml for one in saved.clips)
    rows = [("Ejection fraction (%)", *map(float, found.quantile("ef_percent", _NINETY)), 0)]
    rows += [
        (label, *map(float, found.quantile(name, _NINETY)), 0)
        for label, name in (
            ("End-diastolic volume (mL)", "edv_ml"),
            ("End-systolic volume (mL)", "esv_ml"),
        )
    ]
    longest, middle, shortest = found.quantile("period_s", _NINETY)
    rows.append(("Heart rate (/min)", 60 / shortest, 60 / middle, 60 / longest, 0))
    tiles = ""
    for label, low, middle, high, digits in rows:
        value = fixed(middle, digits)
        note = f"90 % interval {fixed(low, digits)} to {fixed(high, digits)}"
        if label.endswith("(mL)") and not known:
            value, note = UNKNOWN, "the size of a pixel is not known"
        tiles += (
            f"<div class=tile><span>{escape(label)}</span><b>{escape(value)}</b>"
            f"<small>{escape(note)}</small></div>"
        )
    return tiles


def _figure(one: SavedClip, facts: dict[str, Any], index: int) -> str:
    """Return one clip: its film, of which clips.js shows a frame at a time."""
    chosen = facts["frames"]
    height, width = one.clip.shape
    rows = -(-len(chosen) // COLUMNS)
    name = one.clip.name or f"clip {index + 1}"
    alternative = (
        f"{name}: {len(chosen)} frames of one beat, the border of the left ventricle drawn on them"
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in one.clip.notes)
    notes = f"<details><summary>Reading the file</summary><ul>{notes}</ul></details>"
    return (
        f'<figure class=clip><svg id="clip-{index}" viewBox="0 0 {width} {height}" role=img '
        f'aria-label="{escape(alternative)}"><image href="data:image/png;base64,'
        f'{film(one, chosen)}" width="{COLUMNS * width}" height="{rows * height}" />'
        f'<line class=axis /><path class=border d="{facts["outlines"][0]}" /></svg>'
        f'<figcaption><span><i style="background:{facts["colour"]}"></i>{escape(name)}</span>'
        f"<small>{escape(_described(one, len(chosen)))}</small>"
        f"</figcaption>{notes if one.clip.notes else ''}</figure>"
    )


def _described(one: SavedClip, n_shown: int) -> str:
    clip = one.clip
    pixel = "pixel size not known" if clip.mm_per_pixel is None else "volumes in mL"
    return (
        f"{clip.view or 'view not known'} · {n_shown} of {clip.n_frames} frames · "
        f"{60 / one.period_s:.0f} /min · {pixel}"
    )


def _explained(saved: SavedBeat) -> str:
    text = (
        "The film is the first beat of the clip, again and again, as the network saw it: cropped "
        "to the sector and made small. Drawn on it are the border that was found and the long "
        "axis. Beside it: the most probable pressure–volume loop"
    )
    if saved.draws is not None:
        n_draws = len(saved.draws.volume_ml)
        text += f", and thin the loops of {min(n_draws, MOST_DRAWN)} of {n_draws} draws"
    text += ". The ring runs along the loop in step with the frames. No pressure is seen in a clip"
    if any(one.in_ml for one in saved.clips):
        return f"{text}."
    return f"{text}, and without the size of a pixel no volume: only the shape of the loop is read."


def _curve(saved: SavedBeat) -> str:
    text = (
        "Points, in the colour beside the name of the clip: frames of all its beats, by disks in "
        "one plane, shifted so that the beats of clip and simulation agree best."
    )
    if any(one.in_ml for one in saved.clips):
        factors = " and ".join(f"{one.volume_factor:.2f}" for one in saved.clips if one.in_ml)
        text += f" They are multiplied by {factors}, the calibration of seeing one plane only."
    else:
        text += " In percent of the largest volume, since the size of a pixel is not known."
    text += " Line: the most probable circulation."
    if saved.draws is not None:
        text += " Band: nine of ten draws at each instant."
    return text
