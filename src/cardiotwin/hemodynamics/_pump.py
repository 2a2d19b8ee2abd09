"""A rotary pump beside the aortic valve: implantation and speed."""

from dataclasses import dataclass, replace
from typing import Any

from .._errors import InputError
from ..circulation import SIMAAN_2009, Circulation, Lvad, PumpCoefficients


@dataclass(frozen=True, eq=False)
class ImplantLvad:
    """A left ventricular assist device from the ventricle to the aorta, running at a speed.

    Attributes:
        speed_rpm: speed of rotation; an array makes a batch.
        coefficients: of the pump.

    Raises:
        InputError: a speed that `Lvad` refuses; on `apply`, a patient who has a pump already.

    Simaan et al. 2009.

    >>> _, lvad = ImplantLvad(9000.0).apply(Circulation(), None)
    >>> round(float(lvad.shut_off_head_mmhg), 1)
    80.2
    """

    speed_rpm: Any
    coefficients: PumpCoefficients = SIMAAN_2009

    def __post_init__(self):
        object.__setattr__(self, "speed_rpm", Lvad(self.speed_rpm, self.coefficients).speed_rpm)

    def apply(self, circulation: Circulation, lvad: Lvad | None) -> tuple[Circulation, Lvad | None]:
        """Return the patient and the new pump."""
        if lvad is not None:
            raise InputError(
                "lvad",
                found=f"a patient with a pump ({lvad.coefficients.name})",
                expected="a patient without one",
                advice="Another speed is PumpSpeed.",
            )
        return circulation, Lvad(self.speed_rpm, self.coefficients)


@dataclass(frozen=True, eq=False)
class PumpSpeed:
    """Another speed of the pump that a patient has, ω ↦ speed.

    Attributes:
        speed_rpm: speed of rotation; an array makes a batch.

    Raises:
        InputError: a speed that `Lvad` refuses; on `apply`, a patient without a pump.

    Simaan et al. 2009.

    >>> from cardiotwin.circulation import Lvad
    >>> _, lvad = PumpSpeed(10000.0).apply(Circulation(), Lvad(9000.0))
    >>> float(lvad.speed_rpm)
    10000.0
    """

    speed_rpm: Any

    def __post_init__(self):
        object.__setattr__(self, "speed_rpm", Lvad(self.speed_rpm).speed_rpm)

    def apply(self, circulation: Circulation, lvad: Lvad | None) -> tuple[Circulation, Lvad | None]:
        """Return the patient and the pump at this speed."""
        if lvad is None:
            raise InputError(
                "lvad",
                found="a patient without a pump",
                expected="one with a pump",
                advice="Put ImplantLvad before, or give lvad=Lvad(...).",
            )
        return circulation, replace(lvad, speed_rpm=self.speed_rpm)
