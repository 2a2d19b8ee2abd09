"""Simulated patients with a measured volume curve, for the tests of waveforms by networks."""

import numpy as np

from cardiotwin.circulation import Beat, Circulation, steady_state
from cardiotwin.hemodynamics import Curve, Measurements, Unknowns

ERROR_ML = 3.0


def patients(n: int, seed: int = 1) -> tuple[Beat, list[Measurements]]:
    """Return beats of adults and 60 noisy volumes of each."""
    adults = Unknowns.of()
    beat = steady_state(adults.circulation(adults.draw(n, seed)))
    rng = np.random.default_rng(seed)
    return beat, [measured(beat[index], rng) for index in range(n)]


def measured(beat: Beat, rng: np.random.Generator, **numbers: float) -> Measurements:
    period = float(beat.circulation.period_s)
    times = np.arange(60) / 60 * period
    volumes = np.interp(times, beat.times_s, beat.volume_ml)
    volumes = volumes + ERROR_ML * rng.standard_normal(60)
    curve = Curve(times, volumes, ERROR_ML)
    return Measurements(heart_rate_bpm=60 / period, volume_curve=curve, **numbers)


def reference() -> tuple[Beat, Measurements]:
    beat = steady_state(Circulation())
    return beat, measured(beat, np.random.default_rng(0))
