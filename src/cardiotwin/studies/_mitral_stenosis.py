"""Med-Real2Sim, Fig. 3b: the average loop of patients with mitral stenosis and without."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from .._types import PathLike
from ..circulation import Beat, Circulation, steady_state
from ..hemodynamics import MitralStenosis, VolumeLoading, transform
from ._table import StudyTable

SPREAD = {
    "period_s": (0.8, 0.12),
    "stressed_volume_ml": (285.0, 0.12),
    "emax": (2.0, 0.2),
    "emin": (0.06, 0.15),
    "systemic_resistance": (1.05, 0.15),
    "arterial_compliance": (1.33, 0.2),
}
"""Median of a cohort of adults and standard deviation of the logarithm: ours."""

RESISTANCE = (0.05, 0.12)
"""Of stenosed mitral valves, mmHg s/mL: areas from about 1.5 down to 0.8 cm²."""

PRINTED = {
    "mitral_area_cm2": (0.9, 0.3),
    "mitral_mean_gradient_mmhg": (16.2, 7.0),
    "co_l_min": (4.2, 1.0),
    "ef_percent": (55.2, 9.7),
}
"""Mean and SD of 20 patients with pure mitral stenosis, Lee et al. 1992."""

INDICES = [
    *PRINTED,
    "edv_ml",
    "esv_ml",
    "sv_ml",
    "lv_peak_mmhg",
    "mean_atrial_mmhg",
    "mean_arterial_mmhg",
    "stroke_work_mmhg_ml",
]

RETAINED_ML = 30.0
"""Blood that patients with stenosis keep back."""


def mitral_stenosis(
    data: PathLike | None = None, *, quick: bool = False, seed: int = 0
) -> StudyTable:
    """Give half of a cohort a narrow mitral valve and compare loops and indices.

    Args:
        data: not used, patients are drawn.
        quick: 16 patients, otherwise 256.
        seed: of the cohort.
    """
    del data
    n = 16 if quick else 256
    rng = np.random.default_rng(seed)
    drawn = {
        name: middle * np.exp(spread * rng.standard_normal(n))
        for name, (middle, spread) in SPREAD.items()
    }
    healthy = Circulation(**drawn)
    valve = MitralStenosis(
        resistance=np.exp(rng.uniform(np.log(RESISTANCE[0]), np.log(RESISTANCE[1]), n))
    )
    narrow = transform(healthy, valve)[0]
    loaded = transform(healthy, valve, VolumeLoading(RETAINED_ML))[0]
    beats = {
        "without stenosis": steady_state(healthy),
        "with stenosis": steady_state(narrow),
        f"with stenosis, {RETAINED_ML:g} mL retained": steady_state(loaded),
    }
    rows: list[list[Any]] = []
    for name in INDICES:
        cells = [_mean_sd(np.asarray(getattr(beat.indices, name))) for beat in beats.values()]
        printed = PRINTED.get(name)
        rows.append([name, *cells, None if printed is None else f"{printed[0]} ± {printed[1]}"])
    return StudyTable(
        f"Mitral stenosis in a simulated cohort, {n} patients each, mean ± SD",
        ["index", *beats, "20 patients (Lee 1992)"],
        rows,
        [
            "Med-Real2Sim, Fig. 3b, compares average loops of its twins of patients with and "
            "without stenosis and prints no numbers; here the same patients have both valves",
            "simulated patients: the direction follows from the equations, whether a network "
            "finds it in videos is another question",
        ],
        {"loops": _figure(beats)},
    )


def _mean_sd(values: np.ndarray) -> str:
    return f"{values.mean():.4g} ± {values.std(ddof=1):.2g}"


def average_loop(beat: Beat) -> tuple[np.ndarray, np.ndarray]:
    """Return volumes and pressures, averaged over patients at equal parts of the beat.

    Args:
        beat: of a batch (n_patients,).
    """
    parts = np.linspace(0, 1, 400)
    own = beat.times_s / beat.times_s[:, -1:]
    volume, pressure = (
        np.mean([np.interp(parts, t, row) for t, row in zip(own, wave, strict=True)], axis=0)
        for wave in (beat.volume_ml, beat.lv_mmhg)
    )
    return volume, pressure


def _figure(beats: dict[str, Beat]) -> go.Figure:
    figure = go.Figure()
    for name, beat in beats.items():
        volume, pressure = average_loop(beat)
        figure.add_scatter(x=volume, y=pressure, name=name, mode="lines")
    figure.update_xaxes(title="left ventricular volume (mL)")
    figure.update_yaxes(title="left ventricular pressure (mmHg)", rangemode="tozero")
    figure.update_layout(title="Average pressure–volume loop of a cohort")
    return figure
