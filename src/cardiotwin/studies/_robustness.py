"""How often there is a steady state, and whether another integrator finds the same."""

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
from ._random_circulations import extension, paper_box, random_pumps
from ._table import StudyTable

COMPARED = {
    "volumes (mL)": "edv_ml esv_ml paper_edv_ml paper_esv_ml",
    "pressures (mmHg)": "lv_peak_mmhg lv_min_mmhg lvedp_mmhg systolic_mmhg diastolic_mmhg "
    "mean_aortic_mmhg mean_arterial_mmhg mean_atrial_mmhg",
    "output (L/min)": "co_l_min",
}
"""Indices whose largest difference is printed."""

CHUNK = 8192
"""Patients solved in one call."""


def robustness(data: PathLike | None = None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """Solve random circulations of the paper's box and beyond, and check some with diffrax.

    Args:
        data: not used, patients are drawn.
        quick: a few hundred and two checks a kind, otherwise 100,000 and thirty.
        seed: of the patients.
    """
    del data
    rng = np.random.default_rng(seed)
    share, n_checked = (200, 2) if quick else (1, 30)
    pumped = 20_000 // share
    kinds = {
        "box of the paper": (paper_box(rng, 50_000 // share), None),
        "extension": (extension(rng, 30_000 // share), None),
        "extension with a pump": (extension(rng, pumped), random_pumps(rng, pumped)),
    }
    rows, notes = [], []
    for name, (circulation, lvad) in kinds.items():
        residual, reasons = _solve_all(circulation, lvad)
        chosen = rng.choice(len(residual), n_checked, replace=False)
        checked, own_lvad = circulation[chosen], lvad
        if lvad is not None:
            own_lvad = Lvad(lvad.speed_rpm[chosen], lvad.coefficients)
        theirs = steady_state_by_diffrax(
            checked, own_lvad, rtol=1e-7, atol=1e-7, max_beats=300
        ).indices
        periodic = int(np.isfinite(theirs.edv_ml).sum())
        fast = _worst(steady_indices(checked, own_lvad).indices, theirs)
        precise = _worst(steady_indices(checked, own_lvad, solver=PRECISE).indices, theirs)
        found = np.isfinite(residual)
        n_found = int(found.sum())
        percent = 100 * n_found / len(residual)
        largest = float(residual[found].max())
        rows.append([name, len(residual), n_found, percent, largest, periodic, *fast, *precise])
        notes += [f"{name}: {reason}" for reason in reasons]
    notes.append(
        "residual: change over a beat relative to the stressed volume; 1e-5 is what is allowed "
        "of the solver for large batches"
    )
    notes.append(
        "differences from diffrax (Kvaerno4, 1e-7): largest over those checked; 'fast' are 200 "
        "steps a beat, 'precise' 3000"
    )
    kinds_of_difference = [f"{how}, {what}" for how in ("fast", "precise") for what in COMPARED]
    return StudyTable(
        "Random circulations: how many have a steady state, and diffrax on a sample",
        ["kind", "sets", "periodic", "%", "worst residual", "checked", *kinds_of_difference],
        rows,
        notes,
    )


def _solve_all(circulation: Circulation, lvad: Lvad | None) -> tuple[np.ndarray, list[str]]:
    """Return the residual of each patient, NaN if there is no steady state, and the reasons."""
    residuals, reasons = [], []
    for start in range(0, circulation.shape[0], CHUNK):
        own = slice(start, start + CHUNK)
        turning = None if lvad is None else Lvad(lvad.speed_rpm[own], lvad.coefficients)
        found = steady_indices(circulation[own], turning, throw=False)
        good = found.status == "periodic"
        residuals.append(np.where(good, found.period_residual, np.nan))
        reasons += [str(found.status[k]) for k in np.flatnonzero(~good)]
    return np.concatenate(residuals), reasons


def _worst(ours: Indices, theirs: Indices) -> list[float]:
    """Return the largest difference of each group of `COMPARED`."""
    return [
        max(float(np.nanmax(np.abs(getattr(ours, n) - getattr(theirs, n)))) for n in names.split())
        for names in COMPARED.values()
    ]
