"""Table II: how often the two parts of the loss are out of balance before training begins."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from .. import ecgi
from .._errors import NumericsError
from .._types import PathLike
from . import _published as published
from ._cells import Budget, Cell, Runner, Setting, recipe
from ._eand_arn import TABLE1
from ._methods import preset
from ._run_table import Run
from ._table import StudyTable

NOISE_SD = 0.01
STARTS = 30
BALANCED = (10.0**-ecgi.LARGEST_IMBALANCE, 10.0**ecgi.LARGEST_IMBALANCE)
"""Unweighted L_EP / L_D on the full grid; outside, a start is called bad."""
BAD_END = 1.5
"""A run whose RE is this many times the median of its cell ended badly."""


def table2(
    data: PathLike | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    seeds: int | None = None,
    runs: PathLike | None = None,
    budget: Budget | None = None,
    only: tuple[str, ...] = (),
) -> StudyTable:
    """Count bad initializations of NN1 to NN6, and bad ends where trained runs exist.

    Args:
        data: not used, the case is simulated.
        quick: the small case and two starts.
        seed: first seed.
        seeds: how many starts, 30 by default; 0 computes nothing.
        runs: folder of the run tables; bad ends are counted in those of `table1` and `fig9`.
        budget: another size.
        only: names of the networks.
    """
    del data
    options: dict[str, Any] = {"quick": quick, "seed": seed, "budget": budget}
    runner = Runner.make("table2", runs, seeds=seeds, usual=STARTS, **options)
    cells = [
        *(Cell("matched", f"NN{k}", NOISE_SD, preset(f"nn{k}")) for k in range(1, 7)),
        Cell("matched", "best()", NOISE_SD, preset("best")),
    ]
    runner.fill(
        [cell for cell in cells if not only or cell.method in only],
        measure=lambda cell, setting: _start(runner, cell, setting),
    )
    trained = Runner.make("table1", runs, seeds=0, **options)
    compared = Runner.make("fig9", runs, seeds=0, **options)
    table = []
    for cell in cells:
        starts = runner.runs(cell)
        ratios = np.array([_ratio(run) for run in starts])
        bad = int(((ratios < BALANCED[0]) | (ratios > BALANCED[1])).sum())
        number = int(cell.method[2:]) if cell.method.startswith("NN") else 0
        ends = compared.runs(cell)
        if number:
            ends = [
                run
                for one in TABLE1.cells
                if one.method == cell.method
                for run in trained.runs(one)
            ]
        table.append(
            [
                cell.method,
                len(starts),
                bad if starts else None,
                published.BAD_INITIALIZATIONS.get(number),
                *(np.sort(ratios)[[0, len(ratios) // 2, -1]].tolist() if starts else [None] * 3),
                *_bad_ends(ends),
            ]
        )
    columns = ["network", "starts", "bad starts", "published bad of 30"]
    columns += ["smallest L_EP/L_D", "median L_EP/L_D", "largest L_EP/L_D"]
    columns += ["trained runs", "bad ends"]
    return StudyTable(
        "Table II: bad initializations",
        columns,
        table,
        [
            f"A start is called bad where the unweighted L_EP / L_D on the full grid lies outside "
            f"[{BALANCED[0]:g}, {BALANCED[1]:g}] before the first step. The threshold is ours: the "
            "paper gives none, so the counts can be compared in their order only.",
            "Most bad starts are those where the drawn u comes near −μ₂ = −0.3 somewhere on the "
            "grid: the rate of v is divided by u + μ₂, and one node and instant there decide L_EP.",
            "Counted is the first draw. Where a network is trained, a bad start is drawn again "
            "(`PhysicsInformedNetwork.redraws`).",
            f"A bad end: RE above {BAD_END:g} × the median RE of the cell, counted among the runs "
            "of table1 (NN1 to NN6) and fig9 (best()).",
            "best() begins with a fit to a classical solution: its losses are those after that "
            "fit, where the training of the others begins with a network as drawn.",
            "One start a seed; the seed also draws the noise of the data (σ = 0.01).",
        ],
    )


def _start(runner: Runner, cell: Cell, setting: Setting) -> Run:
    problem = setting.case.problem(cell.noise_sd, setting.seed)
    method: Any = cell.build(setting)
    if method.frame is None and method.initial_guess is None:
        objective = method.objective(problem)
        data, physics = ecgi.full_grid_losses(objective, method.initial_network(objective))
    else:
        # The physics begins with the fit to the guess; no time is left for a step beyond it.
        told = ecgi.reconstruct(problem, replace(method, budget_s=1e-9)).diagnostics
        if told["steps"] != 0:
            raise NumericsError("The training went on although it had no time.")
        data, physics = told["data_loss"], told["physics_loss"]
    return runner.blank(
        cell, setting.seed, data_loss=data, physics_loss=physics, recipe=recipe(method)
    )


def _ratio(run: Run) -> float:
    if not run.data_loss or run.physics_loss is None or math.isnan(run.physics_loss):
        return math.inf
    return run.physics_loss / run.data_loss


def _bad_ends(runs: list[Run]) -> list[int | None]:
    # A run that failed outright ended badly too.
    errors = np.array([run.relative_error if run.succeeded else np.inf for run in runs], float)
    if not len(errors):
        return [None, None]
    return [len(errors), int((~(errors <= BAD_END * np.median(errors))).sum())]
