"""The circulation on a page: loops, Wiggers diagram, tables and what is assumed."""

import json
from html import escape

import numpy as np

from ..circulation import PARAMETERS, Beat
from ._beat_drawing import MOST_DRAWN, PHASE_KINDS, drawing_facts
from ._beat_labels import IndexLabel, fixed, index_label, index_rows
from ._beat_prose import ASSUMPTIONS, describe_circulation
from ._beat_saved import SavedBeat, collect_beat
from ._labels import show_number
from ._phases import beat_phases

_TINTS = {"rise": "--amber", "ejection": "--accent", "fall": "--purple"}


def circulation_section(circulation: Beat | SavedBeat) -> str:
    """Return the circulation of a patient as sections of a page, with the numbers they draw.

    The text is HTML for the body of a page that has our style sheet and runs charts.js and
    circulation.js, as the pages of `write_report` and `write_beat_report` do.

    Args:
        circulation: a beat of one patient, or what `load_beat` gave.

    Raises:
        InputError: a batch where one beat is needed, or a failed beat.

    >>> from cardiotwin.circulation import Circulation, steady_state
    >>> "Clinical indices" in circulation_section(steady_state(Circulation()))
    True
    """
    saved = collect_beat(circulation)
    data = json.dumps(drawing_facts(saved), ensure_ascii=False, allow_nan=False)
    data = data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return "\n".join(
        (
            _loops(saved),
            _wiggers(saved),
            _indices(saved),
            _parameters(saved),
            _methods(saved),
            f'<script type="application/json" id="circulation-facts">{data}</script>',
        )
    )


def circulation_tiles(saved: SavedBeat) -> str:
    """Return the numbers that stand at the head of a page."""
    own, spread = saved.beat.indices, saved.index_intervals()
    shown = [
        ("Ejection fraction (%)", fixed(own.ef_percent, 1), _between(spread, "ef_percent")),
        (
            "Volumes (mL)",
            f"{fixed(own.edv_ml, 0)} → {fixed(own.esv_ml, 0)}",
            "end diastole → end systole",
        ),
        ("Cardiac output (L/min)", fixed(own.co_l_min, 2), _between(spread, "co_l_min")),
        (
            "Aortic pressure (mmHg)",
            f"{fixed(own.systolic_mmhg, 0)}/{fixed(own.diastolic_mmhg, 0)}",
            f"mean {fixed(own.mean_aortic_mmhg, 0)}",
        ),
        (
            "Stroke work (mmHg mL)",
            fixed(own.stroke_work_mmhg_ml, 0),
            _between(spread, "stroke_work_mmhg_ml"),
        ),
    ]
    if saved.beat.lvad is not None:
        pumped = fixed(0.06 * own.pump_flow_ml_s, 2)
        # The ejection fraction says little under a pump.
        shown[0] = ("Pump flow (L/min)", pumped, "mean; the rest leaves by the valve")
    return "".join(
        f"<div class=tile><span>{escape(label)}</span><b>{escape(value)}</b>"
        f"<small>{escape(note)}</small></div>"
        for label, value, note in shown
    )


def _between(spread: dict[str, tuple[float, float]], name: str) -> str:
    if name not in spread:
        return "given parameters: no interval"
    low, high = spread[name]
    digits = index_label(name).digits
    return f"nine of ten draws: {fixed(low, digits)} to {fixed(high, digits)}"


def _loops(saved: SavedBeat) -> str:
    beat = saved.beat
    text = (
        "Filled dot: end systole, where the elastance is largest; open dot: end diastole, where "
        "the contraction starts. Dashed: end-systolic and end-diastolic relation, slopes in "
        "mmHg/mL. The ring follows the cursor of the diagram below."
    )
    if saved.draws is not None:
        n_draws = len(saved.draws.volume_ml)
        shown = "all" if n_draws <= MOST_DRAWN else f"{MOST_DRAWN} of"
        text += (
            f" Thin: {shown} {n_draws} draws, each the loop of one set of parameters. No band is "
            "drawn, because its width would depend on the direction it is measured in."
        )
    if beat.lvad is not None:
        text += f" The pump runs at {float(beat.lvad.speed_rpm):.0f} rpm."
    return (
        "<section><h2>Pressure–volume loop of the left ventricle</h2>"
        f"<p class=hint>{escape(text)}</p><div class=chart id=circulation-loops></div></section>"
    )


def _wiggers(saved: SavedBeat) -> str:
    names = list(dict.fromkeys(phase.name for phase in beat_phases(saved.beat)))
    chips = "".join(
        f'<li><i style="background:var({_TINTS[PHASE_KINDS[name]]})"></i>{escape(name)}</li>'
        for name in names
        if name in PHASE_KINDS
    )
    note = "Drag over the curves to read them; arrow keys move the cursor."
    if saved.draws is not None:
        note += " Bands: nine of ten draws at each phase of the beat."
    charts = "".join(
        f"<div class=chart id=circulation-{name}></div>"
        for name in ("pressure", "volume", "flow", "valves")
    )
    return (
        "<section><div class=row><h2>Wiggers diagram</h2>"
        f"<p class=hint>{escape(note)}</p></div>"
        f"<ul class=chips>{chips}<li>no tint: filling</li></ul>"
        '<div id=circulation-wiggers tabindex=0 role=group aria-label="Wiggers diagram">'
        f"{charts}</div><p class=hint><output id=circulation-clock></output></p></section>"
    )


