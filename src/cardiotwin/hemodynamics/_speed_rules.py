"""How the speed of a patient's pump is set: the same for all, or a fraction of suction."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Shaped

from .._checks import check_count, check_number
from ..circulation import Circulation, Lvad, PumpCoefficients
from ._steady_batch import Solve, Steady


class Support(NamedTuple):
    """Patients under their pumps.

    Attributes:
        speed_rpm: (n,) the speed of each; NaN where the rule finds none.
        steady: their beats at this speed, and why there is none.
    """

    speed_rpm: Float[np.ndarray, " n"]
    steady: Steady


@runtime_checkable
class SpeedRule(Protocol):
    """What a speed rule must know: the speed of every patient, and the beat at it.

    A rule is sent to other processes: a frozen dataclass of plain numbers does.
    """

    def support(
        self, circulation: Circulation, coefficients: PumpCoefficients, solve: Solve
    ) -> Support:
        """Return patients at their speeds.

        Args:
            circulation: batch (n,).
            coefficients: of the pump.
            solve: finds steady beats.
        """
        ...


@dataclass(frozen=True)
class FixedSpeed:
    """The same speed for everybody.

    Attributes:
        speed_rpm: of the pump.

    Raises:
        InputError: a speed that `Lvad` refuses.

    >>> FixedSpeed(9000.0)
    FixedSpeed(speed_rpm=9000.0)
    """

    speed_rpm: float

    def __post_init__(self):
        check_number(self.speed_rpm, "speed_rpm", above=0)
        Lvad(self.speed_rpm)

    def support(
        self, circulation: Circulation, coefficients: PumpCoefficients, solve: Solve
    ) -> Support:
        """Return everybody at the speed."""
        speed = np.full(circulation.shape, float(self.speed_rpm))
        return Support(speed, solve(circulation, Lvad(speed, coefficients)))


N_HALVES = 5
"""Steps of the search for suction that halve, before lines are drawn."""


@dataclass(frozen=True)
class SuctionFraction:
    """A fraction of the speed at which suction begins, ω = ω_suction / γ.

    ω_suction is where the lowest ventricular pressure of the steady beat falls to the pressure
    below which the inlet collapses (1 mmHg). Slow ramps find the same speed as the one at which
    the smallest pump flow of a beat stops rising; the pressure falls steadily with the speed,
    while that flow rises again far beyond suction, so that the pressure can be searched (Illinois
    method, all patients at once).

    Attributes:
        gamma: γ > 1; Med-Real2Sim uses 1.4.
        lowest_rpm: where the search begins.
        highest_rpm: where it ends; a patient without suction there has no speed.
        searches: steps of the search; 12 leave some rpm.

    Raises:
        InputError: γ ≤ 1, or speeds that are no interval.

    Simaan et al. 2009, Sec. V (ramp to suction); Med-Real2Sim (γ).

    >>> SuctionFraction(1.4).gamma
    1.4
    """

    gamma: float = 1.4
    lowest_rpm: float = 4000.0
    highest_rpm: float = 26000.0
    searches: int = 12

    def __post_init__(self):
        check_number(self.gamma, "gamma", above=1, at_most=10)
        check_number(self.lowest_rpm, "lowest_rpm", at_least=100)
        check_number(self.highest_rpm, "highest_rpm", above=self.lowest_rpm, at_most=100_000)
        check_count(self.searches, "searches", at_least=2)

    def support(
        self, circulation: Circulation, coefficients: PumpCoefficients, solve: Solve
    ) -> Support:
        """Return everybody at the fraction of the own suction speed."""
        suction, error = self.suction_speed(circulation, coefficients, solve)
        # Who has no suction speed is computed at some speed, and then told to have none.
        speed = np.where(error == "", suction, self.lowest_rpm * self.gamma) / self.gamma
        found = solve(circulation, Lvad(speed, coefficients))
        return without(speed, found, error)

    def suction_speed(
        self, circulation: Circulation, coefficients: PumpCoefficients, solve: Solve
    ) -> tuple[Float[np.ndarray, " n"], Shaped[np.ndarray, " n"]]:
        """Return ω_suction and why there is none."""

        def excess(speed: Any) -> Any:
            found = solve(circulation, Lvad(speed, coefficients))
            lowest = found.indices["lv_min_mmhg"] - coefficients.suction_threshold_mmhg
            # Without a periodic beat: only beyond suction does that happen.
            return np.where(found.error == "", lowest, -1.0)

        low, high = (np.full(circulation.shape, x) for x in (self.lowest_rpm, self.highest_rpm))
        above, below = excess(low), excess(high)
        error = np.where(
            above <= 0,
            f"Infeasible: suction at {self.lowest_rpm:g} rpm already",
            np.where(below > 0, f"Infeasible: no suction up to {self.highest_rpm:g} rpm", ""),
        )
        weight_low, weight_high, side = above.copy(), below.copy(), np.zeros(low.shape)
        for step in range(self.searches):
            # The pressure has a kink at suction, which leads lines astray until it is near.
            line = (low * weight_high - high * weight_low) / (weight_high - weight_low - 1e-300)
            inside = (line > low) & (line < high) & (step >= N_HALVES)
            middle = np.where(inside, line, 0.5 * (low + high))
            value = excess(middle)
            up = value > 0
            weight_high = np.where(up & (side > 0), 0.5 * weight_high, weight_high)
            weight_low = np.where(~up & (side < 0), 0.5 * weight_low, weight_low)
            low, weight_low = np.where(up, middle, low), np.where(up, value, weight_low)
            high, weight_high = np.where(up, high, middle), np.where(up, weight_high, value)
            side = np.where(up, 1, -1)
        return np.where(error == "", low, np.nan), error


def without(speed: Any, found: Steady, error: Any) -> Support:
    """Return the support of those without an error, nothing of the others."""
    error = np.where(error == "", found.error, error)
    good = error == ""
    indices = {name: np.where(good, own, np.nan) for name, own in found.indices.items()}
    return Support(np.where(good, speed, np.nan), Steady(indices, error))
