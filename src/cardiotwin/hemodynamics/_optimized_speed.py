"""The best speed of every patient's pump, for a goal and under constraints."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from .._checks import check_choice, check_count
from .._errors import InputError
from ..circulation import INDEX_NAMES, Circulation, Lvad, PumpCoefficients
from ._between import Between, label_of
from ._speed_rules import FixedSpeed, Support, without
from ._steady_batch import Solve, Steady


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
        return without(best.speed, Steady(best.indices, best.error), best.missed())


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
