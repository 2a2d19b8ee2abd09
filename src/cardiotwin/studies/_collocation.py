"""The paper's central claim: numerical derivatives need fewer collocation points."""

from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from .. import ecgi
from .._types import PathLike
from ..report import make_template
from ._cells import Budget, Cell, Runner, Setting, notes, outcome, recipe, spread
from ._methods import preset
from ._run_table import Run
from ._table import StudyTable

NOISE_SD = 0.01
COUNTS = (300, 1000, 3000, 10_000, 30_000, 100_000)
"""N_c; the whole grid has 723,134 points."""
PER_STEP = 1000
SCHEMES = {"AD": "ep_dl", "ΔND": "ep_dl_delta_nd", "ND": "ep_dl_nd"}
COLORS = {"AD": "#d55e00", "ΔND": "#8e5aa6", "ND": "#0072b2"}


def collocation(
    data: PathLike | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    seeds: int | None = None,
    runs: PathLike | None = None,
    budget: Budget | None = None,
    only: tuple[str, ...] = (),
) -> StudyTable:
    """Train the 10 × 10 network on N_c fixed collocation points by each scheme of derivatives.

    The residual r_u² + r_v² is then measured on and off those points, for all schemes with the
    stencils of ND, which made the truth.

    Args:
        data: not used, the case is simulated.
        quick: the small case and the two smallest N_c.
        seed: first seed; it draws noise, points, weights and batches.
        seeds: how many seeds a cell, 10 by default; 0 computes nothing.
        runs: folder of the run tables.
        budget: another size.
        only: names of the schemes to run.
    """
    del data
    runner = Runner.make("collocation", runs, quick=quick, seed=seed, seeds=seeds, budget=budget)
    whole = runner.budget.heart_nodes * runner.budget.n_times
    counts = [count for count in COUNTS if count <= whole][: 2 if quick else None]
    cells = [
        Cell("matched", name, NOISE_SD, _builder(build, count), columns={"N_c": count})
        for count in counts
        for name, build in SCHEMES.items()
    ]
    runner.fill(
        [cell for cell in cells if not only or cell.method in only],
        measure=lambda cell, setting: _run(runner, cell, setting),
    )
    table = [_row(runner, cell) for cell in cells]
    columns = ["N_c", "derivatives", "RE", "SD", "CC", "residual on", "residual off"]
    columns += ["off / on", "L_D", "seconds", "seeds"]
    return StudyTable(
        "RE and residual against the number of collocation points, 10 × 10 network",
        columns,
        table,
        [
            *notes(runner, cells),
            "The same N_c points for the whole training (as in the paper, which does not give "
            f"N_c), at most {PER_STEP} of them a step; the data are compared at all nodes.",
            "Residuals are root mean squares of (r_u, r_v) measured with Eqs. 15, 17 and 18 for "
            "all schemes. They favor ΔND and ND, as the truth itself does.",
        ],
        {"points": _figure(columns, table)},
    )


def _builder(name: str, count: int) -> Any:
    def build(setting: Setting) -> ecgi.InverseMethod:
        method: Any = preset(name)(setting)
        points = ecgi.FixedPoints(count, seed=setting.seed, per_step=min(count, PER_STEP))
        return replace(method, collocation=points)

    return build


def _run(runner: Runner, cell: Cell, setting: Setting) -> Run:
    problem = setting.case.problem(cell.noise_sd, setting.seed)
    method: Any = cell.build(setting)
    last: list[Any] = []

    def remember(step: int, losses: dict[str, Any], network: Any) -> None:
        del step, losses
        last[:] = [network]

    found = ecgi.reconstruct(problem, replace(method, callbacks=(remember,)))
    score = ecgi.evaluate(found.heart_potentials, setting.case.truth)
    objective = method.objective(problem)
    common = replace(method, derivatives=ecgi.NumericalDerivatives()).objective(problem)
    chosen = method.collocation.chosen(problem.n_nodes, problem.n_times)
    on, off = ecgi.off_collocation_residual(
        objective, last[0], chosen, derivatives=common.derivatives
    )
    own_on, own_off = ecgi.off_collocation_residual(objective, last[0], chosen)
    told = dict(found.diagnostics)
    return runner.blank(
        cell,
        setting.seed,
        data_loss=told.pop("data_loss"),
        physics_loss=told.pop("physics_loss"),
        details=told | {"on": on, "off": off, "own_on": own_on, "own_off": own_off},
        **outcome(found, score) | {"recipe": recipe(method)},
    )


def _row(runner: Runner, cell: Cell) -> list[Any]:
    runs = [run for run in runner.runs(cell) if run.succeeded]
    error, deviation = spread([run.relative_error for run in runs])
    on, off = (spread([run.details.get(name) for run in runs])[0] for name in ("on", "off"))
    return [
        cell.columns["N_c"],
        cell.method,
        error,
        deviation,
        spread([run.correlation for run in runs])[0],
        None if on is None else float(np.sqrt(on)),
        None if off is None else float(np.sqrt(off)),
        None if not on or off is None else float(np.sqrt(off / on)),
        spread([run.data_loss for run in runs])[0],
        spread([run.seconds for run in runs])[0],
        len(runs),
    ]


def _figure(columns: list[str], table: list[list[Any]]) -> go.Figure:
    place = {name: index for index, name in enumerate(columns)}
    figure: Any = make_subplots(1, 2, subplot_titles=["RE", "residual, root mean square"])
    for name, color in COLORS.items():
        group = [row for row in table if row[1] == name and row[place["RE"]] is not None]
        counts = [row[0] for row in group]
        common: dict[str, Any] = {"x": counts, "legendgroup": name, "mode": "lines+markers"}
        figure.add_scatter(
            **common,
            y=[row[place["RE"]] for row in group],
            error_y={"array": [row[place["SD"]] or 0.0 for row in group], "thickness": 1},
            name=name,
            line={"color": color},
            row=1,
            col=1,
        )
        for where, dash in (("residual off", "solid"), ("residual on", "dot")):
            figure.add_scatter(
                **common,
                y=[row[place[where]] for row in group],
                name=f"{name}, {where.split()[1]} the points",
                line={"color": color, "dash": dash},
                row=1,
                col=2,
            )
    figure.update_xaxes(type="log", title="collocation points N_c")
    figure.update_yaxes(type="log", col=2)
    figure.update_layout(
        template=make_template(), title="How few collocation points will do", margin={"t": 120}
    )
    return figure
