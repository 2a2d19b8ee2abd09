"""How often the 90 % bands hold the truth, on a simulated beat."""

import math
from typing import Any

from .. import ecgi
from .._types import PathLike
from ._cells import Budget, Build, Cell, Runner, Setting, notes, outcome, short, spread
from ._methods import four_d_var, physics, preset
from ._run_table import Run
from ._table import StudyTable

NOISE = (0.01, 0.05, 0.1)
BARS = ("coverage", "front_coverage", "width", "crps")
SEEDS = 5
ELSEWHERE = ("cotangent truth", "displaced 5 mm", "other ionic model")
"""Cases in which the error bars are measured at the lowest noise, too."""


def _plain(make: Any, **settings: Any) -> Build:
    return lambda setting: make(**settings)


def _twin(build: Build) -> Build:
    """Return the builder of a twin experiment about a method."""

    def made(setting: Setting) -> ecgi.InverseMethod:
        return ecgi.TwinExperiment(
            build(setting), seed=setting.seed, diffusion=setting.case.diffusion
        )

    return made


def _ensemble(build: Build, members: int) -> Build:
    return lambda setting: ecgi.Ensemble(build(setting), members=members, seed=setting.seed)


CHEAP: dict[str, Build] = {
    "Tikhonov 2": _plain(ecgi.Tikhonov, order=2),
    "spatio-temporal": _plain(ecgi.SpatioTemporal),
    "traveling wave": _plain(ecgi.TravelingWave),
    "traveling wave, twin": _twin(_plain(ecgi.TravelingWave, uncertainty=False)),
}
DEAR: dict[str, Build] = {
    "network best(), twin": _twin(preset("best")),
    "network best(), ensemble of 5": _ensemble(preset("best"), 5),
    "4D-Var, ensemble of starts": physics(four_d_var, uncertainty=ecgi.StartEnsemble()),
    "4D-Var, twin": _twin(physics(four_d_var)),
}


def coverage(
    data: PathLike | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    seeds: int | None = None,
    runs: PathLike | None = None,
    budget: Budget | None = None,
    only: tuple[str, ...] = (),
) -> StudyTable:
    """Count the nodes and instants whose truth lies inside the band of each method.

    Args:
        data: not used, the case is simulated.
        quick: a small patient, one noise level and no network.
        seed: first seed.
        seeds: how many seeds a cell, 5 by default; 0 computes nothing.
        runs: folder of the run tables.
        budget: another size.
        only: names of the methods to run.
    """
    del data
    runner = Runner.make(
        "coverage", runs, quick=quick, seed=seed, seeds=seeds, usual=SEEDS, budget=budget
    )
    methods = CHEAP if quick else CHEAP | DEAR
    places = [("matched", noise) for noise in ((0.05,) if quick else NOISE)]
    places += [] if quick else [(case, NOISE[0]) for case in ELSEWHERE]
    cells = [
        Cell(case, name, noise, build) for case, noise in places for name, build in methods.items()
    ]
    runner.fill(
        [cell for cell in cells if not only or cell.method in only],
        measure=lambda cell, setting: _run(runner, cell, setting),
    )
    columns = ["truth", "σ", "method", "RE", "inside (%)", "SD"]
    columns += ["inside within 5 ms of the front (%)", "SD of these", "mean width", "CRPS"]
    return StudyTable(
        "Simulated beat: truth inside the 90 % band",
        [*columns, "seconds", "seeds"],
        [_row(runner, cell) for cell in cells],
        notes=[
            *notes(runner, cells),
            "Where operator and tissue model are not exact, as in the rows that are not matched, "
            "nothing tells the bands so.",
            "The bands of the Gaussian models are too narrow because a front is not Gaussian; the "
            "spread over perturbed data, because a method errs also without noise. A twin "
            "experiment measures the error itself, on a simulated beat that resembles the answer.",
        ],
    )


def _run(runner: Runner, cell: Cell, setting: Setting) -> Run:
    method: Any = cell.build(setting)
    found = ecgi.reconstruct(setting.case.problem(cell.noise_sd, setting.seed), method)
    assert found.uncertainty is not None
    truth = setting.case.truth
    bars = ecgi.evaluate_uncertainty(
        found.heart_potentials, found.uncertainty.standard_deviation, truth, found.times_ms
    )
    score = ecgi.evaluate(found.heart_potentials, truth)
    numbers = found.diagnostics | {name: getattr(bars, name) for name in BARS}
    return runner.blank(
        cell,
        setting.seed,
        details=short(numbers),
        **outcome(found, score),
    )


def _row(runner: Runner, cell: Cell) -> list[Any]:
    runs = [run for run in runner.runs(cell) if run.succeeded]

    def told(name: str, factor: float = 1.0) -> tuple[float | None, float | None]:
        return spread([factor * run.details.get(name, math.nan) for run in runs])

    return [
        cell.case,
        cell.noise_sd,
        cell.method,
        spread([run.relative_error for run in runs])[0],
        *told("coverage", 100),
        *told("front_coverage", 100),
        told("width")[0],
        told("crps")[0],
        spread([run.seconds for run in runs])[0],
        len(runs),
    ]
