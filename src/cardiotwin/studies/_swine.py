"""Measured loops: volumes and a cuff-like pressure in, the pressure in the ventricle predicted."""

from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from .. import hemodynamics
from .._errors import FileFormatError
from .._types import PathLike
from ._data import dataset
from ._table import StudyTable

FOLDER = "hemo_swine_pv_nhlbi"
UPSTROKE_MMHG = 20.0
"""Ventricular pressure that every beat crosses upwards once."""

SWINE = dict(hemodynamics.ADULT) | {
    "period_s": hemodynamics.Prior(1.0, 0.25, source="heart rate is measured"),
    "stressed_volume_ml": hemodynamics.Prior(150.0, 0.4, source="ours: an animal of half the size"),
    "emax": hemodynamics.Prior(0.6, 0.5, source="Seemann 2023: 0.6 ± 0.2, with infarct 0.2 ± 0.1"),
    "v0_ml": hemodynamics.Prior(0.0, 25.0, logarithmic=False, source="ours"),
    "systemic_resistance": hemodynamics.Prior(1.2, 0.4, source="ours"),
}
"""Priors of an anaesthetized pig."""


ARTEFACT_MMHG = 17.0
"""Aortic pressure below which the catheter was touched: such beats are left out."""


class MeasuredBeat(NamedTuple):
    """One beat of the animal.

    Attributes:
        period_s: from onset to onset of contraction.
        volume_times_s: of the images, since the onset.
        volumes_ml: in the images.
        lv_mmhg: ventricular pressure, 1000 a second, since the onset.
        aortic_mmhg: aortic pressure, likewise.
    """

    period_s: float
    volume_times_s: Float[np.ndarray, " n_images"]
    volumes_ml: Float[np.ndarray, " n_images"]
    lv_mmhg: Float[np.ndarray, " n_samples"]
    aortic_mmhg: Float[np.ndarray, " n_samples"]

    def work(self) -> float:
        """Return the area of the loop of images and pressures, mmHg mL."""
        at = np.round(1000 * self.volume_times_s).astype(int)
        volume, pressure = self.volumes_ml, self.lv_mmhg[np.minimum(at, len(self.lv_mmhg) - 1)]
        after_v, after_p = np.roll(volume, -1), np.roll(pressure, -1)
        return float(-np.sum(0.5 * (pressure + after_p) * (after_v - volume)))


def read_swine(folder: PathLike) -> list[MeasuredBeat]:
    """Return the beats of the caval occlusion.

    Beats with fewer than eight images or a touched aortic catheter are left out.

    Raises:
        FileFormatError: the file is missing or lacks an array.
    """
    path = Path(folder) / "swine_ivc_occlusion.npz"
    if not path.is_file():
        raise FileFormatError(f"{path}", found="nothing there", expected="the measured occlusion")
    with np.load(path) as file:
        lv, aortic = file["lv_pressure_mmHg"].astype(float), file["aortic_pressure_mmHg"]
        volumes, times = file["lv_endo_volume_ml"].astype(float), file["volume_time_s"]
        shift = int(file["volume_start_sample"]) - int(file["volume_lag_samples"])
    images = shift + 1000 * times
    rises = np.flatnonzero((lv[:-1] < UPSTROKE_MMHG) & (lv[1:] >= UPSTROKE_MMHG))
    slope = np.gradient(lv) * 1000
    onsets = []
    for rise in rises:
        # Contraction begins where the upstroke's slope has fallen below a tenth, looking back.
        flat = np.flatnonzero(slope[max(0, rise - 200) : rise] < 0.1 * slope[rise])
        onsets.append(max(0, rise - 200) + (flat[-1] if len(flat) else 0))
    beats = []
    for first, last in pairwise(onsets):
        inside = (images >= first) & (images < last)
        whole = inside.sum() >= 8 and 300 < last - first < 2000
        if whole and aortic[first:last].min() > ARTEFACT_MMHG:
            beats.append(
                MeasuredBeat(
                    (last - first) / 1000,
                    (images[inside] - first) / 1000,
                    volumes[inside],
                    lv[first:last],
                    aortic[first:last].astype(float),
                )
            )
    return beats


def swine(data: PathLike | None = None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """Identify each beat from its volumes and cuff-like pressures, and predict the rest.

    Args:
        data: folder of measured data sets.
        quick: three beats.
        seed: of the draws.
    """
    beats = read_swine(dataset(data, FOLDER))
    beats = beats[:3] if quick else beats
    unknowns = hemodynamics.Unknowns.of(priors=SWINE)
    measured = [_clinic(beat) for beat in beats]
    found = hemodynamics.identify(measured, unknowns=unknowns, seed=seed)
    rows: list[list[Any]] = []
    for number, (beat, own) in enumerate(zip(beats, found, strict=True)):
        truth = {
            "lv_peak_mmhg": float(beat.lv_mmhg.max()),
            "lvedp_mmhg": float(beat.lv_mmhg[0]),
            "stroke_work_mmhg_ml": beat.work(),
        }
        row: list[Any] = [number + 1, float(beat.volumes_ml.max()), float(beat.volumes_ml.min())]
        row += [float(beat.aortic_mmhg.max()), float(beat.aortic_mmhg.min())]
        for name, value in truth.items():
            low, high = own.interval(name)
            row += [value, float(own.quantile(name, 0.5)), low, high]
        rows.append(row)
    notes = [_summary(rows, *named) for named in (("peak", 5), ("end-diastolic", 9), ("work", 13))]
    notes.append(
        "Given: heart rate, EDV, ESV and the aortic catheter's systolic and diastolic pressure "
        "with the errors of a cuff. Never given: ventricular pressure. Priors of a pig, made by us."
    )
    notes.append(
        "The ventricular catheter reads 5 to 8 mmHg above the aortic one at its peak and below "
        "zero in diastole, which no passive circuit does: calibration or real, it is not fitted."
    )
    columns = ["beat", "EDV", "ESV", "aortic sys", "dia"]
    for name in ("peak LV", "LVEDP", "work"):
        columns += [f"{name} measured", "predicted", "5 %", "95 %"]
    return StudyTable("Measured swine loops: ventricular pressure predicted", columns, rows, notes)


def _clinic(beat: MeasuredBeat) -> hemodynamics.Measurements:
    return hemodynamics.Measurements(
        heart_rate_bpm=60 / beat.period_s,
        edv_ml=float(beat.volumes_ml.max()),
        esv_ml=float(beat.volumes_ml.min()),
        systolic_mmhg=float(beat.aortic_mmhg.max()),
        diastolic_mmhg=float(beat.aortic_mmhg.min()),
    )


def _summary(rows: list[list[Any]], name: str, first: int) -> str:
    table = np.array([row[first : first + 4] for row in rows], float)
    error = table[:, 1] - table[:, 0]
    inside = np.mean((table[:, 0] >= table[:, 2]) & (table[:, 0] <= table[:, 3]))
    return (
        f"{name}: mean error {error.mean():+.3g}, mean absolute {np.abs(error).mean():.3g}, "
        f"measured value inside the 90 % interval in {100 * inside:.0f} % of {len(rows)} beats"
    )
