"""Med-Real2Sim, Fig. 4: a failing heart with a pump, and the choice of the pump's speed."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._types import PathLike
from ..circulation import (
    CHOI_1997,
    Circulation,
    Indices,
    Lvad,
    SpeedRamp,
    SuctionAvoidingSpeed,
    simulate,
    steady_indices,
)
from ._table import StudyTable

SUCTION_FROM_RPM, SUCTION_RPM_S = 5000.0, 400.0
"""Ramp by which the reference finds the speed of suction."""

CONTROLLED_BEATS = 70
"""Beats of the controlled run; its indices are means over beats 50 to 52."""

CONTROLLER = SuctionAvoidingSpeed(gain=0.065)
"""Gain of the reference's code; Simaan et al. 2009 print 0.76."""

GAMMAS = (1.1, 1.3, 1.5, 1.7, 1.9)


@dataclass(frozen=True)
class Published:
    """A patient of the notebook of Med-Real2Sim and what it prints.

    Attributes:
        circulation: the patient.
        suction_rpm: found there.
        ef_before: %, without a pump.
        co_before: L/min, without a pump.
        ef: %, per γ.
        co: "CO" per γ, (largest − smallest volume) × rate: no output under a pump.
        mean_mmhg: mean arterial pressure per γ.
    """

    circulation: Circulation
    suction_rpm: float
    ef_before: float
    co_before: float
    ef: tuple[float, ...]
    co: tuple[float, ...]
    mean_mmhg: tuple[float, ...]


PATIENTS = {
    "1": Published(
        Circulation.from_start_volume(
            100.0, period_s=0.8, emax=0.6, emin=0.06, mitral_resistance=0.05,
            aortic_valve_resistance=0.001, v0_ml=10.0,
        ),
        13_640.0, 20.116, 2.067,
        (44.31, 40.62, 29.00, 23.35, 20.11),
        (1.170, 2.248, 2.124, 1.984, 1.873),
        (123.3, 93.4, 75.7, 64.2, 56.2),
    ),
    "2": Published(
        Circulation.from_start_volume(
            70.0, period_s=0.8, emax=1.2, emin=0.04, mitral_resistance=0.03,
            aortic_valve_resistance=0.008, v0_ml=14.0,
        ),
        12_040.0, 34.342, 2.813,
        (58.79, 44.62, 36.44, 39.34, 41.34),
        (2.158, 2.495, 2.527, 3.010, 3.385),
        (96.5, 77.8, 65.4, 61.0, 58.3),
    ),
}  # fmt: skip


def pump_speed(data: PathLike | None = None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """Repeat the notebook of Med-Real2Sim: speed of suction, then ω = ω_suction/γ.

    Args:
        data: not used, the circuit is simulated.
        quick: one patient.
        seed: not used.
    """
    del data, seed
    rows: list[list[Any]] = []
    notes: list[str] = []
    for name, printed in list(PATIENTS.items())[: 1 if quick else None]:
        patient = printed.circulation
        before = steady_indices(patient).indices
        at = (name, "no pump", None)
        # Without a pump the notebook reads volumes at fixed times.
        ef, sv = before.paper_ef_percent, before.paper_edv_ml - before.paper_esv_ml
        rows.append([*at, *_cells(before, printed.ef_before, printed.co_before, None, patient)])
        rows[-1][4], rows[-1][6] = float(ef), 0.001 * float(sv * patient.heart_rate_bpm)
        suction = first_suction_speed(patient, Lvad(SUCTION_FROM_RPM, CHOI_1997))
        notes.append(
            f"patient {name}: suction at {suction:.0f} rpm, printed {printed.suction_rpm:.0f}"
        )
        for k, gamma in enumerate(GAMMAS):
            lvad = Lvad(suction / gamma, CHOI_1997)
            goal = printed.ef[k], printed.co[k], printed.mean_mmhg[k]
            constant = steady_indices(patient, lvad).indices
            label = f"{float(lvad.speed_rpm):.0f} rpm"
            rows.append([name, f"γ = {gamma}, constant", label, *_cells(constant, *goal, patient)])
        speeds = Lvad(suction / np.array(GAMMAS), CHOI_1997)
        run = simulate(patient, speeds, beats=CONTROLLED_BEATS, speed=CONTROLLER)
        assert run.lvad is not None
        ends = np.asarray(run.lvad.speed_rpm)[:, 49]
        late = run.indices.map(lambda own: np.asarray(own)[:, 49:52].mean(-1))
        for k, gamma in enumerate(GAMMAS):
            own = late.map(lambda value, k=k: value[k])
            goal = printed.ef[k], printed.co[k], printed.mean_mmhg[k]
            label = f"{ends[k]:.0f} rpm"
            rows.append([name, f"γ = {gamma}, controlled", label, *_cells(own, *goal, patient)])
    return StudyTable(
        "Med-Real2Sim, Fig. 4: an assist device in two patients, coefficients of Choi et al. 1997",
        COLUMNS,
        rows,
        [
            *notes,
            "'CO' as printed there is (largest − smallest volume) × rate, repeated in the next "
            "column; under a pump that is no output, since blood leaves while the ventricle "
            "fills. The last column is the flow through the body",
            "constant: the steady state at ω_suction/γ; controlled: after 50 to 52 beats with the "
            "gain 0.065 of the reference's controller, which there stops for good as soon as the "
            "slope is negative and here does not",
            "an ejection fraction under a pump says little about the heart",
        ],
    )


COLUMNS = [
    "patient",
    "pump",
    "speed",
    "EF printed (%)",
    "EF ours (%)",
    "'CO' printed",
    "(Vmax − Vmin) × rate, ours",
    "mean arterial printed (mmHg)",
    "mean arterial ours (mmHg)",
    "output (L/min)",
]


def _cells(
    own: Indices, ef: float, co: float, mean: float | None, patient: Circulation
) -> list[Any]:
    rate = 0.001 * float(own.sv_ml) * float(patient.heart_rate_bpm)
    arterial, output = float(own.mean_arterial_mmhg), float(own.co_l_min)
    return [ef, float(own.ef_percent), co, rate, mean, arterial, output]


def first_suction_speed(patient: Circulation, lvad: Lvad) -> float:
    """Return the speed at which the last three minima of the pump's flow fall for the first time.

    Args:
        patient: one patient.
        lvad: the pump with the speed where the ramp begins.
    """
    beats = simulate(patient, lvad, beats=40, speed=SpeedRamp(SUCTION_RPM_S))
    assert beats.lvad is not None
    lowest = np.asarray(beats.indices.pump_flow_min_ml_s)
    falling = lowest[2:] < lowest[:-2]
    first = 2 + int(np.argmax(falling[2:])) + 2
    # The slope is known when the beat is over.
    half = 0.5 * SUCTION_RPM_S * float(patient.period_s)
    return float(np.asarray(beats.lvad.speed_rpm)[first] + half)
