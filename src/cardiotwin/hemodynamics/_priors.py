"""What is known of an adult's circulation before anything is measured."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from .._checks import check_choice, check_number
from .._errors import InputError
from ..circulation import PARAMETERS, Circulation


@dataclass(frozen=True)
class Prior:
    """Distribution of one parameter among patients: normal, of its logarithm or of itself.

    Attributes:
        median: value that half of the patients exceed, in the parameter's unit.
        spread: standard deviation of the logarithm, or of the value where it is not logarithmic.
        logarithmic: whether the logarithm is normal; for everything that is positive.
        source: why.

    Raises:
        InputError: a spread that is not positive, or a logarithmic median that is not.
    """

    median: float
    spread: float
    logarithmic: bool = True
    source: str = ""

    def __post_init__(self):
        check_number(self.spread, "spread", above=0)
        if self.logarithmic:
            check_number(self.median, "median", above=0)

    def value(self, z: Any) -> Any:
        """Return the value that lies z standard deviations above the median."""
        if self.logarithmic:
            return self.median * np.e ** (self.spread * z)
        return self.median + self.spread * z

    def slope(self, z: Any) -> Any:
        """Return how much the value changes with z."""
        return self.spread * self.value(z) if self.logarithmic else self.spread * np.ones_like(z)

    def coordinate(self, value: Any) -> Any:
        """Return how many standard deviations a value lies above the median."""
        if self.logarithmic:
            return np.log(np.asarray(value) / self.median) / self.spread
        return (np.asarray(value) - self.median) / self.spread


WIDE = "ours: spans the published ranges from healthy adults to severe disease"
ADULT: Mapping[str, Prior] = {
    "period_s": Prior(0.85, 0.22, source="resting heart rate 71 bpm, 46 to 110 in 95 %"),
    "stressed_volume_ml": Prior(
        290.0, 0.25, source="about a quarter of the blood; 178 to 474 mL in 95 %; ours"
    ),
    "emax": Prior(1.8, 0.45, source="single-beat Ees, Chen 2001: 0.4 to 4.5 mmHg/mL; " + WIDE),
    "emin": Prior(0.065, 0.35, source="LVEDP 4 to 25 mmHg at EDV 90 to 250 mL; " + WIDE),
    "v0_ml": Prior(
        10.0,
        15.0,
        logarithmic=False,
        source="Med-Real2Sim: 4 to 25 mL, wider for dilated hearts; ours",
    ),
    "mitral_resistance": Prior(0.008, 0.7, source="Simaan 2009: 0.005; stenosis 0.05 and more"),
    "aortic_valve_resistance": Prior(
        0.008, 0.9, source="Simaan 2009: 0.001; stenosis 0.1 and more"
    ),
    "systemic_resistance": Prior(1.05, 0.28, source="800 to 1800 dyn s/cm⁵ and beyond; " + WIDE),
    "arterial_compliance": Prior(
        1.33, 0.3, source="Simaan 2009; total compliance 0.7 to 2.5 mL/mmHg"
    ),
    "atrial_compliance": Prior(4.4, 0.25, source="Simaan 2009; " + WIDE),
}
"""Priors of adults at rest, healthy or ill, for every parameter that is free by default."""


@dataclass(frozen=True, eq=False)
class Unknowns:
    """Which parameters are free, with their priors, and the values of all others.

    In the coordinates used inside, every free parameter is standard normal before anything is
    measured.

    Attributes:
        priors: free parameter → prior.
        fixed: one patient whose values the other parameters have.

    Raises:
        InputError: no free parameter, one that does not exist, or ``fixed`` is a batch.

    >>> Unknowns.of(["emax", "emin"]).names
    ('emax', 'emin')
    """

    priors: Mapping[str, Prior]
    fixed: Circulation

    def __post_init__(self):
        for name in self.priors:
            check_choice(name, "unknowns", PARAMETERS)
        if not self.priors:
            raise InputError("unknowns", found="none", expected="at least one free parameter")
        if self.fixed.shape != ():
            raise InputError("fixed", found=f"a batch {self.fixed.shape}", expected="one patient")

    @classmethod
    def of(
        cls,
        names: Iterable[str] = tuple(ADULT),
        fixed: Circulation | None = None,
        priors: Mapping[str, Prior] = ADULT,
    ) -> "Unknowns":
        """Return the unknowns with these names.

        Args:
            names: free parameters.
            fixed: values of the others, the reference by default.
            priors: where their priors are looked up.
        """
        names = tuple(names)
        for name in names:
            check_choice(name, "unknowns", priors)
        return cls({name: priors[name] for name in names}, fixed or Circulation())

    @property
    def names(self) -> tuple[str, ...]:
        """Free parameters."""
        return tuple(self.priors)

    def values(self, z: Any) -> dict[str, Any]:
        """Return name → values of coordinates (…, n_unknowns), within the limits."""
        found = {}
        for index, (name, prior) in enumerate(self.priors.items()):
            low, high = PARAMETERS[name].limits
            value = prior.value(z[..., index])
            found[name] = value.clip(low, high)
        return found

    def circulation(self, z: Float[np.ndarray, "*batch n_unknowns"]) -> Circulation:
        """Return the patients at these coordinates."""
        return self.fixed.replace(**self.values(np.asarray(z, float)))

    def coordinates(self, circulation: Circulation) -> Float[np.ndarray, "*batch n_unknowns"]:
        """Return the coordinates of patients."""
        own, shape = circulation.values(), circulation.shape
        columns = [prior.coordinate(own[name]) for name, prior in self.priors.items()]
        return np.stack([np.broadcast_to(column, shape) for column in columns], -1)

    def draw(self, n: int, seed: int) -> Float[np.ndarray, "n n_unknowns"]:
        """Return coordinates of patients drawn from the priors."""
        return np.random.default_rng(seed).standard_normal((n, len(self.priors)))
