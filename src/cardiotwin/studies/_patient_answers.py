"""Random patients, and what methods answer of each of them, all in one form."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ..circulation import Beat, Circulation, steady_state
from ..hemodynamics import (
    Curve,
    Measurements,
    Unknowns,
    WaveformMethod,
    fit_waveforms,
)
from ._patient_costs import Clock, Costs, training_mb

WAVES = ("volume_ml", "atrial_mmhg", "arterial_mmhg", "aortic_mmhg", "aortic_ml_s")
"""The five states, the volume with Vd."""

PHASES = np.linspace(0, 1, 241)
"""Of the beat, at which answers are compared."""

N_VOLUMES, ERROR_ML, CUFF_MMHG = 60, 3.0, 4.0
"""Volumes of a beat and their error; error of the cuff pressures where they are given."""

OTHER_SPREAD, LEAK = 0.4, 0.3
"""Of the logarithm of Rc, Ca and Ls, and largest mitral leak in mL/(s mmHg), of other patients."""

NO_ANSWER = 100.0
"""Points of EF that count where a training ended without a finite volume."""

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
        states: (n_patients, 5, n_volumes) what no echo sees, at the times of the volumes; None
            where no method is taught them.
    """

    beat: Beat
    waves: Float[np.ndarray, "n_patients 5 n_phases"]
    coordinates: Float[np.ndarray, "n_patients n_unknowns"]
    volumes: list[Measurements]
    cuffed: list[Measurements]
    states: Float[np.ndarray, "n_patients 5 n_volumes"] | None


class Answer(NamedTuple):
    """What one method says of all patients.

    Attributes:
        name: of the method, with its data.
        waves: (n_patients, 5, n_phases), NaN where it says nothing.
        coordinates: (n_patients, n_unknowns), None where it finds no parameters.
        converged: (n_patients,) by its own criterion.
        costs: of the method.
        circulation: found parameters, None where it finds none or many.
        ef: (n_patients,) ejection fractions where they are not those of the waves.
        ef_interval: (n_patients, 2) 90 % intervals, None where it gives none.
    """

    name: str
    waves: Float[np.ndarray, "n_patients 5 n_phases"]
    coordinates: Float[np.ndarray, "n_patients n_unknowns"] | None
    converged: Bool[np.ndarray, " n_patients"]
    costs: Costs
    circulation: Circulation | None = None
    ef: Float[np.ndarray, " n_patients"] | None = None
    ef_interval: Float[np.ndarray, "n_patients 2"] | None = None

    @property
    def ef_percent(self) -> Float[np.ndarray, " n_patients"]:
        """Ejection fractions, of largest and smallest volume where not told by themselves."""
        if self.ef is not None:
            return self.ef
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
    states = sampled(beat, times)
    # A stream of its own: with the seed alone, the noise would repeat the parameters' draws.
    noise = np.random.default_rng([seed, 2]).standard_normal(times.shape)
    volumes = states[:, 0] + ERROR_ML * noise
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
    waves = sampled(beat, PHASES * period[:, None])
    return Truth(beat, waves, without_period(z), plain, cuffed, measured)


def by_network(
    name: str,
    patients: Sequence[Measurements],
    method: WaveformMethod,
    seed: int,
    *,
    states: Any = None,
    alone: bool = True,
) -> Answer:
    """Return the answer of a method of `fit_waveforms`.

    Args:
        name: of the answer.
        patients: what was measured.
        method: of `fit_waveforms`.
        seed: of the trainings.
        states: (n_patients, 5, n_volumes) for methods that are given all states.
        alone: train the first patient alone too, to measure the time.
    """
    clock = Clock()
    fits = fit_waveforms(list(patients), method=method, states=states, seed=seed)
    memory, cores = training_mb(), clock.cores
    waves = np.full((len(fits), len(WAVES), len(PHASES)), np.nan)
    for row, fit in enumerate(fits):
        for column, wave in enumerate(WAVES):
            own = getattr(fit, wave)
            if own is not None:
                waves[row, column] = np.interp(PHASES, fit.times_s / fit.times_s[-1], own)
    found = [fit.circulation for fit in fits if fit.circulation is not None]
    circulation = joined(found) if found else None
    single = None
    if alone:
        first = states[0] if states is not None else None
        single = fit_waveforms(patients[0], method=method, states=first, seed=seed).seconds
    return Answer(
        name,
        waves,
        coordinates_of(circulation),
        np.array([fit.converged for fit in fits]),
        Costs(
            seconds=fits[0].seconds,
            alone=single,
            compiling=fits[0].seconds_compiling,
            steps=float(len(fits[0].history["data"])),
            memory_mb=memory,
            evaluations=float(np.mean([fit.evaluations for fit in fits])),
            numbers=fits[0].n_weights,
            cores=cores,
        ),
        circulation,
    )


def consistency(answer: Answer) -> Float[np.ndarray, " n_patients"]:
    """Return the RMS between the volumes told and those of the simulator at the parameters told."""
    if answer.circulation is None:
        return np.full(len(answer.waves), np.nan)
    beat = steady_state(answer.circulation, throw=False)
    period = np.asarray(answer.circulation.period_s)
    simulated = sampled(beat, PHASES * period[:, None])[:, 0]
    return np.sqrt(np.mean((simulated - answer.waves[:, 0]) ** 2, -1))


def ef_errors(answer: Answer, truth: Truth) -> Float[np.ndarray, " n_patients"]:
    """Return the absolute errors of EF, of every patient; `NO_ANSWER` where there is no EF."""
    errors = np.abs(answer.ef_percent - np.asarray(truth.beat.indices.ef_percent))
    return np.where(np.isfinite(errors), errors, NO_ANSWER)


def wave_errors(answer: Answer, truth: Truth) -> Float[np.ndarray, "n_patients 5"]:
    """Return the root mean square errors over the beat, of every patient."""
    return np.sqrt(np.mean((answer.waves - truth.waves) ** 2, -1))


def sampled(beat: Beat, times: Float[np.ndarray, "n_patients n"]) -> np.ndarray:
    """Return (n_patients, 5, n) states at some times."""
    rows = [
        [np.interp(at, own, wave) for at, own, wave in zip(times, beat.times_s, waves, strict=True)]
        for waves in (getattr(beat, name) for name in WAVES)
    ]
    return np.swapaxes(np.array(rows), 0, 1)


def joined(every: Sequence[Circulation]) -> Circulation:
    """Return single circulations as one batch."""
    names = every[0].values()
    return Circulation(
        **{name: np.array([float(getattr(own, name)) for own in every]) for name in names}
    )


def coordinates_of(circulation: Circulation | None) -> Any:
    """Return (n_patients, n_unknowns) coordinates of the parameters but the period, or None."""
    if circulation is None:
        return None
    return without_period(Unknowns.of().coordinates(circulation))


def without_period(coordinates: Float[np.ndarray, "n_patients n"]) -> np.ndarray:
    """Return the coordinates of what the networks seek: the period is measured."""
    keep = [index for index, name in enumerate(Unknowns.of().names) if name != "period_s"]
    return coordinates[:, keep]
