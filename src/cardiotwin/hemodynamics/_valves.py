"""Valves that do not open or do not close: stenosis and regurgitation."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import check_choice
from ..circulation import PARAMETERS, Circulation, Indices, Lvad
from ._goals import solve_for
from ._transformations import changed, check_either, check_values

ML_S_PER_L_MIN = 1000 / 60


@dataclass(frozen=True, eq=False)
class MitralStenosis:
    """A mitral valve that opens too little, Rm ↦ resistance.

    The model's valve is a linear resistance. An area is turned into the one for which Gorlin's
    formula, A = flow / (37.7 √gradient) with mean flow and mean gradient while the valve is open,
    gives this area on the patient's own steady beat: the index `mitral_area_cm2`. It is reached to
    0.01 %. Up to 1.5 cm² counts as severe.

    Attributes:
        area_cm2: valve area by Gorlin's formula, cm².
        resistance: Rm instead of an area, mmHg s/mL.

    Raises:
        InputError: both or neither given, or not positive; on `apply`, an area larger than the
            patient's valve has, or too small for the model.

    Gorlin and Gorlin 1951; severity: Nishimura et al. 2014.

    >>> stenosis = MitralStenosis(resistance=0.1)
    >>> stenosis.apply(Circulation(), None)[0]
    Circulation(mitral_resistance=0.1)
    """

    area_cm2: Any = None
    resistance: Any = None

    def __post_init__(self):
        _check_stenosis(self, self.area_cm2, self.resistance)

    def apply(self, circulation: Circulation, lvad: Lvad | None) -> tuple[Circulation, Lvad | None]:
        """Return the patient with the stenosis; the pump stays."""
        return _narrow(
            circulation, lvad, "mitral_resistance", "mitral_area_cm2", self.area_cm2,
            self.resistance,
        ), lvad  # fmt: skip


@dataclass(frozen=True, eq=False)
class AorticStenosis:
    """An aortic valve that opens too little, Ra ↦ resistance.

    As in `MitralStenosis`, with Gorlin's formula A = flow / (44.3 √gradient) and the index
    `aortic_area_cm2`, reached to 0.01 % too. Up to 1.0 cm² counts as severe.

    Attributes:
        area_cm2: valve area by Gorlin's formula, cm².
        resistance: Ra instead of an area, mmHg s/mL.

    Raises:
        InputError: both or neither given, or not positive; on `apply`, an area larger than the
            patient's valve has, or too small for the model.

    Gorlin and Gorlin 1951; severity: Baumgartner et al. 2017.

    >>> stenosis = AorticStenosis(resistance=0.25)
    >>> stenosis.apply(Circulation(), None)[0]
    Circulation(aortic_valve_resistance=0.25)
    """

    area_cm2: Any = None
    resistance: Any = None

    def __post_init__(self):
        _check_stenosis(self, self.area_cm2, self.resistance)

    def apply(self, circulation: Circulation, lvad: Lvad | None) -> tuple[Circulation, Lvad | None]:
        """Return the patient with the stenosis; the pump stays."""
        return _narrow(
            circulation, lvad, "aortic_valve_resistance", "aortic_area_cm2", self.area_cm2,
            self.resistance,
        ), lvad  # fmt: skip


@dataclass(frozen=True, eq=False)
class MitralRegurgitation:
    """A mitral valve that does not close, gm ↦ leak.

    A fraction is the share of what leaves the ventricle in a beat that goes back into the atrium,

        RF = R / (R + CO Tc),

    R the index `mitral_regurgitant_ml`; the leak is the one that gives it on the patient's own
    steady beat (to 0.01 %). From 0.5 on it counts as severe.

    Attributes:
        fraction: regurgitant fraction RF, 0 to 1.
        leak: gm instead of a fraction, mL/(s mmHg).

    Raises:
        InputError: both or neither given, or out of range; on `apply`, a fraction that no leak
            of the model gives.

    Severity: Zoghbi et al. 2017. The linear leak is ours.

    >>> MitralRegurgitation(leak=2.0).apply(Circulation(), None)[0]
    Circulation(mitral_leak=2)
    """

    fraction: Any = None
    leak: Any = None

    def __post_init__(self):
        _check_regurgitation(self, self.fraction, self.leak)

    def apply(self, circulation: Circulation, lvad: Lvad | None) -> tuple[Circulation, Lvad | None]:
        """Return the patient with the leak; the pump stays."""
        return _leak(
            circulation, lvad, "mitral_leak", "mitral_regurgitant_ml", self.fraction, self.leak
        ), lvad


@dataclass(frozen=True, eq=False)
class AorticRegurgitation:
    """An aortic valve that does not close, ga ↦ leak.

    A fraction is the share of what leaves the ventricle in a beat that comes back,
    RF = R / (R + CO Tc) with R the index `aortic_regurgitant_ml`. From 0.5 on it counts as severe.

    Attributes:
        fraction: regurgitant fraction RF, 0 to 1.
        leak: ga instead of a fraction, mL/(s mmHg).

    Raises:
        InputError: both or neither given, or out of range; on `apply`, a fraction that no leak
            of the model gives.

    Severity: Zoghbi et al. 2017. The linear leak is ours.

    >>> AorticRegurgitation(leak=1.0).apply(Circulation(), None)[0]
    Circulation(aortic_leak=1)
    """

    fraction: Any = None
    leak: Any = None

    def __post_init__(self):
        _check_regurgitation(self, self.fraction, self.leak)

    def apply(self, circulation: Circulation, lvad: Lvad | None) -> tuple[Circulation, Lvad | None]:
        """Return the patient with the leak; the pump stays."""
        return _leak(
            circulation, lvad, "aortic_leak", "aortic_regurgitant_ml", self.fraction, self.leak
        ), lvad


def regurgitant_fraction(indices: Indices, circulation: Circulation, valve: str) -> Any:
    """Return RF = R / (R + CO Tc), the share of what leaves the ventricle that flows back.

    Args:
        indices: of the steady beat.
        circulation: whose beat it is.
        valve: "mitral" or "aortic".

    Raises:
        InputError: no such valve.

    >>> from cardiotwin.circulation import steady_indices
    >>> patients = Circulation(mitral_leak=[0.0, 2.0])
    >>> found = steady_indices(patients).indices
    >>> regurgitant_fraction(found, patients, "mitral").round(2).tolist()
    [0.0, 0.44]
    """
    check_choice(valve, "valve", ("mitral", "aortic"))
    back = getattr(indices, f"{valve}_regurgitant_ml")
    return back / (back + ML_S_PER_L_MIN * indices.co_l_min * circulation.period_s)


def _check_stenosis(own: Any, area_cm2: Any, resistance: Any) -> None:
    check_either(("area_cm2", area_cm2), ("resistance", resistance))
    if area_cm2 is not None:
        advice = "Areas in mm² must be divided by 100."
        area = check_values(area_cm2, "area_cm2", above=0, below=50, advice=advice)
        object.__setattr__(own, "area_cm2", area)
    else:
        object.__setattr__(own, "resistance", check_values(resistance, "resistance", above=0))


def _check_regurgitation(own: Any, fraction: Any, leak: Any) -> None:
    check_either(("fraction", fraction), ("leak", leak))
    if fraction is not None:
        advice = "Percent must be divided by 100."
        share = check_values(fraction, "fraction", at_least=0, below=1, advice=advice)
        object.__setattr__(own, "fraction", share)
    else:
        object.__setattr__(own, "leak", check_values(leak, "leak", at_least=0))


def _narrow(
    circulation: Circulation, lvad: Lvad | None, parameter: str, index: str, area: Any, given: Any
) -> Circulation:
    if given is not None:
        return changed(circulation, "resistance", **{parameter: given})
    own = getattr(circulation, parameter)
    worst = PARAMETERS[parameter].limits[1]
    found = solve_for(
        area,
        circulation,
        lvad,
        where="area_cm2",
        index=lambda indices, _: getattr(indices, index),
        place=lambda s: {parameter: np.minimum(own * (worst / own) ** s, worst)},
    )
    return circulation.replace(**found)


def _leak(
    circulation: Circulation, lvad: Lvad | None, parameter: str, index: str, share: Any, given: Any
) -> Circulation:
    if given is not None:
        return changed(circulation, "leak", **{parameter: given})
    worst = PARAMETERS[parameter].limits[1]
    found = solve_for(
        share,
        circulation,
        lvad,
        where="fraction",
        index=lambda indices, own: regurgitant_fraction(indices, own, index.split("_")[0]),
        # Small leaks matter most; a cube has many places there and reaches zero.
        place=lambda s: {parameter: worst * s**3},
    )
    return circulation.replace(**found)
