"""How the speed of a patient's pump is set: fixed, a fraction of suction, or the best."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Shaped

from .._checks import check_choice, check_count, check_number
from .._errors import InputError
from ..circulation import Circulation, Lvad, PumpCoefficients
from ._between import INDEX_NAMES, Between, label_of
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
        return _without(speed, found, error)

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


@dataclass(frozen=True)
class Largest:
    """The goal of the largest value of an index.

    Attributes:
        index: a field of `Indices`.

    Raises:
        InputError: no such index.

    >>> Largest("co_l_min").text
    'largest cardiac output'
    """

    index: str

    def __post_init__(self):
        check_choice(self.index, "index", INDEX_NAMES)

    @property
    def text(self) -> str:
        """The goal in words."""
        return f"largest {label_of(self.index)}"

    def loss(self, values: Any) -> Any:
        """Return what is to be small."""
        return -values


@dataclass(frozen=True)
class Smallest:
    """The goal of the smallest value of an index.

    Attributes:
        index: a field of `Indices`.

    Raises:
        InputError: no such index.

    >>> Smallest("mean_atrial_mmhg").text
    'smallest mean left atrial pressure'
    """

    index: str

    def __post_init__(self):
        check_choice(self.index, "index", INDEX_NAMES)

    @property
    def text(self) -> str:
        """The goal in words."""
        return f"smallest {label_of(self.index)}"

    def loss(self, values: Any) -> Any:
        """Return what is to be small."""
        return values


NO_SUCTION = Between("lv_min_mmhg", at_least=1.0)
"""The ventricle is never drawn empty: the inlet collapses below 1 mmHg."""

DEFAULT_SPEEDS = tuple(float(speed) for speed in range(6000, 18001, 1000))


@dataclass(frozen=True)
class OptimizedSpeed:
    """For each patient the best of all speeds that keep every constraint.

    A grid of speeds, then finer grids around the best, each three times as fine; so that no point
    of the grid that keeps the constraints is better than the answer.

    Attributes:
        goal: `Largest` or `Smallest` of an index.
        constraints: bounds that the beat must keep; no suction by default.
        speeds: grid, rpm, increasing.
        refinements: finer grids; three leave a 27th of the grid's step.

    Raises:
        InputError: no constraint or goal of these kinds, fewer than two speeds, or not increasing.

    >>> OptimizedSpeed(Largest("co_l_min")).constraints[0].text
    'lowest LV pressure ≥ 1'
    """

    goal: Largest | Smallest
    constraints: tuple[Between, ...] = (NO_SUCTION,)
    speeds: tuple[float, ...] = DEFAULT_SPEEDS
    refinements: int = 3

    def __post_init__(self):
        object.__setattr__(self, "constraints", tuple(self.constraints))
        speeds = tuple(float(FixedSpeed(float(speed)).speed_rpm) for speed in self.speeds)
        object.__setattr__(self, "speeds", speeds)
        if len(speeds) < 2 or (np.diff(speeds) <= 0).any():
            raise InputError(
                "speeds", found=f"{list(speeds)}", expected="at least two, increasing, in rpm"
            )
        check_count(self.refinements, "refinements", at_least=0)

    def support(
        self, circulation: Circulation, coefficients: PumpCoefficients, solve: Solve
    ) -> Support:
        """Return everybody at the own best speed."""
        best = _Best(self, circulation, coefficients, solve)
        for speed in self.speeds:
            best.try_speed(np.full(circulation.shape, speed))
        step = float(np.max(np.diff(self.speeds)))
        for _ in range(self.refinements):
            centre = best.speed.copy()
            step /= 3
            for shift in (-2, -1, 1, 2):
                speed = np.clip(centre + shift * step, self.speeds[0], self.speeds[-1])
                best.try_speed(np.where(np.isfinite(speed), speed, self.speeds[0]))
        return _without(best.speed, Steady(best.indices, best.error), best.missed())


class _Best:
    """The best speed so far of every patient."""

    def __init__(
        self, rule: OptimizedSpeed, circulation: Circulation, coefficients: Any, solve: Any
    ):
        self.rule, self.circulation = rule, circulation
        self.coefficients, self.solve = coefficients, solve
        shape = circulation.shape
        self.speed, self.loss = np.full(shape, np.nan), np.full(shape, np.inf)
        self.error = np.full(shape, "", dtype="<U300")
        self.indices = {name: np.full(shape, np.nan) for name in INDEX_NAMES}
        self.kept = {own.text: np.zeros(shape, bool) for own in rule.constraints}
        self.beats = np.zeros(shape, bool)

    def try_speed(self, speed: Float[np.ndarray, " n"]) -> None:
        """Take the speed where it is better."""
        found = self.solve(self.circulation, Lvad(speed, self.coefficients))
        allowed = found.error == ""
        self.beats |= allowed
        for own in self.rule.constraints:
            met = own.met(found.indices)
            self.kept[own.text] |= met
            allowed &= met
        loss = self.rule.goal.loss(found.indices[self.rule.goal.index])
        better = allowed & (loss < self.loss)
        self.loss = np.where(better, loss, self.loss)
        self.speed = np.where(better, speed, self.speed)
        for name, values in found.indices.items():
            self.indices[name] = np.where(better, values, self.indices[name])

    def missed(self) -> Shaped[np.ndarray, " n"]:
        """Return why patients have no speed: a constraint that none keeps, where there is one."""
        low, high = self.rule.speeds[0], self.rule.speeds[-1]
        reason = np.full(self.speed.shape, "the constraints, which exclude each other")
        for text, kept in self.kept.items():
            reason = np.where(kept, reason, text)
        reason = np.where(self.beats, reason, "having a periodic beat")
        told = [f"Infeasible: no speed of {low:g} to {high:g} rpm keeps {own}" for own in reason]
        return np.where(np.isfinite(self.speed), "", np.array(told, dtype=np.str_))


def _without(speed: Any, found: Steady, error: Any) -> Support:
    """Return the support of those without an error, nothing of the others."""
    error = np.where(error == "", found.error, error)
    good = error == ""
    indices = {name: np.where(good, own, np.nan) for name, own in found.indices.items()}
    return Support(np.where(good, speed, np.nan), Steady(indices, error))
