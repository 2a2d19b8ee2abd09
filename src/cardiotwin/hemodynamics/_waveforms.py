"""Waveforms of one beat by networks that are trained anew for every patient."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Protocol, overload, runtime_checkable

import numpy as np
from jaxtyping import Float

from .._checks import check_array, check_count
from .._errors import InputError
from .._provenance import Provenance, make_provenance
from ..circulation import Circulation, contraction_time
from ._measurements import Curve, Measurements

STATES = ("volume_ml", "atrial_mmhg", "arterial_mmhg", "aortic_mmhg", "aortic_ml_s")
"""The five states over time as they are told: V with Vd, P_LA, P_A, P_Ao, Q."""

N_PHASES = 241
"""Instants of a beat at which waveforms are told, both ends included."""

CUFF = ("systolic_mmhg", "diastolic_mmhg", "mean_pressure_mmhg")
"""Numbers that a method may use besides the volumes."""


class WaveformData(NamedTuple):
    """What patients bring to a training, as arrays; what was not measured has weight zero.

    Attributes:
        period_s: (n_patients,) Tc.
        times_s: (n_patients, n_volumes) within the beat.
        volumes_ml: (n_patients, n_volumes) with Vd.
        volume_weights: (n_patients, n_volumes) 1 / standard deviation of what is each volume's
            own; errors that all volumes of a curve share are not used.
        cuff_mmhg: (n_patients, 3) in the order of `CUFF`.
        cuff_weights: (n_patients, 3) 1 / standard deviation.
        states: (n_patients, 5, n_volumes) all states at the same times, in the order of `STATES`;
            None where only volumes are known.
    """

    period_s: Any
    times_s: Any
    volumes_ml: Any
    volume_weights: Any
    cuff_mmhg: Any
    cuff_weights: Any
    states: Any = None

    @property
    def counts(self) -> Any:
        """(n_patients,) volumes measured."""
        return (self.volume_weights > 0).sum(-1)

    @property
    def spread_ml(self) -> Any:
        """(n_patients,) standard deviation of the volumes over the beat."""
        own = self.volume_weights > 0
        mean = (self.volumes_ml * own).sum(-1) / self.counts
        return np.sqrt((((self.volumes_ml - mean[:, None]) * own) ** 2).sum(-1) / self.counts)

    @property
    def mean_ml(self) -> Any:
        """(n_patients,) mean of the volumes."""
        return (self.volumes_ml * (self.volume_weights > 0)).sum(-1) / self.counts


@dataclass(frozen=True, eq=False)
class WaveformFit:
    """One patient's beat as a network tells it.

    Attributes:
        measurements: of the patient.
        times_s: (n_times,) from the start of the contraction to the next, s.
        volume_ml: (n_times,) with Vd.
        atrial_mmhg: (n_times,) P_LA, None where the method knows volumes only.
        arterial_mmhg: (n_times,) P_A, or None.
        aortic_mmhg: (n_times,) P_Ao, or None.
        aortic_ml_s: (n_times,) Q, or None.
        next_volume_ml: (n_times,) volumes of the beat that follows, which nobody has measured.
        circulation: parameters of the circulation, None where the method finds none.
        misfit: root mean square difference from the measured volumes over their errors.
        equations: by state, root mean square residual of its equation over the beat, in mL/s,
            mmHg/s and mL/s²; empty where the method knows no equations.
        scaled_residual: root mean square of `scaled_residuals`, None likewise.
        history: by name, the losses before every step, (n_steps,).
        evaluations: of the network (at one instant) during the training, forward.
        n_weights: numbers that were trained.
        converged: whether the method's criterion holds.
        status: the criterion's numbers in a sentence.
        seconds: of the training without compiling, of a batch divided by its patients.
        seconds_compiling: of the whole batch.
        provenance: version, seed and settings.
    """

    measurements: Measurements
    times_s: Float[np.ndarray, " n_times"]
    volume_ml: Float[np.ndarray, " n_times"]
    atrial_mmhg: Float[np.ndarray, " n_times"] | None
    arterial_mmhg: Float[np.ndarray, " n_times"] | None
    aortic_mmhg: Float[np.ndarray, " n_times"] | None
    aortic_ml_s: Float[np.ndarray, " n_times"] | None
    next_volume_ml: Float[np.ndarray, " n_times"]
    circulation: Circulation | None
    misfit: float
    equations: dict[str, float]
    scaled_residual: float | None
    history: dict[str, np.ndarray]
    evaluations: int
    n_weights: int
    converged: bool
    status: str
    seconds: float
    seconds_compiling: float
    provenance: Provenance

    @property
    def edv_ml(self) -> float:
        """Largest volume of the beat."""
        return float(self.volume_ml.max())

    @property
    def esv_ml(self) -> float:
        """Smallest volume."""
        return float(self.volume_ml.min())

    @property
    def ef_percent(self) -> float:
        """Ejection fraction of these two, Vd included."""
        return 100 * (self.edv_ml - self.esv_ml) / self.edv_ml

    @property
    def paper_ef_percent(self) -> float:
        """Ejection fraction of V(0) and V(Tmax), as Med-Real2Sim's code reads it."""
        peak = contraction_time(self.times_s[-1])
        edv, esv = np.interp([0.0, peak], self.times_s, self.volume_ml)
        return float(100 * (edv - esv) / edv)

    @property
    def period_gap_ml(self) -> float:
        """How much the volume at the end of the beat differs from that at its start."""
        return float(abs(self.volume_ml[-1] - self.volume_ml[0]))


@runtime_checkable
class WaveformMethod(Protocol):
    """What a method of `fit_waveforms` must know."""

    uses: ClassVar[tuple[str, ...]]
    """Single numbers that it can use, besides the heart rate."""

    def fit(
        self, patients: Sequence[Measurements], data: WaveformData, seed: int, quiet: bool
    ) -> list[WaveformFit]:
        """Return the beats of all patients, who are fitted by the errors of single values."""
        ...


