"""Virtual patients for synthetic clips: their volume and mitral flow through the beat."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from .._errors import NumericsError
from ..circulation import FAST, Circulation, steady_state
from ..hemodynamics import Unknowns

GROUP = 256
"""Patients whose beats are computed together."""

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
        number: unique within a seed.
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


def draw_patients(unknowns: Unknowns, seed: int) -> Iterator[Patient]:
    """Yield patients from the priors without end, those within `LIMITS`.

    Raises:
        NumericsError: hardly a patient of these priors is within the limits.
    """
    group = 0
    while True:
        rng = np.random.default_rng([seed, group])
        circulation = unknowns.circulation(rng.standard_normal((GROUP, len(unknowns.names))))
        beat = steady_state(circulation, solver=FAST, throw=False)
        good = np.asarray(beat.status == "periodic")
        for name, (low, high) in LIMITS.items():
            value = np.nan_to_num(getattr(beat.indices, name), nan=-1.0)
            good &= (value > low) & (value < high)
        if good.sum() < GROUP // 50:
            raise NumericsError(
                f"Of {GROUP} patients drawn from the priors {good.sum()} are within the limits of "
                f"the phantom ({LIMITS}). Choose priors of living patients at rest."
            )
        for row in np.flatnonzero(good):
            yield _patient(group * GROUP + int(row), beat[int(row)])
        group += 1


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
) -> Float[np.ndarray, " n"]:
    """Return the phase (0 to 1) at times after the start of the first of beats of these lengths.

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
    return own / period
