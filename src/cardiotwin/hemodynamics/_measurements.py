"""What was measured of a patient, with the error of each number."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from .._checks import check_array, check_choice, check_number
from .._errors import InputError, UnitError


class Quantity(NamedTuple):
    """One number that can be measured.

    Attributes:
        index: what it is in the simulation: an index of `circulation.Indices`, or heart rate.
        unit: of the value.
        low: below this, another unit was probably meant.
        high: above this, too.
        error: default standard deviation, absolute.
        relative: default standard deviation, relative to the value.
        source: of the default error.
        hint: what the user may have meant.
    """

    index: str
    unit: str
    low: float
    high: float
    error: float
    relative: float
    source: str
    hint: str

    def among(self, values: Callable[[str], Any]) -> Any:
        """Return it from parameters and indices of beats; two follow from others.

        Args:
            values: of a parameter or an index, by name.
        """
        if self.index == "heart_rate_bpm":
            return 60.0 / values("period_s")
        if self.index == "forward_ml":
            return values("co_l_min") * values("period_s") / 0.06
        return values(self.index)


ECHO = "inter-observer spread of 2D echo volumes, JASE 2020 (PMC8026622), and physiology"
CUFF = "accuracy asked of cuffs, ISO 81060-2: 8 mmHg"
QUANTITIES: dict[str, Quantity] = {
    "heart_rate_bpm": Quantity(
        "heart_rate_bpm", "bpm", 25, 240, 2.0, 0, "ECG", "Give beats per minute."
    ),
    "edv_ml": Quantity("edv_ml", "mL", 20, 700, 0, 0.10, ECHO, "Give mL."),
    "esv_ml": Quantity("esv_ml", "mL", 3, 600, 0, 0.13, ECHO, "Give mL."),
    "ef_percent": Quantity("ef_percent", "%", 3, 90, 5.0, 0, ECHO, "Give percent, not a fraction."),
    "systolic_mmhg": Quantity(
        "systolic_mmhg", "mmHg", 30, 300, 8.0, 0, CUFF, "Give mmHg, not kPa."
    ),
    "diastolic_mmhg": Quantity(
        "diastolic_mmhg", "mmHg", 17, 200, 8.0, 0, CUFF, "Give mmHg, not kPa."
    ),
    "mean_pressure_mmhg": Quantity(
        "mean_aortic_mmhg", "mmHg", 25, 240, 6.0, 0, CUFF, "Give mmHg, not kPa."
    ),
    "stroke_volume_ml": Quantity("forward_ml", "mL", 5, 300, 0, 0.12, "Doppler; ours", "Give mL."),
    "cardiac_output_l_min": Quantity(
        "co_l_min", "L/min", 0.5, 25, 0, 0.12, "Doppler; ours", "Give L/min, not mL/s."
    ),
    "lvedp_mmhg": Quantity(
        "lvedp_mmhg",
        "mmHg",
        0.5,
        60,
        3.0,
        0,
        "estimate by echo; catheter: give 1",
        "Give mmHg, not kPa.",
    ),
}
"""What `Measurements` takes, besides curves."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve over the beat.

    Its values may have errors in common, such as that of the scale by which all were multiplied.
    With σ the errors of single values and s_k the shared ones, the covariance of the values is

    C = diag(σ²) + Σ_k s_k s_kᵀ

    Attributes:
        times_s: time since the start of the contraction (the R wave, about), s.
        values: mL or mmHg.
        error: standard deviation of what is each value's own, independent of all others.
        shared: errors that all values have in common, (n_shared, n_times), one standard deviation
            each (mL or mmHg): by how much the values would differ, together, if that one error
            were one standard deviation large; their signs count only against each other. The
            errors are independent of each other. No rows by default.

    Raises:
        InputError: lengths differ, times not increasing or negative, an error not positive, or a
            shared error not finite.

    >>> len(Curve([0.0, 0.3, 0.6], [120.0, 60.0, 90.0], 6.0).values)
    3
    >>> values = np.array([120.0, 60.0, 90.0])
    >>> Curve([0.0, 0.3, 0.6], values, 2.0, shared=[0.1 * values]).shared.shape
    (1, 3)
    """

    times_s: Float[np.ndarray, " n_times"] | Sequence[float]
    values: Float[np.ndarray, " n_times"] | Sequence[float]
    error: Any
    shared: Any = None

    def __post_init__(self):
        times = check_array(self.times_s, "curve.times_s", shape=("n_times",))
        values = check_array(self.values, "curve.values", shape=(len(times),))
        if len(times) == 0 or (np.diff(times) <= 0).any() or times[0] < 0:
            raise InputError(
                "curve.times_s",
                found=f"{len(times)} times, not increasing or negative",
                expected="increasing times ≥ 0 since the start of the contraction",
            )
        if times[-1] > 5:
            raise UnitError(
                "curve.times_s",
                found=f"times up to {times[-1]:g} s",
                expected="times within one beat, in seconds",
                advice="Milliseconds must be divided by 1000.",
            )
        error = np.asarray(self.error, float)
        if not np.isfinite(error).all() or (error <= 0).any() or error.ndim > 1:
            raise InputError("curve.error", found=f"{self.error!r}", expected="positive numbers")
        given = np.zeros((0, len(times))) if self.shared is None else self.shared
        shared = check_array(given, "curve.shared", shape=("n_shared", len(times)))
        object.__setattr__(self, "times_s", times)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "error", np.broadcast_to(error, values.shape))
        object.__setattr__(self, "shared", shared)


@dataclass(frozen=True, eq=False)
class Measurements:
    """Any subset of what a clinic knows of a patient.

    Pressures are those of the aortic root: a cuff on the arm reads the systolic one higher and
    the mean one about right. EF is left out of the likelihood where EDV and ESV are given too,
    because it says nothing new then.

    Attributes:
        heart_rate_bpm: beats a minute.
        edv_ml: end-diastolic volume of the left ventricle.
        esv_ml: end-systolic volume.
        ef_percent: ejection fraction.
        systolic_mmhg: systolic cuff pressure.
        diastolic_mmhg: diastolic cuff pressure.
        mean_pressure_mmhg: mean arterial pressure.
        stroke_volume_ml: forward stroke volume (Doppler).
        cardiac_output_l_min: cardiac output.
        lvedp_mmhg: left ventricular end-diastolic pressure.
        volume_curve: of the left ventricle, mL.
        pressure_curve: of the left ventricle, mmHg.
        errors: standard deviation of single numbers, by name; published observer variability by
            default (`QUANTITIES`).

    Raises:
        InputError: nothing measured, not finite, or sets that cannot be (ESV ≥ EDV, diastolic ≥
            systolic, EF that contradicts the volumes, stroke volume above EDV).
        UnitError: a number of the size of another unit.

    >>> Measurements(edv_ml=150, esv_ml=70, heart_rate_bpm=65).names
    ('heart_rate_bpm', 'edv_ml', 'esv_ml')
    """

    heart_rate_bpm: float | None = None
    edv_ml: float | None = None
    esv_ml: float | None = None
    ef_percent: float | None = None
    systolic_mmhg: float | None = None
    diastolic_mmhg: float | None = None
    mean_pressure_mmhg: float | None = None
    stroke_volume_ml: float | None = None
    cardiac_output_l_min: float | None = None
    lvedp_mmhg: float | None = None
    volume_curve: Curve | None = None
    pressure_curve: Curve | None = None
    errors: dict[str, float] = field(default_factory=dict)

    def __post_init__(self):
        for name, quantity in QUANTITIES.items():
            value = getattr(self, name)
            if value is None:
                continue
            number = check_number(value, name, above=0, advice=quantity.hint)
            if not quantity.low <= number <= quantity.high:
                raise UnitError(
                    name,
                    found=f"{number:g}",
                    expected=f"{quantity.low:g} to {quantity.high:g} {quantity.unit}",
                    advice=quantity.hint,
                )
            object.__setattr__(self, name, number)
        for name, value in self.errors.items():
            check_choice(name, "errors", QUANTITIES)
            check_number(value, f"errors[{name!r}]", above=0)
        if not self.names and self.volume_curve is None and self.pressure_curve is None:
            raise InputError("measurements", found="none", expected="at least one number")
        self._check_together()

    def _check_together(self) -> None:
        edv, esv = self.edv_ml, self.esv_ml
        if edv is not None and esv is not None and esv >= edv:
            raise _impossible("esv_ml", f"ESV {esv:g} with EDV {edv:g} mL", "ESV < EDV")
        high, low = self.systolic_mmhg, self.diastolic_mmhg
        if high is not None and low is not None and low >= high:
            found = f"{high:g}/{low:g} mmHg"
            raise _impossible("diastolic_mmhg", found, "diastolic < systolic")
        mean = self.mean_pressure_mmhg
        if mean is not None and high is not None and mean >= high:
            found = f"mean {mean:g} with systolic {high:g} mmHg"
            raise _impossible("mean_pressure_mmhg", found, "mean < systolic")
        if mean is not None and low is not None and mean <= low:
            found = f"mean {mean:g} with diastolic {low:g} mmHg"
            raise _impossible("mean_pressure_mmhg", found, "mean > diastolic")
        if edv is not None and esv is not None and self.ef_percent is not None:
            from_volumes = 100 * (edv - esv) / edv
            if abs(from_volumes - self.ef_percent) > 10:
                found = f"EF {self.ef_percent:g} %, {from_volumes:.0f} % by the volumes"
                raise _impossible("ef_percent", found, "numbers that agree to 10 points")
        stroke = self.stroke_volume_ml
        if stroke is not None and edv is not None and stroke >= edv:
            found = f"stroke volume {stroke:g} with EDV {edv:g} mL"
            raise _impossible("stroke_volume_ml", found, "a stroke volume below EDV")

    @property
    def names(self) -> tuple[str, ...]:
        """Single numbers that were measured."""
        return tuple(name for name in QUANTITIES if getattr(self, name) is not None)

    @property
    def used(self) -> tuple[str, ...]:
        """Single numbers that count: all but an EF that follows from the volumes."""
        if self.edv_ml is not None and self.esv_ml is not None:
            return tuple(name for name in self.names if name != "ef_percent")
        return self.names

    def error(self, name: str) -> float:
        """Return the standard deviation of a single number."""
        if name in self.errors:
            return float(self.errors[name])
        quantity = QUANTITIES[name]
        return quantity.error + quantity.relative * float(getattr(self, name))

    def as_dict(self) -> dict[str, Any]:
        """Return what was measured, ready for JSON."""
        found: dict[str, Any] = {name: getattr(self, name) for name in self.names}
        for item in fields(self):
            curve = getattr(self, item.name)
            if isinstance(curve, Curve):
                found[item.name] = {
                    "times_s": np.asarray(curve.times_s).tolist(),
                    "values": np.asarray(curve.values).tolist(),
                    "error": np.asarray(curve.error).tolist(),
                }
                if len(curve.shared):
                    found[item.name]["shared"] = curve.shared.tolist()
        return found | {"errors": {name: self.error(name) for name in self.names}}


def _impossible(where: str, found: str, expected: str) -> InputError:
    return InputError(
        where, found=found, expected=expected, advice="Are two numbers swapped, or of two patients?"
    )
