"""What a solution is penalized for over time, as a weight of every temporal frequency.

Both penalties see the beat mirrored beyond its ends, so that the orthonormal cosine transform
diagonalizes them and time becomes independent frequencies ω_k = πk/n (radians a sample).
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from scipy import fft

from .._checks import check_count
from .._types import Vector


@runtime_checkable
class TemporalPenalty(Protocol):
    """A quadratic penalty on how potentials change over time."""

    @property
    def order(self) -> int:
        """Power p with θ → ω^2p for slow changes."""
        ...

    def spectrum(self, n_times: int) -> Vector:
        """Return (n_times,) θ_k ≥ 0, normalized to θ → ω^2p for slow changes."""
        ...


@dataclass(frozen=True)
class TemporalDifference:
    """Differences of neighbouring instants: θ = (2 − 2 cos ω)^p.

    Order 1 penalizes Σ‖u_{t+1} − u_t‖². Order 2 penalizes the second difference: it leaves slopes
    alone and cuts off more sharply, so that it blurs the upstroke less at equal noise.

    Args:
        order: p, a whole number from 1.

    Raises:
        InputError: another order.

    >>> TemporalDifference(order=1).spectrum(2)
    array([0., 2.])
    """

    order: int = 2

    def __post_init__(self):
        check_count(self.order, "order")

    def spectrum(self, n_times: int) -> Vector:
        """Return (n_times,) θ."""
        return (2 - 2 * np.cos(np.pi * np.arange(n_times) / n_times)) ** self.order


@dataclass(frozen=True)
class TemporalWindow:
    """Differences of all instants within a window, as Yao and Yang penalize them.

    Σ_t Σ_{|τ−t|≤w} ‖u_t − u_τ‖² has θ = Σ_{j≤w} (2 − 2 cos jω), divided here by Σ_{j≤w} j² so that
    θ → ω² and windows of different widths can be compared at one time constant. A window of one
    instant is `TemporalDifference` of order 1; wider ones punish fast changes less.

    Args:
        half_width: w, instants before and after.

    Raises:
        InputError: a half width under 1.

    Source: Yao and Yang, Sci Rep 2016;6:39012.

    >>> TemporalWindow(half_width=1).spectrum(2)
    array([0., 2.])
    """

    half_width: int = 2

    def __post_init__(self):
        check_count(self.half_width, "half_width")

    @property
    def order(self) -> int:
        """Power p = 1: a window penalizes the first derivative of slow changes."""
        return 1

    def spectrum(self, n_times: int) -> Vector:
        """Return (n_times,) θ."""
        lags = np.arange(1, self.half_width + 1)
        angles = np.pi * np.arange(n_times) / n_times
        return (2 - 2 * np.cos(angles[:, None] * lags)).sum(axis=1) / (lags**2).sum()


def to_frequencies(
    series: Float[np.ndarray, "n_rows n_times"],
) -> Float[np.ndarray, "n_rows n_times"]:
    """Return the orthonormal cosine transform of each row; sums of squares stay."""
    return np.asarray(fft.dct(series, norm="ortho", axis=1))


def to_instants(
    parts: Float[np.ndarray, "n_rows n_times"],
) -> Float[np.ndarray, "n_rows n_times"]:
    """Undo `to_frequencies`."""
    return np.asarray(fft.idct(parts, norm="ortho", axis=1))
