"""Med-Real2Sim, Fig. 4c: EF and output before and under a pump in a cohort, loops by EF."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Shaped

from .._types import PathLike
from ..circulation import CHOI_1997, Beat, Lvad, steady_state
from ..hemodynamics import (
    Arm,
    Between,
    Cohort,
    Strata,
    SuctionFraction,
    Trial,
    TrialResult,
    run_trial,
)
from ..hemodynamics._trial_statistics import estimate
from ..report import plot_pv_loop, plot_trial_before_after
from ._table import StudyTable

GAMMA = 1.4
"""ω = ω_suction/γ as in the reference's code."""

PRESSURES = (60.0, 130.0)
"""Mean arterial pressure of those who are enrolled, mmHg: adults who live."""

GROUPS = Strata("ef_percent", (50.0, 70.0))
"""Low, normal and high ejection fraction."""

ROWS = {
    "EF (%)": "ef_percent",
    "'CO' as computed there (L/min)": "",
    "cardiac output (L/min)": "co_l_min",
    "stroke volume (mL)": "sv_ml",
    "end-diastolic volume (mL)": "edv_ml",
    "mean arterial pressure (mmHg)": "mean_arterial_mmhg",
}

COLUMNS = [
    "group",
    "quantity",
    "patients",
    "before, mean ± SD",
    "pump, mean ± SD",
    "change (95 %)",
    "rises in (%)",
]


def pump_cohort(data: PathLike | None = None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """Give every adult of a cohort a pump and compare EF, output and loops by EF.

    Args:
        data: not used, patients are drawn.
        quick: 64 patients, otherwise 1024.
        seed: of the cohort.
    """
    del data
    n = 64 if quick else 1024
    cohort = Cohort.from_priors(n, seed, eligibility=[Between("mean_arterial_mmhg", *PRESSURES)])
    pump = Arm("pump", speed=SuctionFraction(GAMMA), coefficients=CHOI_1997)
    result = run_trial(Trial(cohort, (pump,), subgroups=(GROUPS,)), quiet=True)
    known = np.isfinite(result.values("speed_rpm")[0])
    groups = {"all": np.ones(n, bool), **GROUPS.members(cohort)}
    rows: list[list[Any]] = []
    for group, members in groups.items():
        among = members & known
        if among.sum() < 2:
            continue
        for name, index in ROWS.items():
            rows.append([group, name, int(among.sum()), *_cells(result, index, among)])
    speed = result.values("speed_rpm")[0][known]
    account = result.accounting.arms[0]
    read = np.asarray(cohort.baseline["paper_ef_percent"])
    own = np.asarray(cohort.baseline["ef_percent"])
    impossible = int(np.sum(result.values("ef_percent") > 100))
    return StudyTable(
        f"Med-Real2Sim, Fig. 4c: a pump at suction speed / {GAMMA} in {n} simulated adults",
        COLUMNS,
        rows,
        [
            "the paper draws EF before and with a pump in its twins of two sets of videos, says "
            "that it rises, and prints no numbers; here the patients are drawn from the priors of "
            f"adults, {cohort.screened} screened, mean arterial pressure {PRESSURES[0]:g} to "
            f"{PRESSURES[1]:g} mmHg",
            f"{account.analysed} of {account.allocated} have a result, {account.infeasible} no "
            f"speed of suction, {account.failed} no beat; speeds {np.median(speed):.0f} rpm "
            f"({np.percentile(speed, 5):.0f} to {np.percentile(speed, 95):.0f} in nine of ten)",
            "'CO' there is (largest − smallest volume) × rate: under a pump no output, since blood "
            "leaves while the ventricle fills. Cardiac output is the flow through the body",
            "constant speed, coefficients of Choi et al. 1997; no reflexes: vessels do not widen "
            "when the pump raises the pressure",
            f"with the pump {impossible} have an EF above 100 %: "
            "the smallest volume is negative where Vd is, which the linear ventricle allows",
            "EF is by the largest and the smallest volume before and after; the reference reads it "
            f"at fixed times without a pump ({read.mean():.1f} % in the mean, {own.mean():.1f} % "
            "here) and by the extremes with one",
        ],
        {
            "ef": plot_trial_before_after(result, "ef_percent"),
            "co": plot_trial_before_after(result, "co_l_min"),
            "loops": _loops(result, known),
        },
    )


def _cells(result: TrialResult, index: str, among: Shaped[np.ndarray, " n"]) -> list[Any]:
    before, after = (own[among] for own in _before_after(result, index))
    change = after - before
    gain = estimate(change, np.ones(len(change)), np.arange(len(change)), 0.95)
    return [
        _mean_sd(before),
        _mean_sd(after),
        f"{gain.mean:+.3g} ({gain.low:+.3g} to {gain.high:+.3g})",
        float(100 * np.mean(change > 0)),
    ]


def _before_after(
    result: TrialResult, index: str
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    cohort = result.trial.cohort
    if index:
        return cohort.baseline[index], result.values(index)[0]
    rate = 0.001 * np.asarray(cohort.circulation.heart_rate_bpm)
    return rate * cohort.baseline["sv_ml"], rate * result.values("sv_ml")[0]


def _mean_sd(values: Float[np.ndarray, " n"]) -> str:
    return f"{values.mean():.4g} ± {values.std(ddof=1):.2g}"


def _loops(result: TrialResult, known: Shaped[np.ndarray, " n"]) -> go.Figure:
    """Draw the patient in the middle of each group, without and with the pump."""
    cohort, fraction = result.trial.cohort, result.trial.cohort.baseline["ef_percent"]
    beats: list[Beat] = []
    names: list[str] = []
    for group, members in GROUPS.members(cohort).items():
        rows = np.flatnonzero(members & known)
        if not len(rows):
            continue
        row = int(rows[np.argsort(fraction[rows])[len(rows) // 2]])
        patient = cohort.circulation[row]
        lvad = Lvad(result.values("speed_rpm")[0, row], CHOI_1997)
        beats += [steady_state(patient), steady_state(patient, lvad)]
        names += [f"{group}: {fraction[row]:.0f} %", f"{group}, pump"]
    return plot_pv_loop(beats, names, espvr=False, title="Low, normal and high EF with a pump")
