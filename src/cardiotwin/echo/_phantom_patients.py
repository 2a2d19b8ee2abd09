"""Virtual patients for synthetic clips: their volume and mitral flow through the beat."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from .._errors import NumericsError
from ..circulation import FAST, Circulation, steady_state
from ..hemodynamics import Unknowns

GROUP = 128
"""Patients whose beats are computed together."""

MOST_ROUNDS = 40
"""Draws of so many patients before the priors are called impossible."""

PHASES = 128
"""Instants of the beat at which waveforms are kept."""

LIMITS = {
    "edv_ml": (45.0, 320.0),
    "ef_percent": (10.0, 80.0),
    "lv_peak_mmhg": (60.0, 240.0),
    "sv_ml": (20.0, 160.0),
}
"""Patients beyond are not echoed: nobody alive and at rest is like that."""


class Patient(NamedTuple):
    """One patient.

    Attributes:
        number: among the patients of a seed.
        circulation: the parameters.
        volume_ml, opened: (PHASES,) volume of the left ventricle and opening of the mitral valve
            (0 to 1) at times k Tc / PHASES from the start of the contraction.
        edv_ml, esv_ml: largest and smallest volume.
        systole_s: from the start of the contraction to the smallest volume.
    """

    number: int
    circulation: Circulation
    volume_ml: Float[np.ndarray, " n_phases"]
    opened: Float[np.ndarray, " n_phases"]
    edv_ml: float
    esv_ml: float
    systole_s: float

    @property
    def ef_percent(self) -> float:
        """Share of the largest volume that is ejected."""
        return 100.0 * (1.0 - self.esv_ml / self.edv_ml)


@lru_cache(maxsize=4)
def patient_group(unknowns: Unknowns, seed: int, group: int) -> tuple[Patient, ...]:
    """Return `GROUP` patients from the priors, all within `LIMITS`; any group, in any order.

    Raises:
        NumericsError: hardly a patient of these priors is within the limits.
    """
    rng = np.random.default_rng([seed, group])
    found: list[Patient] = []
    for round_ in range(MOST_ROUNDS):
        circulation = unknowns.circulation(rng.standard_normal((GROUP, len(unknowns.names))))
        beat = steady_state(circulation, solver=FAST, throw=False)
        good = np.asarray(beat.status == "periodic")
        for name, (low, high) in LIMITS.items():
            value = np.nan_to_num(getattr(beat.indices, name), nan=-1.0)
            good &= (value > low) & (value < high)
        for row in np.flatnonzero(good)[: GROUP - len(found)]:
            found.append(_patient(group * GROUP + len(found), beat[int(row)]))
        if len(found) == GROUP:
            return tuple(found)
        if not found and round_ == 1:
            break
    raise NumericsError(
        f"Of {(round_ + 1) * GROUP} patients drawn from the priors {len(found)} are within the "
        f"limits of the phantom ({LIMITS}). Choose priors of living patients at rest."
    )


def _patient(number: int, beat) -> Patient:
    period = float(beat.circulation.period_s)
    phase = np.arange(PHASES) / PHASES * period
    volume = np.interp(phase, beat.times_s, beat.volume_ml)
    flow = np.maximum(np.interp(phase, beat.times_s, beat.mitral_ml_s), 0.0)
    # Leaflets are fully open at a tenth of the largest flow and follow it within 30 ms.
    opened = np.clip(flow / (0.1 * flow.max() + 1e-9), 0.0, 1.0)
    width = max(1, round(0.03 / period * PHASES))
    opened = np.convolve(np.tile(opened, 3), np.ones(width) / width, "same")[PHASES : 2 * PHASES]
    return Patient(
        number=number,
        circulation=beat.circulation,
        volume_ml=volume,
        opened=opened,
        edv_ml=float(volume.max()),
        esv_ml=float(volume.min()),
        systole_s=float(phase[volume.argmin()]),
    )


def phases_of(
    patient: Patient, times_s: Float[np.ndarray, " n"], beats_s: Float[np.ndarray, " n_beats"]
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return beats done and phase (0 to 1) in the next at times after the start of the first.

    A longer beat is a longer diastole: systole lasts as long as in the patient's own beat.
    """
    period = float(patient.circulation.period_s)
    starts = np.concatenate([[0.0], np.cumsum(beats_s)])
    beat = np.clip(np.searchsorted(starts, times_s, side="right") - 1, 0, len(beats_s) - 1)
    within, length = times_s - starts[beat], beats_s[beat]
    # Where the beat is too short even for that, all of it is shortened.
    systole = np.minimum(patient.systole_s, 0.8 * length)
    diastole = (within - systole) / (length - systole) * (period - patient.systole_s)
    own = np.where(
        within < systole, within * patient.systole_s / systole, patient.systole_s + diastole
    )
    return beat, own / period
