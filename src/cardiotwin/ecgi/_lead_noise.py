"""Noise of the leads: white, or correlated in space and time."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from scipy import linalg, signal

from .._checks import check_number
from .._errors import InputError
from ..geometry import Surface
from ._simulated_case import unit_noise


@runtime_checkable
class Noise(Protocol):
    """Noise of standard deviation 1 on every torso node."""

    def draw(
        self, torso: Surface, times_ms: Float[np.ndarray, " n_times"], seed: int
    ) -> Float[np.ndarray, "n_torso n_times"]:
        """Return one sample, the same for the same seed."""
        ...


@dataclass(frozen=True)
class WhiteNoise:
    """Gaussian noise, independent in every lead and at every instant."""

    def draw(
        self, torso: Surface, times_ms: Float[np.ndarray, " n_times"], seed: int
    ) -> Float[np.ndarray, "n_torso n_times"]:
        """Return one sample of variance 1."""
        return unit_noise((torso.n_nodes, len(times_ms)), seed)


@dataclass(frozen=True)
class CorrelatedNoise:
    """Gaussian noise of variance 1 with correlation exp(−d/ℓ) exp(−|t − t'|/T).

    d is the straight distance between two torso nodes. Breathing, muscles and drift look more
    like this than like white noise; least squares that weighs all leads alike is then no longer
    the best that can be done, and rules that count independent data are misled.

    Args:
        length_mm: ℓ.
        time_ms: T.

    Raises:
        InputError: not positive, or instants that are not evenly spaced.

    >>> from cardiotwin.geometry import zoo
    >>> noise = CorrelatedNoise().draw(zoo.sphere(42, 150.0), np.arange(500.0), seed=1)
    >>> bool(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1] > 0.9)
    True
    """

    length_mm: float = 80.0
    time_ms: float = 20.0

    def __post_init__(self):
        check_number(self.length_mm, "length_mm", above=0)
        check_number(self.time_ms, "time_ms", above=0)

    def draw(
        self, torso: Surface, times_ms: Float[np.ndarray, " n_times"], seed: int
    ) -> Float[np.ndarray, "n_torso n_times"]:
        """Return one sample: stationary from the first instant on."""
        white = unit_noise((torso.n_nodes, len(times_ms)), seed)
        steps = np.diff(times_ms)
        if len(steps) and not np.allclose(steps, steps[0], rtol=1e-6):
            raise InputError("times_ms", found="uneven steps", expected="evenly spaced instants")
        keep = float(np.exp(-steps[0] / self.time_ms)) if len(steps) else 0.0
        # x_t = keep x_{t−1} + sqrt(1 − keep²) w_t keeps the variance of its start.
        white[:, 1:] *= np.sqrt(1 - keep**2)
        in_time = signal.lfilter([1.0], [1.0, -keep], white, axis=1)
        points = torso.vertices_mm
        apart = np.linalg.norm(points[:, None] - points[None], axis=2)
        # exp(−d/ℓ) is positive definite for points in space, whatever surface they lie on.
        return linalg.cholesky(np.exp(-apart / self.length_mm), lower=True) @ in_time
