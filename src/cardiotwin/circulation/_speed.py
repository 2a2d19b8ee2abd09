"""How the speed of a pump changes from beat to beat."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp

from .._checks import check_number

N_MINIMA = 3
"""Beats whose smallest pump flows a controller remembers."""


class PumpHistory(NamedTuple):
    """What a controller knows at the start of a beat.

    Attributes:
        minima: (3, …) smallest pump flow of the last beats, the newest last, mL/s.
        times: (3, …) when they were, s.
        count: number of beats so far.
        speed: (…) present speed, rpm.
    """

    minima: Any
    times: Any
    count: Any
    speed: Any


@runtime_checkable
class SpeedPolicy(Protocol):
    """What a speed policy must know: how fast the speed changes during the coming beat."""

    def acceleration(self, history: PumpHistory) -> Any:
        """Return dω/dt in rpm/s, of the shape of the patients."""
        ...


@dataclass(frozen=True)
class ConstantSpeed:
    """The speed stays as it is."""

    def acceleration(self, history: PumpHistory) -> Any:
        """Return zero."""
        return jnp.zeros_like(history.speed)


@dataclass(frozen=True)
class SpeedRamp:
    """The speed rises at a constant rate.

    Attributes:
        rate_rpm_s: rpm per second; Simaan et al. 2009 use 100.

    Raises:
        InputError: a rate that is not finite.
    """

    rate_rpm_s: float = 100.0

    def __post_init__(self):
        check_number(self.rate_rpm_s, "rate_rpm_s")

    def acceleration(self, history: PumpHistory) -> Any:
        """Return the rate."""
        return jnp.full_like(history.speed, self.rate_rpm_s)


@dataclass(frozen=True)
class SuctionAvoidingSpeed:
    """The speed follows the slope of the smallest pump flow of each beat, up to where it falls.

    Every 5 ms Simaan's controller adds c times the slope of the line through the last three
    minima of the pump's flow. The slope changes once a beat, so that the speed rises or falls at
    c · slope / 5 ms during a beat. Before suction more speed means more flow, at its onset less.

    Attributes:
        gain: c, rpm per mL/s².
        update_s: time between two updates.
        first_rate_rpm_s: rate until three minima are known.
        largest_rate_rpm_s: bound of the rate; ours: without it a gain of 0.76 runs away, because
            before suction the slope it sees is the slope it makes.

    Raises:
        InputError: a number that is not positive.

    Simaan et al. 2009, Sec. V.
    """

    gain: float = 0.76
    update_s: float = 0.005
    first_rate_rpm_s: float = 100.0
    largest_rate_rpm_s: float = 100.0

    def __post_init__(self):
        for name in ("gain", "update_s", "first_rate_rpm_s", "largest_rate_rpm_s"):
            check_number(getattr(self, name), name, above=0)

    def acceleration(self, history: PumpHistory) -> Any:
        """Return the bounded rate."""
        times = history.times - jnp.mean(history.times, 0)
        slope = jnp.sum(times * history.minima, 0) / jnp.maximum(jnp.sum(times**2, 0), 1e-9)
        rate = self.gain * slope / self.update_s
        bounded = jnp.clip(rate, -self.largest_rate_rpm_s, self.largest_rate_rpm_s)
        return jnp.where(history.count < N_MINIMA, self.first_rate_rpm_s, bounded)
