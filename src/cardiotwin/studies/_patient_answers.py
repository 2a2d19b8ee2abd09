"""What the methods for single patients answer, all in one form, with their costs."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ..circulation import Beat, Circulation, steady_state
from ..hemodynamics import (
    Curve,
    MaximumAPosteriori,
    Measurements,
    Unknowns,
    WaveformMethod,
    fit_waveforms,
    identify,
)

WAVES = ("volume_ml", "atrial_mmhg", "arterial_mmhg", "aortic_mmhg", "aortic_ml_s")
"""The five states, the volume with Vd."""

PHASES = np.linspace(0, 1, 241)
"""Of the beat, at which answers are compared."""

N_VOLUMES, ERROR_ML, CUFF_MMHG = 60, 3.0, 4.0
"""Volumes of a beat and their error; error of the cuff pressures where they are given."""

OTHER_SPREAD, LEAK = 0.4, 0.3
"""Of the logarithm of Rc, Ca and Ls, and largest mitral leak in mL/(s mmHg), of other patients."""

CLOCK_BPM = 0.05
"""Error of the heart rate that `identify` is told: the networks take it as exact."""


class Truth(NamedTuple):
    """Patients as they are.

    Attributes:
        beat: of all.
        waves: (n_patients, 5, n_phases).
        coordinates: (n_patients, n_unknowns) of their parameters but the period.
        volumes: without cuff, what is measured.
        cuffed: with it.
        states: (n_patients, 5, n_volumes) what no echo sees, at the times of the volumes.
    """

    beat: Beat
    waves: Float[np.ndarray, "n_patients 5 n_phases"]
    coordinates: Float[np.ndarray, "n_patients n_unknowns"]
    volumes: list[Measurements]
    cuffed: list[Measurements]
    states: Float[np.ndarray, "n_patients 5 n_volumes"]


class Answer(NamedTuple):
    """What one method says of all patients.

    Attributes:
        name: of the method, with its data.
        waves: (n_patients, 5, n_phases), NaN where it says nothing.
        coordinates: (n_patients, n_unknowns), None where it finds no parameters.
        converged: (n_patients,) by its own criterion.
        seconds: a patient of the batch, without compiling.
        alone: seconds of one more patient, alone, without compiling.
        compiling: seconds of the batch's first time.
        evaluations: of network or vector field in the training of a patient, mean; of the beat
            with its derivatives where the simulator is asked.
        weights: numbers that are sought for a patient.
        circulation: found parameters, None likewise.
    """

    name: str
    waves: Float[np.ndarray, "n_patients 5 n_phases"]
    coordinates: Float[np.ndarray, "n_patients n_unknowns"] | None
    converged: Bool[np.ndarray, " n_patients"]
    seconds: float
    alone: float | None
    compiling: float
    evaluations: float
    weights: int
    circulation: Circulation | None

    @property
    def ef_percent(self) -> Float[np.ndarray, " n_patients"]:
        """Ejection fractions, largest and smallest volume of the beat."""
        volume = self.waves[:, 0]
        return 100 * (volume.max(-1) - volume.min(-1)) / volume.max(-1)


def draw_patients(n: int, seed: int, *, other: bool = False) -> Truth:
    """Return adults drawn from the priors, each measured once, with noise.

    Args:
        n: how many.
        seed: of parameters and noise.
        other: give them an aorta and a mitral valve that no method assumes (`OTHER_SPREAD`,
            `LEAK`).
    """
    adults = Unknowns.of()
    z = adults.draw(n, seed)
    circulation = adults.circulation(z)
    if other:
        rng = np.random.default_rng([seed, 1])
        changed = {
            name: getattr(circulation, name) * np.exp(OTHER_SPREAD * rng.standard_normal(n))
            for name in ("characteristic_resistance", "aortic_compliance", "aortic_inertance")
        }
        circulation = circulation.replace(**changed, mitral_leak=rng.uniform(0, LEAK, n))
    beat = steady_state(circulation)
    period = np.asarray(beat.circulation.period_s)
    times = np.arange(N_VOLUMES) / N_VOLUMES * period[:, None]
    states = _sampled(beat, times)
    volumes = states[:, 0] + ERROR_ML * np.random.default_rng(seed).standard_normal(times.shape)
    measured = np.concatenate([volumes[:, None], states[:, 1:]], 1)
    plain, cuffed = [], []
    for row in range(n):
        known: dict[str, Any] = {
            "heart_rate_bpm": float(60 / period[row]),
            "volume_curve": Curve(times[row], volumes[row], ERROR_ML),
        }
        cuff: dict[str, Any] = {
            "systolic_mmhg": float(beat.indices.systolic_mmhg[row]),
            "diastolic_mmhg": float(beat.indices.diastolic_mmhg[row]),
        }
        errors = {"heart_rate_bpm": CLOCK_BPM, **dict.fromkeys(cuff, CUFF_MMHG)}
        plain.append(Measurements(**known, errors={"heart_rate_bpm": CLOCK_BPM}))
        cuffed.append(Measurements(**known, **cuff, errors=errors))
    names = adults.names
    keep = [names.index(name) for name in names if name != "period_s"]
    waves = _sampled(beat, PHASES * period[:, None])
    return Truth(beat, waves, z[:, keep], plain, cuffed, measured)


def by_network(
    name: str,
    patients: Sequence[Measurements],
    method: WaveformMethod,
    seed: int,
    *,
    states: Any = None,
    alone: bool = True,
) -> Answer:
    """Return the answer of a method of `fit_waveforms`."""
    fits = fit_waveforms(list(patients), method=method, states=states, seed=seed)
    waves = np.full((len(fits), len(WAVES), len(PHASES)), np.nan)
    for row, fit in enumerate(fits):
        for column, wave in enumerate(WAVES):
            own = getattr(fit, wave)
            if own is not None:
                waves[row, column] = np.interp(PHASES, fit.times_s / fit.times_s[-1], own)
    found = [fit.circulation for fit in fits if fit.circulation is not None]
    circulation = _joined(found) if found else None
    single = None
    if alone:
        first = states[:1] if states is not None else None
        single = fit_waveforms(list(patients[:1]), method=method, states=first, seed=seed)[
            0
        ].seconds
    return Answer(
        name,
        waves,
        _coordinates(circulation),
        np.array([fit.converged for fit in fits]),
        fits[0].seconds,
        single,
        fits[0].seconds_compiling,
        float(np.mean([fit.evaluations for fit in fits])),
        fits[0].n_weights,
        circulation,
    )


def by_identification(
    name: str, patients: Sequence[Measurements], method: MaximumAPosteriori, seed: int
) -> Answer:
    """Return the most probable patients, as the simulator shows them."""
    begun = time.perf_counter()
    identify(patients[0], method=method, seed=seed)
    first = time.perf_counter()
    identify(patients[0], method=method, seed=seed)
    alone = time.perf_counter() - first
    found = identify(list(patients), method=method, seed=seed)
    circulation = _joined([own.most_probable for own in found])
    beat = steady_state(circulation)
    period = np.asarray(circulation.period_s)
    return Answer(
        name,
        _sampled(beat, PHASES * period[:, None]),
        _coordinates(circulation),
        np.array([own.trusted for own in found]),
        found[0].seconds,
        alone,
        max(first - begun - alone, 0.0),
        float(np.mean([own.diagnostics["iterations"] + 1 for own in found])),
        len(Unknowns.of().names),
        circulation,
    )


def consistency(answer: Answer) -> Float[np.ndarray, " n_patients"]:
    """Return the RMS between the volumes told and those of the simulator at the parameters told."""
    if answer.circulation is None:
        return np.full(len(answer.waves), np.nan)
    beat = steady_state(answer.circulation, throw=False)
    period = np.asarray(answer.circulation.period_s)
    simulated = _sampled(beat, PHASES * period[:, None])[:, 0]
    return np.sqrt(np.mean((simulated - answer.waves[:, 0]) ** 2, -1))


def _sampled(beat: Beat, times: Float[np.ndarray, "n_patients n"]) -> np.ndarray:
    """Return (n_patients, 5, n) states at some times."""
    rows = [
        [np.interp(at, own, wave) for at, own, wave in zip(times, beat.times_s, waves, strict=True)]
        for waves in (getattr(beat, name) for name in WAVES)
    ]
    return np.swapaxes(np.array(rows), 0, 1)


def _joined(every: Sequence[Circulation]) -> Circulation:
    names = every[0].values()
    return Circulation(
        **{name: np.array([float(getattr(own, name)) for own in every]) for name in names}
    )


def _coordinates(circulation: Circulation | None) -> Any:
    if circulation is None:
        return None
    adults = Unknowns.of()
    keep = [adults.names.index(name) for name in adults.names if name != "period_s"]
    return adults.coordinates(circulation)[:, keep]
