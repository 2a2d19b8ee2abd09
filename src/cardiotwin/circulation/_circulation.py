"""One closed circulation, or many: the parameters, checked and with units."""

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from .._checks import check_choice
from .._errors import InputError
from ._parameters import PARAMETERS

START_PRESSURE_MMHG = 75.0
"""Arterial pressure at which Med-Real2Sim starts its simulations."""


class Circuit(NamedTuple):
    """A circulation inside compiled code; the fields are those of `Circulation`."""

    period_s: Any
    stressed_volume_ml: Any
    emax: Any
    emin: Any
    v0_ml: Any
    mitral_resistance: Any
    aortic_valve_resistance: Any
    systemic_resistance: Any
    characteristic_resistance: Any
    atrial_compliance: Any
    arterial_compliance: Any
    aortic_compliance: Any
    aortic_inertance: Any
    mitral_leak: Any
    aortic_leak: Any


@dataclass(frozen=True, eq=False)
class Circulation:
    """The left heart with the systemic circulation as a closed circuit of five states.

    With x = [V − Vd, P_LA, P_A, P_Ao, Q], P_LV = E(t) (V − Vd) and u⁺ = max(u, 0)::

        q_m = (P_LA − P_LV)⁺/Rm − gm (P_LV − P_LA)⁺        mitral valve
        q_a = (P_LV − P_Ao)⁺/Ra − ga (P_Ao − P_LV)⁺        aortic valve
        dV/dt    = q_m − q_a
        dP_LA/dt = (P_A − P_LA)/(Rs Cr) − q_m/Cr
        dP_A/dt  = (P_LA − P_A)/(Rs Cs) + Q/Cs
        dP_Ao/dt = (q_a − Q)/Ca
        dQ/dt    = (P_Ao − P_A − Rc Q)/Ls

    The stressed volume (V − Vd) + Cr P_LA + Cs P_A + Ca P_Ao never changes: it is a parameter
    here, where the papers have the ventricle's volume at the start, which has no other effect on
    the steady state. All other parameters fixed, volumes above Vd, pressures and flows are
    proportional to it.

    Every parameter is a number or an array; arrays broadcast against each other and describe a
    batch of patients. `PARAMETERS` has meaning, unit, reference, ranges and source of each.

    Attributes:
        period_s: duration of a beat Tc, s.
        stressed_volume_ml: total stressed volume Vtot, mL.
        emax: end-systolic elastance, mmHg/mL.
        emin: diastolic elastance, mmHg/mL.
        v0_ml: volume of the ventricle at zero pressure Vd, mL.
        mitral_resistance: Rm, mmHg s/mL.
        aortic_valve_resistance: Ra, mmHg s/mL.
        systemic_resistance: Rs, mmHg s/mL.
        characteristic_resistance: Rc, mmHg s/mL.
        atrial_compliance: Cr, mL/mmHg.
        arterial_compliance: Cs, mL/mmHg.
        aortic_compliance: Ca, mL/mmHg.
        aortic_inertance: Ls, mmHg s²/mL.
        mitral_leak: gm, mL/(s mmHg); regurgitation.
        aortic_leak: ga, mL/(s mmHg); regurgitation.

    Raises:
        InputError: a value that is not finite, outside its limits or does not broadcast, or
            Emin ≥ Emax.

    Simaan et al. 2009, Table III (with volume as the state; its Eq. 11 prints −Rc/Cs where
    −Rc/Ls must stand, as in its Eq. 5); the leaks are ours.

    >>> float(Circulation(emax=1.0).heart_rate_bpm)
    60.0
    """

    period_s: Any = PARAMETERS["period_s"].reference
    stressed_volume_ml: Any = PARAMETERS["stressed_volume_ml"].reference
    emax: Any = PARAMETERS["emax"].reference
    emin: Any = PARAMETERS["emin"].reference
    v0_ml: Any = PARAMETERS["v0_ml"].reference
    mitral_resistance: Any = PARAMETERS["mitral_resistance"].reference
    aortic_valve_resistance: Any = PARAMETERS["aortic_valve_resistance"].reference
    systemic_resistance: Any = PARAMETERS["systemic_resistance"].reference
    characteristic_resistance: Any = PARAMETERS["characteristic_resistance"].reference
    atrial_compliance: Any = PARAMETERS["atrial_compliance"].reference
    arterial_compliance: Any = PARAMETERS["arterial_compliance"].reference
    aortic_compliance: Any = PARAMETERS["aortic_compliance"].reference
    aortic_inertance: Any = PARAMETERS["aortic_inertance"].reference
    mitral_leak: Any = PARAMETERS["mitral_leak"].reference
    aortic_leak: Any = PARAMETERS["aortic_leak"].reference

    def __post_init__(self):
        for item in fields(self):
            object.__setattr__(self, item.name, _checked(item.name, getattr(self, item.name)))
        try:
            np.broadcast_shapes(*(getattr(self, item.name).shape for item in fields(self)))
        except ValueError:
            shapes = {item.name: getattr(self, item.name).shape for item in fields(self)}
            found = ", ".join(f"{name} {shape}" for name, shape in shapes.items() if shape)
            raise InputError(
                "circulation", found=f"shapes {found}", expected="shapes that broadcast"
            ) from None
        emin, emax = np.broadcast_arrays(self.emin, self.emax)
        if (emin >= emax).any():
            first = tuple(int(i) for i in np.argwhere(emin >= emax)[0])
            raise InputError(
                "emin",
                found=f"emin = {emin[first]:g} with emax = {emax[first]:g}"
                + (f" at index {first}" if first else ""),
                expected="emin < emax",
            )

    @classmethod
    def from_start_volume(
        cls, start_volume_ml: Any, start_pressure_mmhg: Any = START_PRESSURE_MMHG, **parameters: Any
    ) -> "Circulation":
        """Return the circulation that Med-Real2Sim starts with a ventricle so full.

        Vtot = start_V (1 + Cr Emin) + start_P (Cs + Ca).

        Args:
            start_volume_ml: V − Vd at the start, mL (called start_v in its code).
            start_pressure_mmhg: arterial and aortic pressure at the start.
            parameters: of `Circulation`.

        >>> round(float(Circulation.from_start_volume(140.0).stressed_volume_ml), 2)
        282.71
        """
        shell = cls(**parameters)
        total = start_volume_ml * (1 + shell.atrial_compliance * shell.emin)
        total = total + start_pressure_mmhg * (shell.arterial_compliance + shell.aortic_compliance)
        return replace(shell, stressed_volume_ml=total)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the batch, () for one patient."""
        return np.broadcast_shapes(*(getattr(self, item.name).shape for item in fields(self)))

    @property
    def heart_rate_bpm(self) -> Float[np.ndarray, "..."]:
        """60 / Tc."""
        return np.asarray(60 / self.period_s)

    def replace(self, **parameters: Any) -> "Circulation":
        """Return the circulation with other values of some parameters.

        Raises:
            InputError: no such parameter, or a value that `Circulation` refuses.

        >>> float(Circulation().replace(emax=1.0).emax)
        1.0
        """
        for name in parameters:
            check_choice(name, "parameter", PARAMETERS)
        return replace(self, **parameters)

    def values(self) -> dict[str, Float[np.ndarray, "..."]]:
        """Return every parameter by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def __getitem__(self, index: Any) -> "Circulation":
        """Return one patient, or some, of a batch."""
        shape = self.shape
        values = self.values().items()
        return Circulation(**{name: np.broadcast_to(own, shape)[index] for name, own in values})

    def __repr__(self) -> str:
        parts = []
        for name, value in self.values().items():
            if value.size > 1:
                parts.append(f"{name}={value.min():g}..{value.max():g}")
            elif value != PARAMETERS[name].reference:
                parts.append(f"{name}={value.item():g}")
        batch = f", shape={self.shape}" if self.shape else ""
        return f"Circulation({', '.join(parts)}{batch})"

    def circuit(self) -> Circuit:
        """Return what compiled code needs, all of one flat shape (n_patients,)."""
        shape = self.shape
        return Circuit(
            **{
                name: np.ascontiguousarray(np.broadcast_to(value, shape).reshape(-1))
                for name, value in self.values().items()
            }
        )


def _checked(name: str, value: Any) -> Float[np.ndarray, "..."]:
    parameter = PARAMETERS[name]
    low, high = parameter.limits
    expected = f"{parameter.meaning}: {low:g} to {high:g} {parameter.unit}"
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(name, found=repr(value), expected=expected) from None
    outside = ~((array >= low) & (array <= high))
    if outside.any():
        first = tuple(int(i) for i in np.argwhere(outside)[0])
        raise InputError(
            name,
            found=f"{array[first]:g}" + (f" at index {first}" if first else ""),
            expected=expected,
            advice=_advice(name, float(array[first])),
        )
    return array


def _advice(name: str, value: float) -> str:
    if name == "period_s" and 20 <= value <= 250:
        return "It looks like a heart rate: give 60 / rate."
    if name == "period_s" and 250 < value <= 2500:
        return "It looks like milliseconds: divide by 1000."
    return ""
