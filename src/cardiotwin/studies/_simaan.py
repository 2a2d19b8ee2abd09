"""What Simaan et al. 2009 print: a normal heart, two families of loops, speeds of suction."""

from typing import Any

import numpy as np

from .._types import PathLike
from ..circulation import (
    Circulation,
    Lvad,
    SpeedRamp,
    end_systolic_line,
    simulate,
    steady_indices,
    steady_state,
)
from ._table import StudyTable

NORMAL = {"period_s": 0.8, "emin": 0.05, "stressed_volume_ml": 272.0}
"""Sec. III; the stressed volume, which is not printed, is the one free constant."""

PRINTED_NORMAL = {
    "systolic_mmhg": 117.0,
    "diastolic_mmhg": 77.0,
    "mean_aortic_mmhg": 99.0,
    "co_l_min": 5.21,
    "sv_ml": 69.5,
}

PRINTED_LINES = {"afterload": (1.98, 10.91), "preload": (1.92, 8.84)}
"""Slope (mmHg/mL) and intercept (mL); put into the model: 2 and 10."""

PRINTED_SUCTION_RPM = {0.5: 17_400, 1.0: 15_500, 1.5: 14_800, 2.0: 14_400, 2.5: 14_100}
"""By systemic resistance, mmHg s/mL."""

RAMP_FROM_RPM, RAMP_RPM_S = 12_000.0, 100.0


def simaan(data: PathLike | None = None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """Repeat the simulations of Simaan et al. 2009 and put their numbers beside ours.

    Args:
        data: not used, the circuit is simulated.
        quick: three loops a family and two resistances, otherwise seven and five.
        seed: not used.
    """
    del data, seed
    normal = steady_indices(Circulation(**NORMAL)).indices
    rows: list[list[Any]] = [
        ["normal heart", name, printed, float(getattr(normal, name))]
        for name, printed in PRINTED_NORMAL.items()
    ]
    count = 3 if quick else 7
    for load, changed in _families(count).items():
        family = steady_state(Circulation(**NORMAL).replace(**changed))
        what = f"{load} by {', '.join(changed)}"
        for points in ("iterative", "end-ejection"):
            line = end_systolic_line(family, points=points)
            slope, intercept = PRINTED_LINES[load]
            rows.append([what, f"Ees (mmHg/mL), {points}", slope, float(line.ees_mmhg_ml)])
            rows.append([what, f"V0 (mL), {points}", intercept, float(line.v0_ml)])
    resistances = list(PRINTED_SUCTION_RPM)[: 2 if quick else 5]
    turns = suction_speeds(
        Circulation(systemic_resistance=resistances), Lvad(RAMP_FROM_RPM), RAMP_RPM_S, 60
    )
    for resistance, speed in zip(resistances, turns, strict=True):
        printed = PRINTED_SUCTION_RPM[resistance]
        rows.append(["ramp of 100 rpm/s", f"suction (rpm), Rs = {resistance}", printed, speed])
    for row in rows:
        row.append(100 * (row[3] / row[2] - 1))
    return StudyTable(
        "Simaan et al. 2009: printed and ours",
        ["simulation", "quantity", "printed", "ours", "difference (%)"],
        rows,
        [
            "true Ees 2 (the elastance itself reaches 1.992) and V0 10; the paper does not say "
            "which points its lines go through, nor how it changed the preload",
            "suction: the beat of the ramp with the largest minimum of the pump's flow; one beat "
            "is 100 rpm wide",
            "printed diastolic pressure 77; two independent integrations of the printed equations "
            "give 77.6",
        ],
    )


def suction_speeds(
    circulation: Circulation, lvad: Lvad, rate_rpm_s: float, n_beats: int
) -> list[float]:
    """Return the speed at which the lower envelope of the pump's flow turns down, per patient.

    Args:
        circulation: patients.
        lvad: a pump, with the speed from which the ramp starts.
        rate_rpm_s: of the ramp.
        n_beats: of the ramp.
    """
    beats = simulate(circulation, lvad, beats=n_beats, speed=SpeedRamp(rate_rpm_s))
    assert beats.lvad is not None
    lowest = np.asarray(beats.indices.pump_flow_min_ml_s)
    speed = np.asarray(beats.lvad.speed_rpm)
    return np.take_along_axis(speed, lowest.argmax(-1)[..., None], -1)[..., 0].tolist()


def _families(count: int) -> dict[str, dict[str, Any]]:
    return {
        "afterload": {"systemic_resistance": np.linspace(0.5, 2.0, count)},
        "preload": {"mitral_resistance": np.linspace(0.005, 0.1, count)},
    }
