"""A rotary pump between left ventricle and aorta."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .._checks import check_number
from .._errors import InputError


@dataclass(frozen=True)
class PumpCoefficients:
    """What a rotary pump and its cannulas do to the flow.

    The head that the pump raises from inlet to outlet is H = β₀ Q + β₁ dQ/dt + β₂ ω², so that

        (Li + Lo − β₁) dQ/dt = P_LV − P_Ao − (Ri + Ro + Rk − β₀) Q + β₂ ω².

    **Sign.** Simaan et al. 2009 call H the pressure difference inlet − outlet and print
    L* = Li + Lo + β₁, R* = Ri + Ro + Rk + β₀ and −β₂ ω². With the signs of their Table IV that
    is a negative resistance and a pump that works backwards; read as the head rise, as above, it
    reproduces their speeds of suction.

    Attributes:
        name: how the set is called.
        beta0: mmHg s/mL.
        beta1: mmHg s²/mL.
        beta2: mmHg/rpm².
        resistance: Ri + Ro of both cannulas, mmHg s/mL.
        inertance: Li + Lo of both cannulas, mmHg s²/mL.
        suction_slope: growth of Rk per mmHg of ventricular pressure below the threshold, s/mL.
        suction_threshold_mmhg: ventricular pressure below which the inlet collapses.
    """

    name: str
    beta0: float
    beta1: float
    beta2: float
    resistance: float = 2 * 0.0677
    inertance: float = 2 * 0.0127
    suction_slope: float = 3.5
    suction_threshold_mmhg: float = 1.0


SIMAAN_2009 = PumpCoefficients("simaan-2009", beta0=-0.17070, beta1=-0.02177, beta2=9.9025e-7)
"""Simaan et al. 2009, Table IV; the default."""

CHOI_1997 = PumpCoefficients("choi-1997", beta0=-0.296, beta1=-0.027, beta2=9.9025e-7)
"""Choi et al. 1997, which the code of Med-Real2Sim uses, with β₂ of Table IV."""

PUMPS = {pump.name: pump for pump in (SIMAAN_2009, CHOI_1997)}
"""The published sets by name."""


class Pump(NamedTuple):
    """A pump inside compiled code.

    Attributes:
        resistance: R* without suction.
        inertance: L*.
        beta2: β₂.
        suction_slope: of Rk.
        suction_threshold: of Rk.
        speed: ω at the start of the beat, rpm.
        acceleration: dω/dt, rpm/s.
    """

    resistance: Any
    inertance: Any
    beta2: Any
    suction_slope: Any
    suction_threshold: Any
    speed: Any
    acceleration: Any


@dataclass(frozen=True)
class Lvad:
    """A left ventricular assist device running at a speed.

    Attributes:
        speed_rpm: speed of rotation; a number or an array that broadcasts with the patients.
        coefficients: the pump; a name of `PUMPS` or an own set.

    Raises:
        InputError: a speed that is negative, not finite, or given in krpm or rad/s.

    >>> Lvad(9000.0).coefficients.name
    'simaan-2009'
    """

    speed_rpm: Any
    coefficients: PumpCoefficients = SIMAAN_2009

    def __post_init__(self):
        speed = np.asarray(self.speed_rpm, float)
        if not np.isfinite(speed).all() or (speed < 0).any():
            bad = speed[~(np.isfinite(speed) & (speed >= 0))].flat[0]
            raise InputError("speed_rpm", found=f"{bad:g}", expected="finite numbers ≥ 0 in rpm")
        if ((speed > 0) & (speed < 100)).any() or (speed > 100_000).any():
            bad = speed[((speed > 0) & (speed < 100)) | (speed > 100_000)].flat[0]
            raise InputError(
                "speed_rpm",
                found=f"{bad:g}",
                expected="0, or 100 to 100000 rpm",
                advice="Thousands of rpm (9 for 9000) and rad/s must be converted first.",
            )
        object.__setattr__(self, "speed_rpm", speed)
        _check_coefficients(self.coefficients)

    @property
    def shut_off_head_mmhg(self) -> Any:
        """Head β₂ ω² at no flow."""
        return self.coefficients.beta2 * self.speed_rpm**2

    def pump(self) -> Pump:
        """Return what compiled code needs, all of one flat shape (n_patients,)."""
        own, speed = self.coefficients, np.ravel(self.speed_rpm).astype(float)

        def same(value: float) -> Any:
            return np.full(speed.shape, value)

        return Pump(
            resistance=same(own.resistance - own.beta0),
            inertance=same(own.inertance - own.beta1),
            beta2=same(own.beta2),
            suction_slope=same(own.suction_slope),
            suction_threshold=same(own.suction_threshold_mmhg),
            speed=speed,
            acceleration=same(0.0),
        )


def _check_coefficients(own: PumpCoefficients) -> None:
    if own.resistance - own.beta0 <= 0 or own.inertance - own.beta1 <= 0:
        raise InputError(
            "coefficients",
            found=f"R* = {own.resistance - own.beta0:g}, L* = {own.inertance - own.beta1:g}",
            expected="both positive: R* = Ri + Ro − β₀, L* = Li + Lo − β₁",
            advice="β₀ and β₁ of a head rise are negative; turn their signs.",
        )
    check_number(own.beta2, "coefficients.beta2", at_least=0)
    check_number(own.suction_slope, "coefficients.suction_slope", at_least=0)
