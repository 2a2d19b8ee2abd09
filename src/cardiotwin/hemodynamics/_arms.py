"""What is done to the patients of a trial, and who gets what."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool

from .._checks import check_count
from .._errors import InputError
from ..circulation import SIMAAN_2009, Circulation, PumpCoefficients
from ._cohort import Cohort
from ._pump import ImplantLvad
from ._speed_rules import SpeedRule
from ._steady_batch import Solve, Steady
from ._transformations import Transformation, transform


@dataclass(frozen=True, init=False)
class Arm:
    """One arm of a trial: transformations of every patient, then a pump at a speed, or none.

    Args:
        name: unique in the trial.
        transformations: what is done, in this order.
        speed: rule of the pump's speed; None without a pump.
        coefficients: of the pump.

    Raises:
        InputError: no name, something that is no transformation or no speed rule, or a pump twice.

    >>> from cardiotwin.hemodynamics import FixedSpeed, Inotrope
    >>> Arm("drug and pump", Inotrope(1.3), speed=FixedSpeed(9000.0)).has_pump
    True
    """

    name: str
    transformations: tuple[Transformation, ...]
    speed: SpeedRule | None
    coefficients: PumpCoefficients

    def __init__(
        self,
        name: str,
        *transformations: Transformation,
        speed: SpeedRule | None = None,
        coefficients: PumpCoefficients = SIMAAN_2009,
    ):
        if not isinstance(name, str) or not name.strip():
            raise InputError("name", found=repr(name), expected="the name of an arm")
        for own in transformations:
            if not isinstance(own, Transformation):
                raise InputError(
                    f"arm {name!r}", found=repr(own), expected="transformations, then speed=…"
                )
        if speed is not None and not isinstance(speed, SpeedRule):
            raise InputError(
                f"arm {name!r}: speed", found=repr(speed), expected="a speed rule",
                advice="A number is FixedSpeed(number).",
            )  # fmt: skip
        if speed is not None and any(isinstance(own, ImplantLvad) for own in transformations):
            raise InputError(
                f"arm {name!r}", found="ImplantLvad and a speed rule", expected="one of them"
            )
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "transformations", transformations)
        object.__setattr__(self, "speed", speed)
        object.__setattr__(self, "coefficients", coefficients)

    @property
    def has_pump(self) -> bool:
        """Whether patients of this arm get a pump."""
        implanted = any(isinstance(own, ImplantLvad) for own in self.transformations)
        return self.speed is not None or implanted

    def outcome(self, patients: Circulation, solve: Solve) -> tuple[Any, Steady]:
        """Return speed (n,), 0 without a pump, and beats of a batch of patients in this arm."""
        changed, lvad = transform(patients, *self.transformations)
        if self.speed is not None:
            found = self.speed.support(changed, self.coefficients, solve)
            return found.speed_rpm, found.steady
        speed = 0.0 if lvad is None else lvad.speed_rpm
        return np.broadcast_to(speed, patients.shape), solve(changed, lvad)


@runtime_checkable
class Design(Protocol):
    """What a design must know: who gets which arm."""

    def allocation(self, cohort: Cohort, n_arms: int) -> Bool[np.ndarray, "n_arms n"]:
        """Return whether a row of the cohort gets an arm, (n_arms, n)."""
        ...


@dataclass(frozen=True)
class Paired:
    """Every virtual patient gets every arm: what no trial with people can do.

    Effects are differences within a patient, so that those between patients cancel.
    """

    def allocation(self, cohort: Cohort, n_arms: int) -> Bool[np.ndarray, "n_arms n"]:
        """Return all."""
        return np.ones((n_arms, len(cohort)), bool)


@dataclass(frozen=True)
class Randomized:
    """Every patient gets one arm by lot, in equal numbers (±1): as in a trial with people.

    Draws of one patient stay together.

    Attributes:
        seed: of the lot.

    Raises:
        InputError: a seed that is no whole number ≥ 0.
    """

    seed: int = 0

    def __post_init__(self):
        check_count(self.seed, "seed", at_least=0)

    def allocation(self, cohort: Cohort, n_arms: int) -> Bool[np.ndarray, "n_arms n"]:
        """Return the lot."""
        people, whose = np.unique(cohort.patient, return_inverse=True)
        lot = np.random.default_rng(self.seed).permutation(len(people)) % n_arms
        return lot[whose] == np.arange(n_arms)[:, None]
