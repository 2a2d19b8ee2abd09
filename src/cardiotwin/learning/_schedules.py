"""Learning rates that change over the training, as frozen settings on top of optax."""

from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import optax

from .._checks import check_count, check_number
from .._errors import InputError


@runtime_checkable
class Schedule(Protocol):
    """A frozen, hashable rule for the learning rate."""

    def over(self, steps: int) -> "Schedule":
        """Return the rule with its length settled for a training of so many steps."""
        ...

    def rate(self, step: Any) -> Any:
        """Return the learning rate of a step (0-based; may be traced)."""
        ...


@dataclass(frozen=True)
class Constant:
    """Keep one learning rate.

    >>> Constant(1e-3).rate(10)
    0.001
    """

    value: float

    def __post_init__(self):
        check_number(self.value, "value", above=0)

    def over(self, steps: int) -> "Constant":
        """Return itself."""
        return self

    def rate(self, step: Any) -> Any:
        """Return the constant."""
        return optax.constant_schedule(self.value)(step)


@dataclass(frozen=True)
class CosineDecay:
    """Rise linearly from 0 to ``peak``, then fall along half a cosine to a fraction of it.

    Args:
        peak: the largest rate.
        warmup_steps: steps of the rise; where the length is that of the training, at most a
            quarter of it.
        final_fraction: last rate over peak.
        steps: length of rise and fall together; None for the length of the training.

    Raises:
        InputError: a setting out of range, or a rise longer than the whole.

    >>> schedule = CosineDecay(1e-2, warmup_steps=10).over(100)
    >>> [round(float(schedule.rate(step)), 4) for step in (0, 10, 55, 100)]
    [0.0, 0.01, 0.005, 0.0]
    """

    peak: float
    warmup_steps: int = 0
    final_fraction: float = 0.0
    steps: int | None = None

    def __post_init__(self):
        check_number(self.peak, "peak", above=0)
        check_count(self.warmup_steps, "warmup_steps", at_least=0)
        check_number(self.final_fraction, "final_fraction", at_least=0, at_most=1)
        if self.steps is not None and check_count(self.steps, "steps") <= self.warmup_steps:
            raise InputError(
                "warmup_steps",
                found=f"{self.warmup_steps} of {self.steps} steps",
                expected="a rise shorter than the training",
            )

    def over(self, steps: int) -> "CosineDecay":
        """Return the rule with ``steps`` filled in where it was None, and a rise that fits in."""
        if self.steps is not None:
            return self
        return replace(self, steps=steps, warmup_steps=min(self.warmup_steps, steps // 4))

    def rate(self, step: Any) -> Any:
        """Return the rate of a step."""
        if self.steps is None:
            raise InputError("steps", found="None", expected="a length", advice="Call over(steps).")
        return optax.warmup_cosine_decay_schedule(
            init_value=0.0 if self.warmup_steps else self.peak,
            peak_value=self.peak,
            warmup_steps=self.warmup_steps,
            decay_steps=self.steps,
            end_value=self.peak * self.final_fraction,
        )(step)


@dataclass(frozen=True)
class ExponentialDecay:
    """Halve the learning rate every ``half_life_steps``: rate = start · 2^(−step / half life).

    >>> round(float(ExponentialDecay(1e-2, half_life_steps=100).rate(100)), 6)
    0.005
    """

    start: float
    half_life_steps: int

    def __post_init__(self):
        check_number(self.start, "start", above=0)
        check_count(self.half_life_steps, "half_life_steps")

    def over(self, steps: int) -> "ExponentialDecay":
        """Return itself: its length is its own."""
        return self

    def rate(self, step: Any) -> Any:
        """Return the rate of a step."""
        return optax.exponential_decay(self.start, self.half_life_steps, 0.5)(step)


def as_schedule(value: Any, where: str = "learning_rate") -> Schedule:
    """Return a schedule; a number is a constant one.

    Raises:
        InputError: neither a positive number nor a schedule.
    """
    if isinstance(value, Schedule):
        return value
    return Constant(check_number(value, where, above=0))
