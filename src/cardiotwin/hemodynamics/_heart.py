"""The ventricle and its rate: failure, inotropes, heart rate."""

from dataclasses import dataclass
from typing import Any

from ..circulation import Circulation, Lvad
from ._transformations import changed, check_values


@dataclass(frozen=True, eq=False)
class SystolicFailure:
    """A ventricle that contracts weakly and is dilated, Emax ↦ f Emax, Vd ↦ Vd + dilation.

    Attributes:
        emax_factor: f, what is left of the contractility.
        dilation_ml: growth of the unloaded ventricle, mL.

    Raises:
        InputError: a factor that is not in (0, 1], or a negative dilation; on `apply`, one that
            leaves Emax below Emin or the limits of the model.

    Emax as contractility: Suga and Sagawa 1974. Dilation as a shift of Vd is ours.

    >>> SystolicFailure(0.5, dilation_ml=30.0).apply(Circulation(), None)[0]
    Circulation(emax=1, v0_ml=40)
    """

    emax_factor: Any = 0.4
    dilation_ml: Any = 0.0

    def __post_init__(self):
        factor = check_values(
            self.emax_factor, "emax_factor", above=0, at_most=1, advice="Above 1: Inotrope."
        )
        object.__setattr__(self, "emax_factor", factor)
        dilation = check_values(self.dilation_ml, "dilation_ml", at_least=0)
        object.__setattr__(self, "dilation_ml", dilation)

    def apply(self, circulation: Circulation, lvad: Lvad | None) -> tuple[Circulation, Lvad | None]:
        """Return the patient with this ventricle; the pump stays."""
        weaker = changed(circulation, "emax_factor", emax=circulation.emax * self.emax_factor)
        v0 = circulation.v0_ml + self.dilation_ml
        return changed(weaker, "dilation_ml", v0_ml=v0), lvad


@dataclass(frozen=True, eq=False)
class DiastolicFailure:
    """A ventricle that is stiff when it fills, Emin ↦ f Emin.

    Attributes:
        emin_factor: f.

    Raises:
        InputError: a factor below 1; on `apply`, one that lifts Emin to Emax or over the limits
            of the model.

    Passive stiffness in heart failure with preserved ejection fraction: Zile et al. 2004. That
    the model's filling curve is a straight line through Vd is its limit; relaxation is not slowed.

    >>> DiastolicFailure(2.0).apply(Circulation(), None)[0]
    Circulation(emin=0.12)
    """

    emin_factor: Any = 2.0

    def __post_init__(self):
        factor = check_values(self.emin_factor, "emin_factor", at_least=1)
        object.__setattr__(self, "emin_factor", factor)

    def apply(self, circulation: Circulation, lvad: Lvad | None) -> tuple[Circulation, Lvad | None]:
        """Return the patient with this ventricle; the pump stays."""
        stiffer = circulation.emin * self.emin_factor
        return changed(circulation, "emin_factor", emin=stiffer), lvad


@dataclass(frozen=True, eq=False)
class Inotrope:
    """A drug that makes the ventricle contract more or less strongly, Emax ↦ f Emax.

    Attributes:
        factor: f; below 1 for a negative inotrope.

    Raises:
        InputError: a factor that is not positive; on `apply`, one that leads outside the limits.

    Emax as contractility: Suga and Sagawa 1974. Effects of a drug on rate and vessels are
    transformations of their own.

    >>> Inotrope(1.5).apply(Circulation(), None)[0]
    Circulation(emax=3)
    """

    factor: Any = 1.5

    def __post_init__(self):
        object.__setattr__(self, "factor", check_values(self.factor, "factor", above=0))

    def apply(self, circulation: Circulation, lvad: Lvad | None) -> tuple[Circulation, Lvad | None]:
        """Return the patient under the drug; the pump stays."""
        return changed(circulation, "factor", emax=circulation.emax * self.factor), lvad


@dataclass(frozen=True, eq=False)
class HeartRate:
    """Another heart rate, Tc ↦ 60 / rate; systole shortens as 0.2 s + 0.15 Tc.

    Attributes:
        rate_bpm: beats a minute.

    Raises:
        InputError: a rate outside 24 to 240.

    Length of systole: Simaan et al. 2009.

    >>> HeartRate(75.0).apply(Circulation(), None)[0]
    Circulation(period_s=0.8)
    """

    rate_bpm: Any

    def __post_init__(self):
        rate = check_values(
            self.rate_bpm, "rate_bpm", at_least=24, at_most=240, advice="Give beats a minute."
        )
        object.__setattr__(self, "rate_bpm", rate)

    def apply(self, circulation: Circulation, lvad: Lvad | None) -> tuple[Circulation, Lvad | None]:
        """Return the patient at this rate; the pump stays."""
        return changed(circulation, "rate_bpm", period_s=60 / self.rate_bpm), lvad
