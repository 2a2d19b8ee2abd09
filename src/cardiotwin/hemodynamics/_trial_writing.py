"""A trial as files: rows as CSV, tables as Markdown, everything that is computed as JSON."""

import csv
import json
import math
from pathlib import Path
from typing import Any

from .._files import atomic_path
from .._provenance import describe
from .._types import PathLike
from ._between import label_of
from ._trial_result import TrialResult
from ._trial_statistics import Estimate
from ._what_if import LABELS

EF_NOTE = (
    "Under a pump the ejection fraction says little: the ventricle empties into the pump all "
    "through the beat, so that the fraction rises while the stroke volume falls. Judge the pump "
    "by cardiac output and filling pressure."
)


def write_trial(result: TrialResult, folder: PathLike) -> list[Path]:
    """Write all files of a trial and return their paths."""
    folder = Path(folder)
    paths = [folder / name for name in ("rows.csv", "cohort.csv", "trial.json", "trial.md")]
    result.table.write_csv(paths[0])
    columns = {name: own.tolist() for name, own in result.trial.cohort.columns.items()}
    with atomic_path(paths[1]) as path, path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    text = json.dumps(trial_facts(result), indent=1, ensure_ascii=False, allow_nan=False)
    for path, content in ((paths[2], text + "\n"), (paths[3], trial_markdown(result))):
        with atomic_path(path) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return paths


def trial_facts(result: TrialResult) -> dict[str, Any]:
    """Return everything but the rows as plain JSON; null where a number is not known."""
    trial, account = result.trial, result.accounting
    return _plain({
        "title": trial.title,
        "cohort": {
            "source": trial.cohort.source,
            "criteria": [own.text for own in trial.cohort.criteria],
        },
        "arms": [describe(arm) for arm in trial.arms],
        "design": describe(trial.design),
        "primary": trial.primary,
        "confidence": trial.confidence,
        "accounting": {
            **account._asdict(),
            "arms": [own._asdict() for own in account.arms],
            "by_patient": [own._asdict() for own in account.by_patient],
        },
        "outcomes": [_row(own) for own in result.outcomes],
        "subgroups": [_row(own) for own in result.subgroups],
        "provenance": describe(result.table.provenance),
    })  # fmt: skip


def trial_markdown(result: TrialResult) -> str:
    """Return the tables as a page of Markdown."""
    trial, account = result.trial, result.accounting
    parts = [f"# {trial.title}", "Research software: not for clinical use.", "## Patients"]
    parts.append(f"Candidates: {trial.cohort.source}.")
    rows = [["screened", account.screened]]
    rows += [[f"excluded, {reason}", count] for reason, count in account.excluded.items()]
    rows += [["enrolled", account.enrolled], ["different patients", account.patients]]
    parts.append(_table(["", "n"], rows))
    arms = [
        [own.arm, own.allocated, own.analysed, own.infeasible, own.failed] for own in account.arms
    ]
    parts.append(_table(["arm", "allocated", "analysed", "no admissible speed", "failed"], arms))
    if account.by_patient:
        parts += ["## Draws of each patient", _table(*patient_table(result))]
    errors = [[own.arm, text, n] for own in account.arms for text, n in own.errors.items()]
    if errors:
        parts += ["## Without a result", _table(["arm", "why", "n"], errors[:40])]
        if len(errors) > 40:
            parts.append(f"{len(errors) - 40} more reasons in rows.csv.")
    parts += ["## Outcomes", EF_NOTE, interval_note(trial.confidence), outcome_table(result)]
    parts += [f"## {label_of(trial.primary).capitalize()} in subgroups", subgroup_table(result)]
    return "\n\n".join(parts) + "\n"


def outcome_table(result: TrialResult) -> str:
    """Return outcomes by arm as a Markdown table."""
    first = result.trial.arms[0].name
    level = percent(result.trial.confidence)
    head = ["outcome", "unit", "arm", "n", f"mean ({level})", "median", "5 to 95 % of patients",
            f"difference to {first} ({level})", "missing as unchanged"]  # fmt: skip
    rows = []
    for own in result.outcomes:
        effect = ["–", "–"] if own.arm == first else [interval(own.effect), interval(own.to_treat)]
        after, unit = own.after, LABELS.get(own.index, ("", ""))[1]
        rows.append([
            label_of(own.index), unit, own.arm, after.n, interval(after), shown(after.median),
            f"{shown(after.p05)} to {shown(after.p95)}", *effect,
        ])  # fmt: skip
    return _table(head, rows)


def patient_table(result: TrialResult) -> tuple[list[str], list[list[Any]]]:
    """Return head and rows of the account of every identified patient, draw by draw."""
    arms = [arm.name for arm in result.trial.arms]
    head = ["patient", "draws", "excluded", "enrolled", *(f"analysed, {arm}" for arm in arms)]
    rows: list[list[Any]] = []
    for own in result.accounting.by_patient:
        reasons = "; ".join(f"{reason}: {count}" for reason, count in own.excluded.items())
        analysed = [
            f"{own.analysed[arm]} of {own.analysed[arm] + own.missing[arm]}" for arm in arms
        ]
        rows.append([own.patient, own.screened, reasons or "0", own.enrolled, *analysed])
    return head, rows


def subgroup_table(result: TrialResult) -> str:
    """Return the main outcome by subgroup as a Markdown table."""
    first = result.trial.arms[0].name
    level = percent(result.trial.confidence)
    head = ["subgroup", "arm", "n", "before", f"mean ({level})", f"difference to {first} ({level})"]
    rows = [
        [own.subgroup, own.arm, own.after.n, shown(own.before.mean), interval(own.after),
         "–" if own.arm == first else interval(own.effect)]
        for own in result.subgroups
    ]  # fmt: skip
    return _table(head, rows)


def interval_note(confidence: float) -> str:
    """Return what the intervals of a trial mean."""
    level = percent(confidence)
    return (
        f"Intervals ({level}) say how far the mean of a cohort of this size may be from that of "
        "the population it was drawn from; they do not contain errors of the model. Of one patient "
        f"alone they hold {level} of the draws: what is not known of this patient."
    )


def percent(confidence: float) -> str:
    """Write a confidence.

    >>> percent(0.95), percent(0.999)
    ('95 %', '99.9 %')
    """
    return f"{100 * confidence:.6g} %"


def interval(own: Estimate) -> str:
    """Write a mean with its interval."""
    if not math.isfinite(own.mean):
        return "–"
    return f"{shown(own.mean)} ({shown(own.low)} to {shown(own.high)})"


def shown(value: float) -> str:
    """Write a number to four digits, a dash for NaN.

    >>> shown(3.98765), shown(10492.3), shown(float("nan"))
    ('3.988', '10492', '–')
    """
    if not math.isfinite(value):
        return "–"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _table(head: list[str], rows: list[list[Any]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    # A bar inside an error would end its cell.
    lines += ["| " + " | ".join(str(x).replace("|", "\\|") for x in row) + " |" for row in rows]
    return "\n".join(lines)


def _row(own: Any) -> dict[str, Any]:
    return {
        name: value._asdict() if isinstance(value, Estimate) else value
        for name, value in own._asdict().items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(own) for key, own in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(own) for own in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
