"""Physics-informed imaging on measured data: amplitude, reference and double layer."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .. import ecgi
from .._progress import track
from .._types import PathLike
from ..tissue import MS_PER_TU
from ._measured_cases import Patient, Tank, View
from ._resume import FinishedParts
from ._table import StudyTable

TITLE = "Physics on measured data"
COLUMNS = [
    "data",
    "operator",
    "method",
    "RE",
    "CC",
    "median electrogram CC",
    "activation CC",
    "gain (mV)",
    "seconds",
    "remark",
]


def measured(
    data: PathLike | None,
    *,
    quick: bool = False,
    seed: int = 0,
    parts: FinishedParts | None = None,
) -> StudyTable:
    """Set network and 4D-Var beside classical methods on the measured tank and patient.

    Each data set is looked at in three ways: potentials of the heart surface (classical methods);
    the paper's simplification, the tissue model's u as that potential (with the sign of an
    electrogram, which falls where the tissue is excited); and u as a double layer. Gain and
    reference of u are unknown throughout.

    Args:
        data: folder that holds ``ecgi_utah_tank_sock128`` and ``ecgi_human_bspm_subject1``.
        quick: short training, two folds of leads, fewer methods.
        seed: of the first network.
        parts: rows that an interrupted run has finished.
    """
    parts = FinishedParts() if parts is None else parts
    cases = [Tank(data), Patient(data, n_folds=2 if quick else 5)]
    rows: list[list[Any]] = [[Tank.name, None, "zero solution", 1.0, *[None] * 5, ""]]
    runs = [
        (case, view, name, make)
        for case in cases
        for view in case.views()
        for name, make in _methods(case, view, quick, seed).items()
    ]
    for case, view, name, make in track(runs, TITLE, lambda run: f"{run[1].name}, {run[2]}"):
        key = f"{case.name}, {view.name}, {name}"
        rows += parts.rows(
            key,
            lambda case=case, view=view, name=name, make=make: [
                [case.name, view.name, name, *_row(case, view, make)]
            ],
        )
    return StudyTable(
        TITLE,
        list(COLUMNS),
        rows,
        notes=[
            "Tank: samples 150 to 209 (QRS), scored against the measured sock after removing the "
            "spatial mean at every instant. The zero solution has RE 1. Oracle rules see the "
            "truth: bounds, not methods.",
            "Patient: no invasive truth and no known pacing site; RE and CC of left-out leads "
            "(folds of every fifth lead, the same for all methods). They say how well the leads "
            "are explained, not how right the heart is.",
            "D gives plane waves the speed in the row. 0.6 m/s is physiological; 2 m/s is what it "
            "takes to cross the dog's heart (half its girth: 122 mm) from a few places in the "
            "40 ms of its QRS, which came down the conduction system. One time unit is 6.3 ms "
            "(dog: from the T wave in the leads) or 12.9 ms (patient).",
            "Whatever looks for u in the tank works on the sock with every triangle cut in four "
            "(506 nodes): edges of 14 mm carry no front. One network a row, with the given seed.",
            "The sock's supplied surface is closed by a cap of long triangles over the base. The "
            "patient has no torso mesh: the potentials just outside the double layer are those of "
            "an unbounded medium, and the supplied matrix takes them to the leads.",
        ],
    )


Make = Callable[[], ecgi.InverseMethod]


def _methods(case: Tank | Patient, view: View, quick: bool, seed: int) -> dict[str, Make]:
    """Return what makes the methods of a view, by name."""
    found: dict[str, Make] = {}
    if view.name != "u as heart potential":
        rules: dict[str, Any] = {"L-curve": ecgi.LCurve(), "CRESO": ecgi.CRESO()}
        if isinstance(case, Patient):
            rules["leave one lead out"] = ecgi.LeaveOneLeadOut()
        for order in (0, 2):
            plain = ecgi.Tikhonov(order=order, uncertainty=False)
            for name, rule in rules.items():
                method = replace(plain, rule=rule)
                found[f"Tikhonov {order}, {name}"] = lambda method=method: method
            if isinstance(case, Tank):
                found[f"Tikhonov {order}, oracle λ"] = lambda plain=plain: _oracle(
                    case, view, plain
                )
        found["traveling wave"] = lambda: ecgi.TravelingWave(uncertainty=False)
    if view.name == "heart potentials" and isinstance(case, Tank):
        # The best classical methods of the study sock128.
        found["Tikhonov 1, L-curve"] = lambda: ecgi.Tikhonov(order=1, rule=ecgi.LCurve())
        found["isotropy 1"] = lambda: ecgi.IsotropyPrewhitening(order=1)
        found["fundamental solutions"] = lambda: ecgi.FundamentalSolutions()
    if view.name == "heart potentials" or (quick and view.name == "u as heart potential"):
        return found
    if view.name == "double layer" and isinstance(case, Tank) and not quick:
        width = 2 * MS_PER_TU / case.ms_per_tu
        found["activation-time imaging"] = lambda: ecgi.ActivationTimeImaging(width_ms=width)
    training = {"steps": 40, "initial_steps": 40} if quick else {}
    for speed in case.speeds[-1:] if quick else case.speeds:
        # Plane waves travel at 1.6 √D mm per time unit (a = 0.1, k = 8).
        diffusion = (speed * case.ms_per_tu / 1.6) ** 2
        waves = ecgi.PlaneWaveFit(diffusion=diffusion)
        network = ecgi.presets.best(
            diffusion=diffusion,
            frame=ecgi.TravelingFrame(starts=(waves,)),
            seed=seed,
            quiet=True,
            **training,
        )
        for name, method in {
            "plane waves": waves,
            "4D-Var": ecgi.FourDVar(diffusion=diffusion, max_evaluations=25 if quick else 250),
            "network": ecgi.UnknownAmplitude(network, first=waves, rounds=2),
        }.items():
            found[f"{name}, {speed:g} m/s"] = lambda method=method: method
    return found


def _row(case: Tank | Patient, view: View, make: Make) -> list[Any]:
    start = time.perf_counter()
    scores, solution = case.score(view, make())
    seconds = time.perf_counter() - start
    shown = [score if np.isfinite(score) else None for score in scores]
    remark = "" if solution.status.startswith("solved") else solution.status
    return [*shown, solution.diagnostics.get("gain"), seconds, remark]


def _oracle(case: Tank, view: View, method: ecgi.Tikhonov) -> ecgi.InverseMethod:
    """Choose the λ whose heart potentials are best: a bound that needs the truth."""
    prepared = method.prepare(view.problem)
    choice = prepared.solve(view.problem).parameter
    values = [] if choice is None else choice.candidates[::2]
    methods = [
        replace(prepared, method=replace(method, rule=ecgi.Fixed(float(value)))) for value in values
    ]
    return min(methods, key=lambda one: case.score(view, one)[0][0])
