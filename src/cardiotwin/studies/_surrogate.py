"""Networks in place of the simulator: the paper's and ours, on random points of its box."""

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .._types import PathLike
from ..circulation import FAST, Circulation, Indices, steady_indices
from ..hemodynamics import (
    ADULT_BOX,
    PAPER_BOX,
    PretextNetwork,
    Surrogate,
    train_pretext,
    train_surrogate,
)
from ._table import StudyTable

SHOWN = ("edv_ml", "esv_ml", "ef_percent", "paper_edv_ml", "paper_esv_ml", "paper_ef_percent")
"""Columns: both ways to read volumes, extremes and the paper's fixed times."""

OTHERS = (
    "co_l_min systolic_mmhg diastolic_mmhg mean_arterial_mmhg mean_atrial_mmhg lvedp_mmhg "
    "stroke_work_mmhg_ml ea_mmhg_ml loop_volume_ml loop_lv_mmhg"
).split()
"""What else is told of our surrogates, in a note."""

COLUMNS = [
    *("network", "box", "EDV (mL)", "ESV (mL)", "EF (points)"),
    *("EDV at 0 (mL)", "ESV at Tmax (mL)", "EF of these (points)"),
    *("training (s)", "CPU (s)", "load", "evaluations/s"),
]

SHIPPED = (4.75, 2.66, 1.79)
"""EDV, ESV, EF of the authors' own network on random points of their box, measured by us."""

QUICK: dict[str, Any] = {"n_train": 1024, "n_held_out": 256, "steps": 600}


def surrogate(data: PathLike | None = None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """Train the paper's network and our surrogates, and compare them on random circulations.

    Args:
        data: not used, circulations are drawn.
        quick: small trainings, of the paper's box only.
        seed: of trainings and circulations.
    """
    del data
    settings = QUICK if quick else {}
    box, start = PAPER_BOX.patients_of_the_paper(256 if quick else 4096, seed + 2_000_003)
    ours = train_surrogate(PAPER_BOX, seed=seed, quiet=True, **settings)
    pretext = train_pretext(steps=600 if quick else 30_000, seed=seed, quiet=True)

    edv, esv = pretext.predict(box, start)
    ef = 100 * (edv - esv) / edv
    truth = steady_indices(box, solver=FAST).indices
    theirs = zip((edv, esv, ef), SHOWN[3:], strict=True)
    errors = [_mean(value - getattr(truth, name)) for value, name in theirs]
    loss = pretext.provenance.settings["training"]["loss"]
    nothing = [None] * 3
    speed = _per_second(lambda: pretext.predict(box, start), len(start))
    rows: list[list[Any]] = [
        ["shipped by the authors", "paper", *nothing, *SHIPPED, *nothing, None],
        ["paper's, on its grid", "paper", *nothing, *errors, *_costs(pretext), speed],
        _row("paper", ours, box, truth),
    ]
    trained = {"paper": ours}
    if not quick:
        trained["adults"] = train_surrogate(ADULT_BOX, seed=seed, quiet=True)
        adults = ADULT_BOX.patients(4096, seed + 2_000_003)
        simulated = steady_indices(adults, solver=FAST).indices
        rows.append(_row("adults", trained["adults"], adults, simulated))
    per_second = _per_second(lambda: steady_indices(box, solver=FAST), len(start))
    rows.append(["simulator, 200 steps a beat", "paper", *[0.0] * 6, *nothing, per_second])
    return StudyTable(
        "Surrogates of the circulation: mean absolute errors on random circulations",
        COLUMNS,
        rows,
        notes=[_note(*item) for item in trained.items()]
        + [
            f"the paper's network ended with a mean square of {loss:.3g} mL² on its grid",
            "the shipped network's errors were measured before, on other random points of the box",
            "start volume and Vd are random as well: the paper's network sees the one and adds "
            "the other",
            "the truth is the simulator with which the networks were trained: nothing is said of "
            "patients",
            f"evaluations in batches of {len(start)} on {os.cpu_count()} cores that other "
            f"processes share, load {os.getloadavg()[0]:.1f}",
        ],
    )


def _row(name: str, made: Surrogate, circulation: Circulation, truth: Indices) -> list[Any]:
    said = made.predict(circulation)
    errors = [_mean(getattr(said, index) - getattr(truth, index)) for index in SHOWN]
    speed = _per_second(lambda: made.predict(circulation), circulation.shape[0])
    return ["ours", name, *errors, *_costs(made), speed]


def _mean(difference: Any) -> float:
    return float(np.mean(np.abs(difference)))


def _costs(made: Surrogate | PretextNetwork) -> list[float]:
    told = made.provenance.settings["training"]
    return [told["seconds"], told["cpu_seconds"], told["load"]]


def _per_second(evaluate: Callable[[], Any], n: int) -> float:
    """Return evaluations a second, the best of three, compiled before."""
    evaluate()
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        evaluate()
        seconds.append(time.perf_counter() - begun)
    return n / min(seconds)


def _note(name: str, made: Surrogate) -> str:
    parts = [f"{key} {made.errors[key].mean:.3g} ({made.errors[key].p95:.3g})" for key in OTHERS]
    return f"ours, {name} box, mean (95 %) on its own held-out patients: " + ", ".join(parts)
