"""When each node is activated and when it recovers, from its own potential alone."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from .._checks import check_array, check_number
from .._errors import InputError
from .._types import ArrayLike, Potentials


@runtime_checkable
class ActivationMethod(Protocol):
    """What every estimator of activation times offers."""

    def estimate(
        self, potentials: Potentials, times: Float[np.ndarray, " n_times"]
    ) -> Float[np.ndarray, " n_nodes"]:
        """Return one time a node, NaN where there is none."""
        ...


@runtime_checkable
class Deflection(ActivationMethod, Protocol):
    """An estimator that looks for the largest value of some deflection signal."""

    def score(
        self, potentials: Potentials, times: Float[np.ndarray, " n_times"]
    ) -> Float[np.ndarray, "n_nodes n_times"]:
        """Return the signal whose maximum marks the activation."""
        ...


def _check_deflection(method: Any) -> None:
    check_number(method.minimum_slope, "minimum_slope", at_least=0)
    check_number(method.smoothing, "smoothing", at_least=0)


@dataclass(frozen=True)
class SteepestUpstroke:
    """Activation where the potential rises fastest: for transmembrane potentials.

    T_i = argmax_t dV_i/dt, by central differences and the parabola through the largest slope
    and its two neighbors, which gives times between the samples.

    Args:
        minimum_slope: nodes that never rise faster than this have no activation time (NaN).
        smoothing: standard deviation of a Gaussian that smooths the slope in time, in the unit
            of the times; 0 for none.

    >>> t = np.arange(0.0, 10.0, 0.5)
    >>> times = SteepestUpstroke().estimate(np.tanh(t - 4.2)[None], t)
    >>> bool(abs(times[0] - 4.2) < 0.02)
    True
    """

    minimum_slope: float = 0.0
    smoothing: float = 0.0

    def __post_init__(self):
        _check_deflection(self)

    def score(
        self, potentials: Potentials, times: Float[np.ndarray, " n_times"]
    ) -> Float[np.ndarray, "n_nodes n_times"]:
        """Return dV/dt."""
        return time_derivative(potentials, times, self.smoothing)

    def estimate(
        self, potentials: Potentials, times: Float[np.ndarray, " n_times"]
    ) -> Float[np.ndarray, " n_nodes"]:
        """Return the instant of the steepest rise at every node."""
        return peak_times(self.score(potentials, times), times, self.minimum_slope)


@dataclass(frozen=True)
class SteepestDownstroke:
    """Activation where the potential falls fastest: for epicardial electrograms (−dV/dt).

    T_i = argmax_t −dV_i/dt. For transmembrane potentials the same instant is the recovery.

    Args:
        minimum_slope: nodes that never fall faster than this have no time (NaN).
        smoothing: standard deviation of a Gaussian that smooths the slope in time, in the unit
            of the times; 0 for none.

    >>> t = np.arange(0.0, 10.0, 0.5)
    >>> times = SteepestDownstroke().estimate(-np.tanh(t - 4.2)[None], t)
    >>> bool(abs(times[0] - 4.2) < 0.02)
    True
    """

    minimum_slope: float = 0.0
    smoothing: float = 0.0

    def __post_init__(self):
        _check_deflection(self)

    def score(
        self, potentials: Potentials, times: Float[np.ndarray, " n_times"]
    ) -> Float[np.ndarray, "n_nodes n_times"]:
        """Return −dV/dt."""
        return -time_derivative(potentials, times, self.smoothing)

    def estimate(
        self, potentials: Potentials, times: Float[np.ndarray, " n_times"]
    ) -> Float[np.ndarray, " n_nodes"]:
        """Return the instant of the steepest fall at every node."""
        return peak_times(self.score(potentials, times), times, self.minimum_slope)


@dataclass(frozen=True)
class Threshold:
    """Activation where the potential first rises through a level, by linear interpolation.

    A node that starts above the level is active at the first instant; one that never reaches it
    has no time (NaN).

    Args:
        level: the level, in the unit of the potentials.

    >>> Threshold(0.5).estimate(np.array([[0.0, 0.4, 0.8]]), np.array([0.0, 1.0, 2.0]))
    array([1.25])
    """

    level: float = 0.5

    def __post_init__(self):
        check_number(self.level, "level")

    def estimate(
        self, potentials: Potentials, times: Float[np.ndarray, " n_times"]
    ) -> Float[np.ndarray, " n_nodes"]:
        """Return the instant of the first crossing at every node."""
        above = potentials >= self.level
        after = np.argmax(above, axis=1)
        before = np.maximum(after - 1, 0)
        node = np.arange(len(potentials))
        low, high = potentials[node, before], potentials[node, after]
        rise = np.where(after > before, high - low, 1.0)
        part = np.where(after > before, (self.level - low) / rise, 0.0)
        found = times[before] + part * (times[after] - times[before])
        return np.where(above.any(axis=1), found, np.nan)


_UPSTROKE = SteepestUpstroke()
_DOWNSTROKE = SteepestDownstroke()


def activation_times(
    potentials: ArrayLike, times: ArrayLike, *, method: ActivationMethod = _UPSTROKE
) -> Float[np.ndarray, " n_nodes"]:
    """Estimate when each node is activated.

    Choose by what the potentials are and how clean: transmembrane potentials rise
    (`SteepestUpstroke`), epicardial electrograms fall (`SteepestDownstroke`); noisy or
    reconstructed ones need their neighbors (`SpatioTemporal`). Nodes that are excited already
    at the first instant have no upstroke: `Threshold` gives them that instant.

    Args:
        potentials: (n_nodes, n_times).
        times: (n_times,) increasing instants, in any unit.
        method: the estimator.

    Returns:
        (n_nodes,) activation times in the unit of ``times``; NaN where there is none.

    Raises:
        InputError: shapes that do not fit, values that are not finite, instants that do not
            increase, fewer than three of them.

    >>> t = np.linspace(0, 6, 61)
    >>> wave = np.tanh(t - np.array([[2.0], [3.0]]))
    >>> activation_times(wave, t).round(3)
    array([2., 3.])
    """
    values, instants = check_series(potentials, times)
    return method.estimate(values, instants)


def recovery_times(
    potentials: ArrayLike,
    times: ArrayLike,
    activation: ArrayLike,
    *,
    method: Deflection = _DOWNSTROKE,
    minimum_interval: float = 0.0,
) -> Float[np.ndarray, " n_nodes"]:
    """Estimate when each node recovers: its steepest repolarization after activation.

    Transmembrane potentials fall (`SteepestDownstroke`); in electrograms the T wave's steepest
    rise marks the recovery (`SteepestUpstroke`; Wyatt's method).

    Args:
        potentials: (n_nodes, n_times).
        times: (n_times,) increasing instants.
        activation: (n_nodes,) activation times in the same unit; NaN where there is none.
        method: the deflection to look for.
        minimum_interval: shortest time from activation to recovery.

    Returns:
        (n_nodes,) recovery times; NaN where the node was not activated or had not yet recovered
        (the deflection is largest at an end of the record).

    Raises:
        InputError: as `activation_times`.

    >>> t = np.linspace(0, 40, 401)
    >>> pulse = 0.5 * (np.tanh(t - 5) - np.tanh((t - 30) / 2))[None]
    >>> recovery_times(pulse, t, activation_times(pulse, t)).round(3)
    array([30.])
    """
    values, instants = check_series(potentials, times)
    started = check_array(activation, "activation", shape=(len(values),), finite=False)
    wait = check_number(minimum_interval, "minimum_interval", at_least=0)
    score = method.score(values, instants)
    # Comparisons with NaN are false: nodes without activation are masked throughout.
    open_window = instants >= started[:, None] + wait
    masked = np.where(open_window, score, -np.inf)
    best = np.argmax(masked, axis=1)
    first = np.argmax(open_window, axis=1)
    inside = open_window.any(axis=1) & (best > first) & (best < len(instants) - 1)
    return np.where(inside, peak_times(masked, instants), np.nan)


def activation_recovery_interval(
    activation: ArrayLike, recovery: ArrayLike
) -> Float[np.ndarray, " n_nodes"]:
    """Return the activation–recovery interval, a surrogate of the action potential's duration.

    Args:
        activation: (n_nodes,) activation times.
        recovery: (n_nodes,) recovery times in the same unit.

    Returns:
        (n_nodes,) recovery − activation; NaN where either is missing.

    Raises:
        InputError: lengths that differ.

    >>> activation_recovery_interval([1.0, 2.0], [26.0, np.nan])
    array([25., nan])
    """
    started = check_array(activation, "activation", shape=("n_nodes",), finite=False)
    ended = check_array(recovery, "recovery", shape=(len(started),), finite=False)
    return ended - started


def check_series(
    potentials: ArrayLike, times: ArrayLike
) -> tuple[Potentials, Float[np.ndarray, " n_times"]]:
    instants = check_array(times, "times", shape=("n_times",))
    if len(instants) < 3 or not (np.diff(instants) > 0).all():
        raise InputError(
            "times",
            found=f"{len(instants)} instants" + ("" if len(instants) < 3 else " out of order"),
            expected="at least three increasing instants",
        )
    return check_array(potentials, "potentials", shape=("n_nodes", len(instants))), instants


def time_derivative(
    potentials: Potentials, times: Float[np.ndarray, " n_times"], smoothing: float = 0.0
) -> Float[np.ndarray, "n_nodes n_times"]:
    slope = np.gradient(potentials, times, axis=1)
    if smoothing > 0:
        width = smoothing / float(np.median(np.diff(times)))
        slope = gaussian_filter1d(slope, width, axis=1, mode="nearest")
    return slope


def peak_times(
    score: Float[np.ndarray, "n_nodes n_times"],
    times: Float[np.ndarray, " n_times"],
    minimum: float = -np.inf,
) -> Float[np.ndarray, " n_nodes"]:
    """Return where each row peaks, between samples; NaN where it stays at or below a minimum."""
    peak = np.argmax(score, axis=1)
    node = np.arange(len(score))
    middle = np.clip(peak, 1, len(times) - 2)
    before, here, after = (score[node, middle + step] for step in (-1, 0, 1))
    left, right = times[middle] - times[middle - 1], times[middle + 1] - times[middle]
    inside = (peak == middle) & np.isfinite(before) & np.isfinite(after)
    with np.errstate(invalid="ignore"):
        fall, climb = (here - after) / right, (here - before) / left
        both = fall + climb
        # Vertex of the parabola through three points at distances left and right.
        shift = 0.5 * (climb * right - fall * left) / np.where(both > 0, both, 1.0)
    found = times[peak] + np.where(inside & (both > 0), shift, 0.0)
    return np.where(score[node, peak] > minimum, found, np.nan)
