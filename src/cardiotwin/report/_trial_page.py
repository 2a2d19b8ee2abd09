"""The page of an in-silico trial."""

import json
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import InputError
from .._files import atomic_path
from .._provenance import describe
from .._types import PathLike
from ..circulation import Beat
from ..hemodynamics import Accounting, Estimate, TrialResult
from ..hemodynamics._trial_writing import interval_note, patient_table, percent
from ._beat_labels import fixed, index_label, with_unit
from ._beat_prose import ASSUMPTIONS
from ._flow_diagram import flow_diagram
from ._shell import make_page
from ._trial_figures import box_of, fixed_speeds, supported_patients

_BOXES = ("co_l_min", "ef_percent", "mean_arterial_mmhg", "mean_atrial_mmhg")
_SWEPT = ("co_l_min", "mean_arterial_mmhg", "mean_atrial_mmhg", "lv_min_mmhg")


def write_trial_report(result: TrialResult, path: PathLike = "report.html") -> Path:
    """Write a page about an in-silico trial: one file that works offline in any current browser.

    It shows who was screened, excluded, allocated and analysed, how the outcomes spread before
    and in each arm, loops of patients of low, medium and high ejection fraction without and with
    the pump, the speed sweep where there are arms at fixed speeds, and all tables.

    Args:
        result: of `run_trial`.
        path: file to write.

    Returns:
        The path of the page.
    """
    trial, made = result.trial, result.table.provenance
    facts = _facts(result)
    data = json.dumps(facts, ensure_ascii=False, allow_nan=False)
    data = data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    parts = (
        _header(result),
        "<aside class=warn aria-label='Read before use'><b>Read first</b><ul>"
        + "".join(f"<li>{text}</li>" for text in _notes(trial.confidence))
        + "</ul></aside>",
        _flow(result.accounting, result),
        _outcomes(result),
        _loops(facts["loops"]),
        _sweep(result),
        _subgroups(result),
        _methods(result),
        "<footer>Made by cardiotwin, research software. "
        "<strong>Not for clinical use.</strong></footer>",
    )
    page = make_page(
        "<main>\n" + "\n".join(part for part in parts if part) + "\n</main>",
        title=trial.title,
        version=made.version,
        scripts=("charts.js", "trial.js"),
        data=f'<script type="application/json" id="trial-facts">{data}</script>\n',
    )
    target = Path(path)
    with atomic_path(target) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return target


def _notes(confidence: float) -> tuple[str, ...]:
    return (
        "Cardiac output is the main outcome. The ejection fraction says little under a pump: the "
        "ventricle empties into the pump all through the beat, so that the fraction can rise while "
        "the stroke volume falls.",
        interval_note(confidence) + " The model has no reflexes, so that vessels do not widen when "
        "a pump raises the pressure, no right heart and no lungs.",
        "Whoever was screened is counted below. Who has no result counts as unchanged from before "
        "the trial in the last column of the outcomes.",
    )


def _facts(result: TrialResult) -> dict[str, Any]:
    """Return everything that trial.js draws."""
    names = ["before", *(arm.name for arm in result.trial.arms)]
    boxes = []
    for index in _BOXES:
        every = [result.trial.cohort.baseline[index], *result.values(index)]
        boxes.append(
            {
                "label": _label(index),
                "boxes": [
                    {"name": name, "values": _box(own)}
                    for name, own in zip(names, every, strict=True)
                ],
            }
        )
    return {"boxes": boxes, "loops": _loop_facts(result), "sweep": _sweep_facts(result)}


def _box(values: Any) -> list[float | None] | None:
    return _floats(box_of(values, "values")) if np.isfinite(values).any() else None


def _loop_facts(result: TrialResult) -> list[dict[str, Any]] | None:
    try:
        found = supported_patients(result)
    except InputError:
        # No pump, or nobody who has one: then the page has no loops.
        return None

    def loop(beat: Beat) -> dict[str, Any]:
        return {"x": _floats(beat.volume_ml), "y": _floats(beat.lv_mmhg)}

    return [
        {"name": name, "without": loop(found.without[k]), "supported": loop(found.supported[k]),
         "arm": found.arm}
        for k, name in enumerate(found.names)
    ]  # fmt: skip


