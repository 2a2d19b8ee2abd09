"""Classical and physics-informed methods where the inversion is told something wrong."""

from typing import Any

import plotly.graph_objects as go

from .._types import PathLike
from ..report import make_template
from . import _methods as methods
from ._cells import Budget, Build, Cell, Runner, notes, rows
from ._table import StudyTable

NOISE_SD = 0.01
SEEDS = 5
CLASSICAL: dict[str, Build] = {
    "Tikhonov 2, oracle λ": methods.tikhonov_oracle,
    "Tikhonov 2": methods.tikhonov,
    "STRE": methods.spatio_temporal,
    "traveling wave": methods.traveling_wave,
}
PHYSICS: dict[str, Build] = {
    **methods.ASSIMILATION,
    "4D-Var, D and gain unknown": methods.physics(methods.four_d_var_free),
    "4D-Var, pose unknown": methods.physics(methods.four_d_var_moved),
    "network, best()": methods.preset("best"),
    "network, ionic model chosen": methods.best_of_ionic_models,
}
ORACLE = "Tikhonov 2, oracle λ"


def mismatch(
    data: PathLike | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    seeds: int | None = None,
    runs: PathLike | None = None,
    budget: Budget | None = None,
    only: tuple[str, ...] = (),
) -> StudyTable:
    """Reconstruct every row of `ecgi.zoo.mismatch_cases` by every method.

    Args:
        data: not used, the cases are simulated.
        quick: a small patient and short training.
        seed: first seed.
        seeds: how many seeds a cell, 5 by default; 0 computes nothing.
        runs: folder of the run tables; None keeps nothing.
        budget: another size than full or quick.
        only: names of the methods to run; those of other methods are read as they are.
    """
    del data
    runner = Runner.make(
        "mismatch", runs, quick=quick, seed=seed, seeds=seeds, usual=SEEDS, budget=budget
    )
    cells = [
        Cell(case, method, NOISE_SD, build)
        for case in runner.budget.cases
        for method, build in (CLASSICAL | PHYSICS).items()
    ]
    runner.fill([cell for cell in cells if not only or cell.method in only])
    columns, table = rows(runner, cells)
    wide, lines, verdicts = _wide(columns, table)
    return StudyTable(
        f"RE under mismatch, σ = {NOISE_SD:g}: mean ± SD (seeds)",
        wide,
        lines,
        notes=[
            *notes(runner, cells),
            *(f"{name}: {row.description}" for name, row in runner.budget.cases.items()),
            "Tikhonov's λ is the best one, chosen with the truth: no one can run it like this.",
            *verdicts,
        ],
        figures={"errors": _figure(columns, table)},
    )


def _wide(
    columns: list[str], table: list[list[Any]]
) -> tuple[list[str], list[list[Any]], list[str]]:
    """One row a case, one column a method, and who won."""
    found: dict[str, dict[str, tuple[Any, Any, int]]] = {}
    place = {name: columns.index(name) for name in ("truth", "method", "RE", "SD", "seeds")}
    for row in table:
        case, method, error, spread, seeds = (row[index] for index in place.values())
        found.setdefault(case, {})[method] = (error, spread, seeds)
    lines, without = [], []
    for case, scores in found.items():
        known = {name: score[0] for name, score in scores.items() if score[0] is not None}
        classical = [known[name] for name in CLASSICAL if name in known and name != ORACLE]
        ours = {name: known[name] for name in PHYSICS if name in known}
        best = min(ours, key=lambda name: ours[name]) if ours else None
        if best is None or not classical:
            verdict = "physics not run" if classical else "not run"
        else:
            ratio = ours[best] / min(classical)
            verdict = f"{best} × {ratio:.2f}" if ratio < 1 else "none better than the classical"
            without += [case] if ratio >= 1 else []
        lines.append([case, *(_cell(*score) for score in scores.values()), verdict])
    says = []
    if without:
        says.append(
            "In these rows no physics-informed method beats the best classical one: "
            + ", ".join(without)
        )
    return ["row", *CLASSICAL, *PHYSICS, "best physics / best automatic classical"], lines, says


def _cell(mean: float | None, spread: float | None, seeds: int) -> str | None:
    if mean is None:
        return None
    return f"{mean:.4f} ({seeds})" if spread is None else f"{mean:.4f} ± {spread:.4f} ({seeds})"


def _figure(columns: list[str], table: list[list[Any]]) -> go.Figure:
    figure = go.Figure()
    case, method, error, spread = (columns.index(name) for name in ("truth", "method", "RE", "SD"))
    for name in [*CLASSICAL, *PHYSICS]:
        known = [row for row in table if row[method] == name and row[error] is not None]
        if known:
            figure.add_bar(
                x=[row[case] for row in known],
                y=[row[error] for row in known],
                error_y={"array": [row[spread] or 0.0 for row in known], "thickness": 1},
                name=name,
            )
    figure.update_layout(
        template=make_template(), title="What being wrong costs", barmode="group", bargap=0.25
    )
    figure.update_yaxes(title="RE", rangemode="tozero")
    return figure
