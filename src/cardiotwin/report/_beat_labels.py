"""Names, units and digits of the clinical indices, in the order in which they are read."""

from typing import Any, NamedTuple

import numpy as np

from ..circulation import Beat


class IndexLabel(NamedTuple):
    """How an index is printed.

    Attributes:
        label: in words.
        unit: empty for a ratio.
        digits: behind the decimal point.
        group: heading in the table.
    """

    label: str
    unit: str
    digits: int
    group: str


_GROUPS: dict[str, list[tuple[str, str, str, int]]] = {
    "Volumes": [
        ("edv_ml", "End-diastolic volume", "mL", 1),
        ("esv_ml", "End-systolic volume", "mL", 1),
        ("sv_ml", "Stroke volume", "mL", 1),
        ("ef_percent", "Ejection fraction", "%", 1),
        ("paper_edv_ml", "Volume when the contraction starts", "mL", 1),
        ("paper_esv_ml", "Volume at Tmax", "mL", 1),
        ("paper_ef_percent", "Ejection fraction from these two", "%", 1),
    ],
    "Flow": [
        ("co_l_min", "Cardiac output", "L/min", 2),
        ("valve_flow_ml_s", "Mean flow through the aortic valve", "mL/s", 1),
        ("pump_flow_ml_s", "Mean flow through the pump", "mL/s", 1),
        ("pump_flow_min_ml_s", "Smallest flow through the pump", "mL/s", 1),
        ("pump_flow_max_ml_s", "Largest flow through the pump", "mL/s", 1),
    ],
    "Pressures": [
        ("systolic_mmhg", "Aortic pressure, systolic", "mmHg", 1),
        ("diastolic_mmhg", "Aortic pressure, diastolic", "mmHg", 1),
        ("mean_aortic_mmhg", "Aortic pressure, mean", "mmHg", 1),
        ("mean_arterial_mmhg", "Pressure of the systemic arteries, mean", "mmHg", 1),
        ("mean_atrial_mmhg", "Left atrial pressure, mean", "mmHg", 1),
        ("lvedp_mmhg", "Left ventricular end-diastolic pressure", "mmHg", 1),
        ("lv_peak_mmhg", "Left ventricular pressure, largest", "mmHg", 1),
        ("lv_min_mmhg", "Left ventricular pressure, smallest", "mmHg", 1),
        ("end_systolic_mmhg", "End-systolic pressure", "mmHg", 1),
    ],
    "Contraction and load": [
        ("dpdt_max_mmhg_s", "dP/dt, largest", "mmHg/s", 0),
        ("dpdt_min_mmhg_s", "dP/dt, smallest", "mmHg/s", 0),
        ("ees_mmhg_ml", "End-systolic elastance Ees", "mmHg/mL", 2),
        ("ea_mmhg_ml", "Effective arterial elastance Ea", "mmHg/mL", 2),
        ("stroke_work_mmhg_ml", "Stroke work", "mmHg mL", 0),
        ("pva_mmhg_ml", "Pressure–volume area", "mmHg mL", 0),
        ("efficiency", "Stroke work / pressure–volume area", "", 3),
    ],
    "Valves": [
        ("mitral_mean_gradient_mmhg", "Mitral gradient, mean while open", "mmHg", 2),
        ("mitral_peak_gradient_mmhg", "Mitral gradient, largest", "mmHg", 2),
        ("aortic_mean_gradient_mmhg", "Aortic gradient, mean while open", "mmHg", 2),
        ("aortic_peak_gradient_mmhg", "Aortic gradient, largest", "mmHg", 2),
        ("mitral_area_cm2", "Mitral area (Gorlin)", "cm²", 2),
        ("aortic_area_cm2", "Aortic area (Gorlin)", "cm²", 2),
        ("mitral_regurgitant_ml", "Mitral regurgitation in a beat", "mL", 1),
        ("aortic_regurgitant_ml", "Aortic regurgitation in a beat", "mL", 1),
    ],
}

INDEX_LABELS: dict[str, IndexLabel] = {
    name: IndexLabel(label, unit, digits, group)
    for group, rows in _GROUPS.items()
    for name, label, unit, digits in rows
}
"""How each index of `Indices` is printed, by name."""


def index_label(name: str) -> IndexLabel:
    """Return how an index is printed; one that is not known yet keeps its own name.

    >>> index_label("edv_ml").label, index_label("new_index_ml").label
    ('End-diastolic volume', 'new index ml')
    """
    return INDEX_LABELS.get(name, IndexLabel(name.replace("_", " "), "", 2, "Others"))


def with_unit(label: str, unit: str) -> str:
    """Return a label with its unit in parentheses, where it has one.

    >>> with_unit("Stroke volume", "mL"), with_unit("Ratio", "")
    ('Stroke volume (mL)', 'Ratio')
    """
    return f"{label} ({unit})" if unit else label


def fixed(value: Any, digits: int) -> str:
    """Write a number with so many digits behind the point and a true minus; a dash for NaN.

    >>> fixed(-1588.246, 0), fixed(float("nan"), 1), fixed(-0.001, 1)
    ('−1588', '–', '0.0')
    """
    number = float(value)
    if not np.isfinite(number):
        return "–"
    text = f"{number:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "−")


def index_rows(beat: Beat) -> list[str]:
    """Return the names of the indices worth printing: those of a pump only where there is one."""
    known = beat.indices.as_dict()
    order = [*(name for name in INDEX_LABELS if name in known)]
    order += [name for name in known if name not in INDEX_LABELS]
    pump = ("pump_flow_ml_s", "pump_flow_min_ml_s", "pump_flow_max_ml_s", "valve_flow_ml_s")
    return [name for name in order if beat.lvad is not None or name not in pump]