def _sweep_facts(result: TrialResult) -> dict[str, Any] | None:
    speeds, arms = fixed_speeds(result)
    if len(speeds) < 2:
        return None
    panels = []
    for index in _SWEPT:
        low, median, high = np.nanpercentile(result.values(index)[arms], (5, 50, 95), axis=1)
        own = {"low": _floats(low), "median": _floats(median), "high": _floats(high)}
        panels.append({"label": _label(index), "unit": index_label(index).unit, **own})
    return {"speeds": _floats(speeds), "panels": panels}


def _header(result: TrialResult) -> str:
    account, trial = result.accounting, result.trial
    label = index_label(trial.primary)
    tiles = [
        ("Enrolled", str(account.enrolled), f"of {account.screened} screened"),
        ("Arms", str(len(trial.arms)), type(trial.design).__name__.lower()),
        (
            "Without a result",
            str(sum(own.infeasible + own.failed for own in account.arms)),
            f"of {sum(own.allocated for own in account.arms)} allocations",
        ),
    ]
    if len(trial.arms) > 1:
        effects = [result.outcome(arm.name, trial.primary) for arm in trial.arms[1:]]
        best = max(effects, key=lambda own: np.nan_to_num(own.effect.mean, nan=-np.inf))
        title = f"Largest rise, {with_unit(label.label.lower(), label.unit)}"
        tiles.append((title, fixed(best.effect.mean, label.digits), best.arm))
    shown = "".join(
        f"<div class=tile><span>{escape(name)}</span><b>{escape(value)}</b>"
        f"<small>{escape(note)}</small></div>"
        for name, value, note in tiles
    )
    return (
        "<header><div class=bar0><p class=brand>cardiotwin <span>trial report</span></p>"
        "<p class=pill>Not for clinical use</p>"
        '<button id=theme type=button aria-label="Switch between light and dark">◐</button></div>'
        f"<h1>{escape(trial.title)}</h1><p class=method>In-silico trial · virtual patients "
        f"{escape(trial.cohort.source)}</p><div class=tiles>{shown}</div></header>"
    )


def _flow(account: Accounting, result: TrialResult) -> str:
    rows = [["Screened", account.screened]]
    rows += [[f"Excluded, {reason}", count] for reason, count in account.excluded.items()]
    rows += [["Enrolled", account.enrolled], ["Different patients", account.patients]]
    arms = [
        [own.arm, own.allocated, own.analysed, own.infeasible, own.failed] for own in account.arms
    ]
    errors = [[own.arm, text, count] for own in account.arms for text, count in own.errors.items()]
    draws = ""
    if account.by_patient:
        draws = "<h3>Draws of each patient</h3>" + _table(*patient_table(result))
    criteria = "; ".join(own.text for own in result.trial.cohort.criteria) or "none"
    told = ""
    if errors:
        told = (
            "<details><summary>Why there is no result</summary>"
            + _table(["Arm", "Why", "Patients"], errors[:100])
            + ("" if len(errors) <= 100 else f"<p>{len(errors) - 100} more in rows.csv.</p>")
            + "</details>"
        )
    return (
        "<section><h2>Where everybody is</h2>"
        f"<p class=hint>Criteria: {escape(criteria)}.</p>{flow_diagram(account)}"
        "<details><summary>The same as tables</summary><div class=two>"
        + _table(["", "Patients"], rows)
        + _table(["Arm", "Allocated", "Analysed", "No admissible speed", "Failed"], arms)
        + f"</div></details>{draws}{told}</section>"
    )


def _outcomes(result: TrialResult) -> str:
    first = result.trial.arms[0].name
    level = percent(result.trial.confidence)
    head = ["Outcome", "Arm", "Patients", f"Mean ({level})", "Median", "Nine of ten patients",
            f"Difference to {first} ({level})", "Missing as unchanged"]  # fmt: skip
    rows: list[list[Any]] = []
    for own in result.outcomes:
        # The name once for all arms: a column of equal names hides where the next begins.
        name = "" if rows and own.arm != first else _label(own.index)
        digits = index_label(own.index).digits
        spread = f"{fixed(own.after.p05, digits)} to {fixed(own.after.p95, digits)}"
        effects = ["–", "–"]
        if own.arm != first:
            effects = [_interval(own.effect, digits), _interval(own.to_treat, digits)]
        after = [own.after.n, _interval(own.after, digits), fixed(own.after.median, digits)]
        rows.append([name, own.arm, *after, spread, *effects])
    charts = "".join(
        f"<div><h3>{escape(index_label(index).label)}</h3>"
        f'<div class=chart id="trial-box-{number}"></div></div>'
        for number, index in enumerate(_BOXES)
    )
    return (
        "<section><h2>Before and after</h2><p class=hint>Median, half and nine of ten of the "
        f"patients who have a result.</p><div class=two>{charts}</div></section>"
        f"<section><h2>Outcomes</h2>{_table(head, rows)}</section>"
    )


