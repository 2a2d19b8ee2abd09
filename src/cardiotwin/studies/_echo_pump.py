"""Med-Real2Sim, Fig. 4, with patients inferred from clips: what a pump will do for them."""

from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from .._errors import InputError
from .._progress import track
from .._types import PathLike
from ..circulation import SIMAAN_2009, Circulation, Indices, Lvad, steady_indices
from ..echo import Phantom, PhantomClip, predict
from ..echo._degradation import OWN_STREAM
from ..hemodynamics import QUANTITIES
from ._echo_phantom import TEST_SEED
from ._table import StudyTable

WEAK_EF = 40.0
"""Patients below are given a pump."""

SPEED_RPM = 9000.0

N_DRAWS = 120

SHOWN = {
    "cardiac output (L/min)": "co_l_min",
    "mean arterial pressure (mmHg)": "mean_arterial_mmhg",
    "EDV (mL)": "edv_ml",
    "peak ventricular pressure (mmHg)": "lv_peak_mmhg",
}

CUFF = ("systolic_mmhg", "diastolic_mmhg")


class Forecast(NamedTuple):
    """Indices of the draws of one patient without the pump and with it, and the truth of both."""

    before: Indices
    after: Indices
    true_before: Indices
    true_after: Indices


def echo_pump(data: PathLike | None = None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """Infer weak hearts from synthetic clips, give them a pump, and compare with the true ones.

    Args:
        data: not used, clips are made.
        quick: two patients instead of 24.
        seed: added to the seed of the test clips.
    """
    del data
    pump = Lvad(SPEED_RPM, SIMAAN_2009)
    every = _weak_patients(2 if quick else 24, seed)
    forecasts: dict[str, list[Forecast]] = {name: [] for name in ROADS}
    failed = 0
    for views in track(every, "patients", lambda own: f"patient {own[0].patient}"):
        truth = views[0].circulation
        true = steady_indices(truth).indices, steady_indices(truth, pump).indices
        cuff = _cuff(true[0], np.random.default_rng([seed, views[0].patient, *OWN_STREAM]))
        for name, (n_views, with_cuff) in ROADS.items():
            try:
                drawn = _drawn(views[:n_views], cuff if with_cuff else {}, seed)
            except InputError:
                failed += 1
                continue
            found = [steady_indices(drawn, own, throw=False).indices for own in (None, pump)]
            forecasts[name].append(Forecast(found[0], found[1], *true))
    rows: list[list[Any]] = []
    for name, own in forecasts.items():
        for label, index in SHOWN.items():
            rows.append([name, label, *_compared(own, index)])
    notes = [
        f"{len(every)} synthetic patients with an EF below {WEAK_EF:g} %, clips and shapes unseen "
        f"in training; {failed} answers could not be given; pump of Simaan et al. 2009 at "
        f"{SPEED_RPM:g} rpm",
        "patients and their twins are of one circuit and one prior (an inverse crime)",
        "a clip shows no pressure: without a cuff the output of the pump, which works against "
        "it, has the spread of the prior",
    ]
    columns = [
        "what was known",
        "quantity",
        "patients",
        "mean before",
        "MAE before",
        "90 % intervals hold (%)",
        "true change by the pump",
        "MAE of the change",
        "90 % intervals of the change hold (%)",
    ]
    figure = _figure(forecasts[list(ROADS)[-1]])
    return StudyTable("A pump in patients read from clips", columns, rows, notes, {"co": figure})


ROADS = {
    "one clip": (1, False),
    "one clip and a cuff": (1, True),
    "two clips and a cuff": (2, True),
}
"""How many views, and whether the cuff is used."""


def _weak_patients(n: int, seed: int) -> list[list[PhantomClip]]:
    """Return clips of both views of patients with a low EF."""
    phantom = Phantom(views=("A4C", "A2C"))
    found: list[list[PhantomClip]] = []
    number = 0
    while len(found) < n:
        first = phantom.clip(number, TEST_SEED + seed)
        if first.ef_percent < WEAK_EF:
            found.append([first, phantom.clip(number + 1, TEST_SEED + seed)])
        number += 2
    return found


def _cuff(true: Indices, rng: np.random.Generator) -> dict[str, Any]:
    """Return cuff pressures with the error of cuffs."""
    error = QUANTITIES[CUFF[0]].error
    return {
        name: float(getattr(true, QUANTITIES[name].index)) + error * float(rng.standard_normal())
        for name in CUFF
    }


def _drawn(views: list[PhantomClip], cuff: dict[str, Any], seed: int) -> Circulation:
    found = predict([one.clip for one in views], seed=seed, **cuff)
    return found.identification.resample(N_DRAWS, seed)


def _compared(every: list[Forecast], index: str) -> list[Any]:
    errors, changes, truths, values, held, held_change = [], [], [], [], [], []
    for own in every:
        before, after, true, true_after = (np.asarray(getattr(part, index)) for part in own)
        change, true_change = after - before, float(true_after - true)
        errors.append(abs(float(np.nanmedian(before) - true)))
        changes.append(abs(float(np.nanmedian(change)) - true_change))
        truths.append(true_change)
        values.append(float(true))
        held.append(_inside(before, float(true)))
        held_change.append(_inside(change, true_change))
    return [
        len(every),
        float(np.mean(values)),
        float(np.mean(errors)),
        100.0 * float(np.mean(held)),
        float(np.mean(truths)),
        float(np.mean(changes)),
        100.0 * float(np.mean(held_change)),
    ]


def _inside(draws: np.ndarray, truth: float) -> bool:
    low, high = np.nanpercentile(draws, [5, 95])
    return bool(low <= truth <= high)


def _figure(every: list[Forecast]) -> go.Figure:
    """Return predicted against true output, before and with the pump, with intervals."""
    figure = go.Figure()
    for name, parts in (("before", (0, 2)), ("with the pump", (1, 3))):
        drawn = [np.asarray(own[parts[0]].co_l_min) for own in every]
        low, middle, high = np.nanpercentile(np.array(drawn), [5, 50, 95], axis=1)
        figure.add_scatter(
            x=[float(own[parts[1]].co_l_min) for own in every],
            y=middle,
            error_y={"array": high - middle, "arrayminus": middle - low, "symmetric": False},
            mode="markers",
            name=name,
        )
    figure.add_scatter(x=[1, 9], y=[1, 9], mode="lines", name="equal")
    return figure.update_layout(
        xaxis_title="true cardiac output (L/min)", yaxis_title="predicted (L/min)"
    )
