"""Published numbers of groups of patients beside the patients of the zoo."""

import csv
from typing import Any

import numpy as np

from .._types import PathLike
from ..circulation import Circulation, Indices, Lvad, steady_indices
from ..hemodynamics import zoo
from ._data import dataset
from ._table import StudyTable

FOLDER = "hemo_reference_values"

AFTER_VALVULOPLASTY = 0.03
"""Rm of a mitral valve that was widened by a balloon, mmHg s/mL: ours, an area of about 2 cm²."""

GROUPS = {
    "human HF symptoms, LVEF>50%": "hfpef",
    "human diastolic HF": "hfpef",
    "human no diastolic HF": "healthy",
    "human controls": "healthy",
    "human dilated cardiomyopathy": "dilated_cardiomyopathy",
    "human pure mitral stenosis after valvuloplasty": "mitral_stenosis, widened",
    "human severe mitral stenosis after valvuloplasty": "mitral_stenosis, widened",
    "human pure mitral stenosis": "mitral_stenosis",
    "human severe mitral stenosis": "mitral_stenosis",
    "human continuous-flow LVAD ramp": "dilated_cardiomyopathy, pump",
}
"""Start of a group's name → the patient beside it; the first that fits counts."""

QUANTITIES = {
    "ESP": "end_systolic_mmhg",
    "EDV": "edv_ml",
    "ESV": "esv_ml",
    "SV": "sv_ml",
    "SW": "stroke_work_mmhg_ml",
    "dPdt_max": "dpdt_max_mmhg_s",
    "LVEF": "ef_percent",
    "LVEDP": "lvedp_mmhg",
    "mitral_valve_area": "mitral_area_cm2",
    "mean_mitral_gradient": "mitral_mean_gradient_mmhg",
    "CO": "co_l_min",
}
"""Published quantity → our index."""

RAMP_RPM = np.arange(8000.0, 11_201.0, 400.0)
"""Eight steps of 400 rpm, as many as the published change is of the change per step."""


def reference_values(
    data: PathLike | None = None, *, quick: bool = False, seed: int = 0
) -> StudyTable:
    """Put published medians and means beside the patients of the zoo.

    Args:
        data: folder that holds `FOLDER`.
        quick: not used, it takes seconds.
        seed: not used.
    """
    del quick, seed
    path = dataset(data, FOLDER) / "pv_reference_values.csv"
    with path.open(newline="", encoding="utf-8") as handle:
        lines = list(csv.DictReader(handle))
    patients = _patients()
    found = {name: steady_indices(own).indices for name, own in patients.items()}
    ramp = steady_indices(patients["dilated_cardiomyopathy"], Lvad(RAMP_RPM)).indices
    rows, left_out = [], set()
    for line in lines:
        name = next((own for start, own in GROUPS.items() if line["group"].startswith(start)), None)
        ours = None
        if name == "dilated_cardiomyopathy, pump":
            ours = _ramp_change(ramp, line["quantity"])
        elif name is not None and line["quantity"] == "HR":
            ours = float(patients[name].heart_rate_bpm)
        elif name is not None and line["quantity"] in QUANTITIES:
            ours = float(getattr(found[name], QUANTITIES[line["quantity"]]))
        if ours is None:
            left_out.add(f"{line['quantity']} ({line['group'].split(' (n=')[0]})")
            continue
        value, low, high = _range(line)
        inside = None if low is None or high is None else "yes" if low <= ours <= high else "no"
        cells: list[Any] = [line["group"], line["quantity"], line["unit"], value, line["spread"]]
        rows.append([*cells, line["statistic"], name, ours, inside, line["source"]])
    return StudyTable(
        "Published reference values and patients of the zoo",
        ["group", "quantity", "unit", "published", "spread", "statistic", "zoo patient", "ours",
         "within the spread", "source"],
        rows,
        [
            "sources R1 to R7: see the README of the data set; numbers of tables and abstracts",
            "the patients were made to be typical of a disease by other numbers, not fitted to "
            "these; one patient stands beside a group, whose spread is that between people",
            f"widened: the patient with mitral stenosis after Rm = {AFTER_VALVULOPLASTY}; pump: "
            "8000 to 11,200 rpm, the pump of Simaan et al. 2009, not the two of the study; wedge "
            "pressure: mean left atrial pressure",
            "without a counterpart in the model: " + "; ".join(sorted(left_out)),
        ],
    )  # fmt: skip


def _patients() -> dict[str, Circulation]:
    names = {name.partition(",")[0] for name in GROUPS.values()}
    patients = {name: zoo.get(name) for name in sorted(names)}
    widened = patients["mitral_stenosis"].replace(mitral_resistance=AFTER_VALVULOPLASTY)
    return {**patients, "mitral_stenosis, widened": widened}


def _ramp_change(ramp: Indices, quantity: str) -> float | None:
    """Return the change of output or wedge pressure over the ramp, or per step."""
    index = {"CO": ramp.co_l_min, "PCWP": ramp.mean_atrial_mmhg}.get(quantity.split()[0])
    if index is None:
        return None
    change = float(index[-1] - index[0])
    return change / (len(RAMP_RPM) - 1) if "per speed step" in quantity else change


def _range(line: dict[str, str]) -> tuple[float, float | None, float | None]:
    """Return the value and the range that its spread means, None if none is printed."""
    value, spread = float(line["value"]), line["spread"]
    if not spread:
        return value, None, None
    if "IQR" in line["statistic"]:
        low, high = map(float, spread.split("-"))
        return value, low, high
    return value, value - float(spread), value + float(spread)