def _loops(loops: list[dict[str, Any]] | None) -> str:
    if loops is None:
        return ""
    return (
        "<section><h2>Loops without and with the pump</h2><p class=hint>Patients at the 5th, 50th "
        "and 95th percentile of the ejection fraction; dashed without a pump, solid in the arm "
        f"“{escape(loops[0]['arm'])}”.</p>"
        '<div class=chart id="trial-loops" style="height:460px"></div></section>'
    )


def _sweep(result: TrialResult) -> str:
    if len(fixed_speeds(result)[0]) < 2:
        return ""
    charts = "".join(
        f"<div><h3>{escape(index_label(index).label)}</h3>"
        f'<div class=chart id="trial-sweep-{k}"></div></div>'
        for k, index in enumerate(_SWEPT)
    )
    return (
        "<section><h2>Speed of the pump</h2><p class=hint>Median and nine of ten patients. "
        f"Suction threatens below 1 mmHg.</p><div class=two>{charts}</div></section>"
    )


def _subgroups(result: TrialResult) -> str:
    trial = result.trial
    first, digits = trial.arms[0].name, index_label(trial.primary).digits
    level = percent(trial.confidence)
    head = ["Subgroup", "Arm", "Patients", "Before", f"Mean ({level})",
            f"Difference to {first} ({level})"]  # fmt: skip
    rows = [
        [own.subgroup, own.arm, own.after.n, fixed(own.before.mean, digits),
         _interval(own.after, digits),
         "–" if own.arm == first else _interval(own.effect, digits)]
        for own in result.subgroups
    ]  # fmt: skip
    if not rows:
        return ""
    title = f"{escape(_label(trial.primary))} in subgroups"
    return f"<section><h2>{title}</h2>{_table(head, rows)}</section>"


def _methods(result: TrialResult) -> str:
    made = result.table.provenance
    rows = [("cardiotwin", made.version), ("Computed", made.created), ("Python", made.python),
            ("Fingerprint", made.fingerprint)]  # fmt: skip
    cells = "".join(f"<tr><td>{label}<td>{escape(str(value))}</tr>" for label, value in rows)
    arms = [describe(arm) for arm in result.trial.arms]
    settings = escape(json.dumps(arms, indent=2, ensure_ascii=False))
    assumed = "".join(f"<li>{escape(text)}</li>" for text in ASSUMPTIONS)
    return (
        f"<section class=prose><h2>What the model assumes</h2><ul>{assumed}</ul></section>"
        f"<section><h2>Provenance</h2><table class=facts><tbody>{cells}</tbody></table>"
        f"<details><summary>Arms</summary><pre>{settings}</pre></details></section>"
    )


def _label(index: str) -> str:
    own = index_label(index)
    return with_unit(own.label, own.unit)


def _interval(own: Estimate, digits: int) -> str:
    if not np.isfinite(own.mean):
        return "–"
    return f"{fixed(own.mean, digits)} ({fixed(own.low, digits)} to {fixed(own.high, digits)})"


def _table(head: list[str], rows: list[list[Any]]) -> str:
    # Names stand in the first two columns, as far as they are texts in every row.
    words = [k < 2 and all(isinstance(row[k], str) for row in rows) for k in range(len(head))]

    def line(kind: str, row: list[Any]) -> str:
        cells = zip(words, row, strict=True)
        return "".join(
            f"<{kind}{' class=word' if word else ''}>{escape(str(own))}" for word, own in cells
        )

    lines = "".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    top = line("th", head)
    return (
        f"<div class=wide><table class=num><thead><tr>{top}</tr></thead>"
        f"<tbody>{lines}</tbody></table></div>"
    )


def _floats(values: Any) -> list[float | None]:
    flat = np.asarray(values, float).ravel().tolist()
    return [float(f"{own:.6g}") if np.isfinite(own) else None for own in flat]