def _indices(saved: SavedBeat) -> str:
    groups: dict[str, list[tuple[str, IndexLabel]]] = {}
    for name in index_rows(saved.beat):
        label = index_label(name)
        groups.setdefault(label.group, []).append((name, label))
    beats = {saved.name: saved.beat, **saved.compared}
    spread = saved.index_intervals()
    head = _head(["Index", *(beats if len(beats) > 1 else ["Value"])], bool(spread))
    columns = head.count("<th")

    def table(chosen: list[str]) -> str:
        rows = ""
        for group in chosen:
            rows += f"<tr><th colspan={columns}>{escape(group)}</tr>"
            rows += "".join(
                _row(
                    label.label,
                    [fixed(getattr(own.indices, name), label.digits) for own in beats.values()],
                    _limits(spread.get(name), label.digits) if spread else None,
                    label.unit,
                )
                for name, label in groups[group]
            )
        return f"<div class=wide><table class=num>{head}<tbody>{rows}</tbody></table></div>"

    sides = [[], []]
    for group in groups:
        lengths = [sum(len(groups[one]) + 1 for one in side) for side in sides]
        sides[0 if lengths[0] <= 14 and not sides[1] else 1].append(group)
    wide = "two" if len(beats) + bool(spread) <= 3 else "stack"
    body = "".join(table(side) for side in sides if side)
    return (
        "<section><h2>Clinical indices</h2><p class=hint>End diastole and end systole are the "
        "largest and the smallest volume of the beat, unless another instant is named.</p>"
        f"<div class={wide}>{body}</div></section>"
    )


def _parameters(saved: SavedBeat) -> str:
    beats = {saved.name: saved.beat, **saved.compared}
    spread = saved.parameter_intervals()
    names = [*(beats if len(beats) > 1 else ["Value"])]
    head = "<thead><tr><th>Parameter<th class=word>Meaning" + "".join(
        f"<th>{escape(n)}" for n in names
    )
    if saved.draws is not None:
        head += "<th>Nine of ten draws"
    head += "<th class=unit>Unit<th>Healthy adult<th>Accepted</tr></thead>"
    rows = ""
    for name, row in PARAMETERS.items():
        cells = "".join(
            f"<td>{show_number(float(getattr(own.circulation, name)))}" for own in beats.values()
        )
        if saved.draws is not None:
            low_high = spread.get(name)
            cells += "<td>" + (
                "held fixed" if low_high is None else " to ".join(f"{v:.3g}" for v in low_high)
            )
        low, high = row.limits
        rows += (
            f"<tr><td>{escape(row.symbol)}<td class=word>{escape(row.meaning)}{cells}"
            f"<td class=unit>{escape(row.unit)}<td>{show_number(row.reference)}"
            f"<td>{show_number(low)} to {show_number(high)}</tr>"
        )
    pumps = {name: own.lvad for name, own in beats.items() if own.lvad is not None}
    text = "Accepted: what the package takes without asking back; no sign of health."
    for name, pump in pumps.items():
        text += f" “{name}” has the pump {pump.coefficients.name}, {float(pump.speed_rpm):.0f} rpm."
    return (
        f"<section><h2>Parameters</h2><p class=hint>{escape(text)}</p><div class=wide>"
        f"<table class=num>{head}<tbody>{rows}</tbody></table></div></section>"
    )


def _methods(saved: SavedBeat) -> str:
    paragraphs, sources = describe_circulation(saved)
    prose = "".join(f"<p>{escape(text)}</p>" for text in paragraphs)
    assumed = "".join(f"<li>{escape(text)}</li>" for text in ASSUMPTIONS)
    cited = "".join(
        f'<li>{escape(source.text)} <a href="{escape(source.url)}" rel="noreferrer">'
        f"doi:{escape(source.doi)}</a></li>"
        for source in sources
    )
    return (
        f"<section class=prose><h2>How the circulation was computed</h2>{prose}"
        f"<h3>What is assumed</h3><ul>{assumed}</ul><p><strong>Research software: not for "
        f"clinical use.</strong></p><h3>References</h3><ol>{cited}</ol></section>"
    )


def _head(names: list[str], spread: bool) -> str:
    cells = "".join(f"<th>{escape(name)}" for name in names)
    cells += "<th>Nine of ten draws" if spread else ""
    return f"<thead><tr>{cells}<th class=unit>Unit</tr></thead>"


def _limits(low_high: tuple[float, float] | None, digits: int) -> str:
    if low_high is None or not np.isfinite(low_high).all() or low_high[0] == low_high[1]:
        return "–"
    return " to ".join(fixed(value, digits) for value in low_high)


def _row(label: str, values: list[str], limits: str | None, unit: str) -> str:
    cells = "".join(f"<td>{value}" for value in values)
    cells += "" if limits is None else f"<td>{limits}"
    return f"<tr><td>{escape(label)}{cells}<td class=unit>{escape(unit)}</tr>"
