"""The golden table by both routes: our solver and diffrax."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._types import PathLike
from ..circulation import (
    PRECISE,
    Circulation,
    Indices,
    Lvad,
    steady_indices,
    steady_state_by_diffrax,
)
from ._golden_numbers import CASES, COLUMNS, PUMP_COLUMNS, PUMP_PATIENT, PUMP_TABLE, TABLE
from ._table import StudyTable

SHOWN = "edv_ml esv_ml ef_percent lv_peak_mmhg systolic_mmhg diastolic_mmhg".split()
SHOWN += ["mean_arterial_mmhg", "mean_atrial_mmhg", "co_l_min"]

NAMES = {
    "A": "reference",
    "B": "Tc 0.8 s",
    "C": "Simaan, Fig. 5",
    "D": "Emax 1",
    "E": "Emax 0.6",
    "F": "Rm 0.1",
    "G": "Ra 0.25",
    "H": "start V 280 mL",
    "I": "Rs 2",
}


def golden(data: PathLike | None = None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """Solve the cases of the golden table with our solver and with diffrax.

    Args:
        data: not used, the numbers come with the package.
        quick: two cases without a pump and one with, and looser steps of diffrax.
        seed: not used.
    """
    del data, seed
    tolerance = 1e-7 if quick else 1e-9
    cases, speeds = [*CASES], [*PUMP_TABLE]
    if quick:
        cases, speeds = ["A", "G"], [16_000]
    columns = {
        name: np.array([float(CASES[c].values()[name]) for c in cases])
        for name in PUMP_PATIENT.values()
    }
    rows = _rows(
        [f"{case}: {NAMES[case]}" for case in cases],
        Circulation(**columns),
        None,
        [*COLUMNS],
        [TABLE[case] for case in cases],
        tolerance,
    )
    rows += _rows(
        [f"{rpm} rpm, Emax 1, Tc 0.8 s" for rpm in speeds],
        PUMP_PATIENT,
        Lvad(np.array(speeds, float)),
        PUMP_COLUMNS,
        [PUMP_TABLE[rpm] for rpm in speeds],
        tolerance,
    )
    return StudyTable(
        "Golden table: our steady states, and how far both routes are from the printed numbers",
        ["case", *SHOWN, "largest |ours − printed|", "in", "largest |diffrax − printed|", "at"],
        rows,
        [
            "printed numbers: LSODA at 1e-10 and an SDIRK in C; three decimals and two of aortic "
            "pressures, under a pump two and one; differences in mL, mmHg, %, mL/s, L/min; work is "
            "left out (printed without decimals)",
            f"ours: {PRECISE.steps} steps a beat; diffrax: Kvaerno4 with tolerance {tolerance:g}, "
            "equations and indices written separately",
            "case C is compared with what Simaan et al. 2009 print in `reproduce simaan`",
        ],
    )


def _rows(
    labels: Sequence[str],
    circulation: Circulation,
    lvad: Lvad | None,
    names: Sequence[str],
    printed: Sequence[str],
    tolerance: float,
) -> list[list[Any]]:
    ours = steady_indices(circulation, lvad, solver=PRECISE).indices
    other = steady_state_by_diffrax(circulation, lvad, rtol=tolerance, atol=tolerance).indices
    rows = []
    for k, label in enumerate(labels):
        shown = [float(getattr(ours, name)[k]) for name in SHOWN]
        words = dict(zip(names, printed[k].split(), strict=True))
        rows.append([label, *shown, *_largest(ours, k, words), *_largest(other, k, words)])
    return rows


def _largest(found: Indices, k: int, words: dict[str, str]) -> tuple[float, str]:
    """Return the largest difference from the printed numbers and the index that has it."""
    difference = {
        name: abs(float(getattr(found, name)[k]) - float(word))
        for name, word in words.items()
        if name != "stroke_work_mmhg_ml"
    }
    worst = max(difference, key=lambda name: difference[name])
    return difference[worst], worst
