"""Vessels and blood volume: resistance, stiffness, stressed volume."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import InputError
from ..circulation import Circulation, Lvad
from ._transformations import at, changed, check_either, check_values


@dataclass(frozen=True, eq=False)
class Hypertension:
    """Narrow arterioles and stiff arteries.

    Rs ↦ f Rs, Cs ↦ Cs/k, Ca ↦ Ca/k, and the characteristic resistance, which goes like √(L/C),
    Rc ↦ √k Rc. The stressed volume stays; a patient who keeps the output up has more of it, too
    (`VolumeLoading`), or a stronger heart (`Inotrope`).

    Attributes:
        resistance_factor: f.
        stiffness_factor: k.

    Raises:
        InputError: a factor below 1.

    Characteristic impedance: Westerhof et al. 2009. The one factor for both compliances is ours.

    >>> Hypertension(1.5, stiffness_factor=1.0).apply(Circulation(), None)[0]
    Circulation(systemic_resistance=1.5)
    """

    resistance_factor: Any = 1.5
    stiffness_factor: Any = 1.5

    def __post_init__(self):
        for name in ("resistance_factor", "stiffness_factor"):
            value = check_values(getattr(self, name), name, at_least=1)
            object.__setattr__(self, name, value)

    def apply(self, circulation: Circulation, lvad: Lvad | None) -> tuple[Circulation, Lvad | None]:
        """Return the patient with these arteries; the pump stays."""
        stiffness = self.stiffness_factor
        return changed(
            changed(
                circulation,
                "resistance_factor",
                systemic_resistance=circulation.systemic_resistance * self.resistance_factor,
            ),
            "stiffness_factor",
            arterial_compliance=circulation.arterial_compliance / stiffness,
            aortic_compliance=circulation.aortic_compliance / stiffness,
            characteristic_resistance=circulation.characteristic_resistance * np.sqrt(stiffness),
        ), lvad


@dataclass(frozen=True, eq=False)
class Vasodilator:
    """A drug that opens arterioles and veins.

    Rs ↦ f Rs, and Vtot ↦ v Vtot: wider veins hold more blood without being stretched, which is
    lost to the stressed volume.

    Attributes:
        resistance_factor: f, arterial part; 1: a pure venodilator.
        volume_factor: v, venous part; 1: a pure arteriolar dilator.

    Raises:
        InputError: a factor that is not in (0, 1].

    Stressed volume and veins: Rothe 1993, Gelman 2008. The numbers of a drug are the user's.

    >>> Vasodilator(0.7).apply(Circulation(), None)[0]
    Circulation(systemic_resistance=0.7)
    """

    resistance_factor: Any = 0.7
    volume_factor: Any = 1.0

    def __post_init__(self):
        for name in ("resistance_factor", "volume_factor"):
            value = check_values(
                getattr(self, name), name, above=0, at_most=1, advice="Above 1: Vasopressor."
            )
            object.__setattr__(self, name, value)

    def apply(self, circulation: Circulation, lvad: Lvad | None) -> tuple[Circulation, Lvad | None]:
        """Return the patient under the drug; the pump stays."""
        return _tone(circulation, self.resistance_factor, self.volume_factor), lvad


@dataclass(frozen=True, eq=False)
class Vasopressor:
    """A drug or a reflex that narrows arterioles and veins: `Vasodilator` the other way.

    Rs ↦ f Rs, Vtot ↦ v Vtot.

    Attributes:
        resistance_factor: f, arterial part.
        volume_factor: v, venous part: blood that the veins give up.

    Raises:
        InputError: a factor below 1.

    Stressed volume and veins: Rothe 1993, Gelman 2008. The numbers of a drug are the user's.

    >>> Vasopressor(1.5).apply(Circulation(), None)[0]
    Circulation(systemic_resistance=1.5)
    """

    resistance_factor: Any = 1.4
    volume_factor: Any = 1.0

    def __post_init__(self):
        for name in ("resistance_factor", "volume_factor"):
            value = check_values(
                getattr(self, name), name, at_least=1, advice="Below 1: Vasodilator."
            )
            object.__setattr__(self, name, value)

    def apply(self, circulation: Circulation, lvad: Lvad | None) -> tuple[Circulation, Lvad | None]:
        """Return the patient under the drug; the pump stays."""
        return _tone(circulation, self.resistance_factor, self.volume_factor), lvad


@dataclass(frozen=True, eq=False)
class Hypovolaemia:
    """Too little blood, Vtot ↦ Vtot − loss or (1 − fraction) Vtot.

    The loss comes out of the stressed volume, as the veins do not react; blood that they give up
    is `Vasopressor(volume_factor=…)`. Without a pump, volumes above Vd, pressures and flows fall
    in proportion to Vtot, exactly.

    Attributes:
        loss_ml: blood lost, mL.
        fraction: lost share of the stressed volume instead, 0 to 1.

    Raises:
        InputError: both or neither given, or out of range; on `apply`, more than there is.

    The proportion is ours (homogeneity of the circuit).

    >>> float(Hypovolaemia(loss_ml=82.71).apply(Circulation(), None)[0].stressed_volume_ml)
    200.0
    """

    loss_ml: Any = None
    fraction: Any = None

    def __post_init__(self):
        check_either(("loss_ml", self.loss_ml), ("fraction", self.fraction))
        if self.loss_ml is not None:
            object.__setattr__(self, "loss_ml", check_values(self.loss_ml, "loss_ml", at_least=0))
        else:
            advice = "Percent must be divided by 100."
            share = check_values(self.fraction, "fraction", at_least=0, below=1, advice=advice)
            object.__setattr__(self, "fraction", share)

    def apply(self, circulation: Circulation, lvad: Lvad | None) -> tuple[Circulation, Lvad | None]:
        """Return the patient after the loss; the pump stays."""
        total = circulation.stressed_volume_ml
        if self.loss_ml is None:
            return changed(
                circulation, "fraction", stressed_volume_ml=total * (1 - self.fraction)
            ), lvad
        left = np.asarray(total - self.loss_ml)
        if (left <= 0).any():
            raise InputError(
                "loss_ml",
                found=at(np.broadcast_to(self.loss_ml, left.shape), left <= 0),
                expected=f"less than the stressed volume, {np.min(total):.4g} mL",
                advice="Most of a patient's blood stretches nothing and is not in the model.",
            )
        return changed(circulation, "loss_ml", stressed_volume_ml=left), lvad


@dataclass(frozen=True, eq=False)
class VolumeLoading:
    """Blood or fluid that is given or retained, Vtot ↦ Vtot + volume.

    Attributes:
        volume_ml: what stays in the vessels and stretches them, mL; of an infusion that is a part.

    Raises:
        InputError: a negative volume.

    Ours: unstressed volume and capillary leak stay as they are.

    >>> float(VolumeLoading(100.0).apply(Circulation(), None)[0].stressed_volume_ml)
    382.71
    """

    volume_ml: Any

    def __post_init__(self):
        advice = "A loss is Hypovolaemia."
        volume = check_values(self.volume_ml, "volume_ml", at_least=0, advice=advice)
        object.__setattr__(self, "volume_ml", volume)

    def apply(self, circulation: Circulation, lvad: Lvad | None) -> tuple[Circulation, Lvad | None]:
        """Return the patient with more blood; the pump stays."""
        total = circulation.stressed_volume_ml + self.volume_ml
        return changed(circulation, "volume_ml", stressed_volume_ml=total), lvad


def _tone(circulation: Circulation, resistance_factor: Any, volume_factor: Any) -> Circulation:
    wider = changed(
        circulation,
        "resistance_factor",
        systemic_resistance=circulation.systemic_resistance * resistance_factor,
    )
    total = circulation.stressed_volume_ml * volume_factor
    return changed(wider, "volume_factor", stressed_volume_ml=total)
