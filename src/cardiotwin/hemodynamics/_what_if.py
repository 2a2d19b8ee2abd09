"""What would happen if: the steady beat before and after some transformations."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from .._checks import check_choice
from ..circulation import Beat, Circulation, CycleSolver, Lvad, steady_state
from ._transformations import Transformation, transform

LABELS = {
    "edv_ml": ("end-diastolic volume", "mL"),
    "esv_ml": ("end-systolic volume", "mL"),
    "sv_ml": ("stroke volume", "mL"),
    "ef_percent": ("ejection fraction", "%"),
    "co_l_min": ("cardiac output", "L/min"),
    "lvedp_mmhg": ("LV end-diastolic pressure", "mmHg"),
    "lv_peak_mmhg": ("LV peak pressure", "mmHg"),
    "systolic_mmhg": ("aortic systolic pressure", "mmHg"),
    "diastolic_mmhg": ("aortic diastolic pressure", "mmHg"),
    "mean_arterial_mmhg": ("mean arterial pressure", "mmHg"),
    "mean_atrial_mmhg": ("mean left atrial pressure", "mmHg"),
    "stroke_work_mmhg_ml": ("stroke work", "mmHg mL"),
    "pva_mmhg_ml": ("pressure–volume area", "mmHg mL"),
    "efficiency": ("stroke work / pressure–volume area", ""),
    "ees_mmhg_ml": ("end-systolic elastance", "mmHg/mL"),
    "ea_mmhg_ml": ("effective arterial elastance", "mmHg/mL"),
    "dpdt_max_mmhg_s": ("largest dP/dt", "mmHg/s"),
    "mitral_mean_gradient_mmhg": ("mitral mean gradient", "mmHg"),
    "aortic_mean_gradient_mmhg": ("aortic mean gradient", "mmHg"),
    "mitral_area_cm2": ("mitral valve area (Gorlin)", "cm²"),
    "aortic_area_cm2": ("aortic valve area (Gorlin)", "cm²"),
    "mitral_regurgitant_ml": ("mitral regurgitant volume", "mL"),
    "aortic_regurgitant_ml": ("aortic regurgitant volume", "mL"),
    "pump_flow_ml_s": ("mean pump flow", "mL/s"),
}
"""Index → what a clinician calls it, and its unit: the rows of a table."""


class Change(NamedTuple):
    """One index before and after, of the shape of the batch.

    Attributes:
        before: its value before.
        after: its value after.
        percent: 100 (after − before) / |before|; NaN where it was zero.
    """

    before: Float[np.ndarray, "..."]
    after: Float[np.ndarray, "..."]
    percent: Float[np.ndarray, "..."]


@dataclass(frozen=True, eq=False)
class WhatIf:
    """A patient's steady beat before and after.

    Attributes:
        before: beat of the patient as given.
        after: beat once the transformations have been applied; its `circulation` and `lvad` are
            the changed patient.
        transformations: what was applied, in this order.
    """

    before: Beat
    after: Beat
    transformations: tuple[Any, ...]

    def change(self, index: str) -> Change:
        """Return one index before and after.

        Args:
            index: a field of `Indices`.

        Raises:
            InputError: no such index.
        """
        known = self.before.indices.as_dict()
        check_choice(index, "index", known)
        before, after = np.broadcast_arrays(known[index], self.after.indices.as_dict()[index])
        zero = before == 0
        percent = 100 * (after - before) / np.where(zero, np.nan, np.abs(before))
        return Change(before, after, np.asarray(percent))

    def table(self, indices: Iterable[str] = tuple(LABELS)) -> str:
        """Return the changes as a Markdown table; of a batch, medians over its patients.

        Args:
            indices: names of indices, one a row; all that have a clinical name by default.

        Raises:
            InputError: no such index.
        """
        lines = ["| index | unit | before | after | change | % |", "|---|---|---|---|---|---|"]
        for index in indices:
            label, unit = LABELS.get(index, (index, ""))
            own = self.change(index)
            cells = [
                _shown(own.before),
                _shown(own.after),
                _shown(np.asarray(own.after - own.before), sign="+"),
                _shown(own.percent, sign="+"),
            ]
            lines.append("| " + " | ".join([label, unit, *cells]) + " |")
        return "\n".join(lines)


def what_if(
    circulation: Circulation,
    *transformations: Transformation,
    lvad: Lvad | None = None,
    solver: CycleSolver | None = None,
    throw: bool = True,
) -> WhatIf:
    """Return a patient's steady beat before and after some transformations.

    The circuit has no reflexes: what comes out is the mechanical answer alone, with heart rate,
    vessels and volume as they were unless a transformation changes them.

    Args:
        circulation: the patient, or a batch.
        transformations: in the order in which they happen; arrays of severities make a batch.
        lvad: the pump that the patient has, None without one.
        solver: steps, tolerance and limits of both beats, as in `steady_state`.
        throw: raise if there is no periodic beat; otherwise its numbers are NaN.

    Raises:
        InputError: a transformation that this patient cannot undergo.
        NumericsError: no periodic beat, before or after.

    >>> from cardiotwin.hemodynamics import Inotrope
    >>> answer = what_if(Circulation(emax=1.0), Inotrope(2.0))
    >>> print(answer.table(["ef_percent"]))
    | index | unit | before | after | change | % |
    |---|---|---|---|---|---|
    | ejection fraction | % | 37.9 | 55 | +17.1 | +45.2 |
    """
    changed, pump = transform(circulation, *transformations, lvad=lvad)
    return WhatIf(
        before=steady_state(circulation, lvad, solver=solver, throw=throw),
        after=steady_state(changed, pump, solver=solver, throw=throw),
        transformations=transformations,
    )


def _shown(values: Float[np.ndarray, "..."], sign: str = "") -> str:
    """Return the median of the finite values to three digits, a dash without any."""
    known = values[np.isfinite(values)]
    if not known.size:
        return "–"
    median = float(np.median(known))
    digits = max(0, 3 - len(str(int(abs(median))))) if abs(median) >= 1 else 3
    text = f"{median:{sign}.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