@overload
def fit_waveforms(
    measurements: Measurements,
    *,
    method: WaveformMethod | None = ...,
    states: Any = ...,
    seed: int = ...,
    quiet: bool = ...,
) -> WaveformFit: ...


@overload
def fit_waveforms(
    measurements: Sequence[Measurements],
    *,
    method: WaveformMethod | None = ...,
    states: Any = ...,
    seed: int = ...,
    quiet: bool = ...,
) -> list[WaveformFit]: ...


def fit_waveforms(
    measurements: Measurements | Sequence[Measurements],
    *,
    method: WaveformMethod | None = None,
    states: Any = None,
    seed: int = 0,
    quiet: bool = False,
) -> WaveformFit | list[WaveformFit]:
    """Return the beat of every patient by a network trained on this patient alone.

    A new patient costs a whole training. To compare with: `identify` answers the same question
    with the simulator itself. Errors that all values of a curve have in common (`Curve.shared`)
    are not used here, only those of single values.

    Args:
        measurements: of one patient, or of several, who are trained side by side without
            influence on each other. Heart rate and volume curve are needed; the heart rate is
            taken as exact.
        method: `WaveformPinn` by default, or `WaveformNeuralOde`.
        states: (5, n_volumes) or (n_patients, 5, n_volumes) all five states at the times of the
            volume curve, in the order of `STATES`, for methods that learn from them; whoever has
            fewer volumes than others is filled up with any finite numbers.
        seed: of weights and batches; the same for every patient.
        quiet: show no progress.

    Raises:
        InputError: no patient, no heart rate or volume curve, fewer than three volumes, volumes
            that are all the same or later than one beat, a number that the method cannot use, or
            states that do not fit.

    >>> fit_waveforms(Measurements(heart_rate_bpm=60, edv_ml=120))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    cardiotwin._errors.InputError: measurements[0]: found no volume_curve; ...
    """
    from ._waveform_pinn import WaveformPinn

    single = isinstance(measurements, Measurements)
    patients = [measurements] if isinstance(measurements, Measurements) else list(measurements)
    if not patients:
        raise InputError("measurements", found="no patient", expected="at least one")
    chosen: WaveformMethod = WaveformPinn() if method is None else method
    check_count(seed, "seed", at_least=0)
    for index, own in enumerate(patients):
        _check_patient(own, chosen, f"measurements[{index}]")
    found = chosen.fit(patients, _arrays(patients, states), seed, quiet)
    settings = {"verb": "fit_waveforms", "method": chosen}
    made = [
        replace(fit, provenance=make_provenance(settings | {"measured": own.as_dict()}, seed=seed))
        for own, fit in zip(patients, found, strict=True)
    ]
    return made[0] if single else made


def _check_patient(own: Measurements, method: WaveformMethod, where: str) -> None:
    curve = own.volume_curve
    if own.heart_rate_bpm is None or curve is None:
        missing = "heart_rate_bpm" if own.heart_rate_bpm is None else "volume_curve"
        raise InputError(where, found=f"no {missing}", expected="heart rate and volume curve")
    if len(curve.times_s) < 3:
        raise InputError(
            where, found=f"{len(curve.times_s)} volumes", expected="at least 3 in one beat"
        )
    if np.ptp(curve.values) == 0:
        raise InputError(
            f"{where}.volume_curve",
            found=f"the same {curve.values[0]:g} mL at all times",
            expected="volumes that change over the beat",
        )
    period = 60 / own.heart_rate_bpm
    if curve.times_s[-1] > period * (1 + 1e-9):
        raise InputError(
            f"{where}.volume_curve",
            found=f"times up to {curve.times_s[-1]:g} s",
            expected=f"times within one beat of {period:g} s, 60 / heart rate",
            advice="Give one beat, or check the heart rate.",
        )
    unused = [name for name in own.names if name not in ("heart_rate_bpm", *method.uses)]
    unused += ["pressure_curve"] if own.pressure_curve is not None else []
    if unused:
        able = ", ".join(["heart_rate_bpm", "volume_curve", *method.uses])
        raise InputError(
            where,
            found=f"{', '.join(unused)}, which {type(method).__name__} cannot use",
            expected=f"only {able}",
            advice="Leave it out, or call identify, which uses everything.",
        )


def _arrays(patients: Sequence[Measurements], states: Any) -> WaveformData:
    curves = [own.volume_curve for own in patients if isinstance(own.volume_curve, Curve)]
    n, length = len(patients), max(len(curve.times_s) for curve in curves)
    times, volumes, weights = np.zeros((3, n, length))
    cuff, cuff_weights = np.zeros((2, n, len(CUFF)))
    for row, (own, curve) in enumerate(zip(patients, curves, strict=True)):
        filled = len(curve.times_s)
        # Whoever has fewer volumes repeats the last instant, with no weight.
        times[row] = curve.times_s[-1]
        times[row, :filled], volumes[row, :filled] = curve.times_s, curve.values
        weights[row, :filled] = 1 / np.asarray(curve.error)
        for column, name in enumerate(CUFF):
            if getattr(own, name) is not None:
                cuff[row, column] = getattr(own, name)
                cuff_weights[row, column] = 1 / own.error(name)
    period = np.array([60 / float(own.heart_rate_bpm or 0) for own in patients])
    if states is not None:
        shape = (n, len(STATES), length)
        own = np.asarray(states)
        states = check_array(own[None] if own.ndim == 2 else own, "states", shape=shape)
    return WaveformData(period, times, volumes, weights, cuff, cuff_weights, states)
