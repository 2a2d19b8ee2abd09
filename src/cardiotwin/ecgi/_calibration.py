"""How well error bars are calibrated, where the truth is known."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import erf

from .._checks import check_array, check_number
from .._types import ArrayLike, Potentials
from ..tissue import activation_times
from ._reconstruction import NINETY_PERCENT


@dataclass(frozen=True)
class Calibration:
    """What 90 % intervals and predictive distributions are worth.

    Attributes:
        coverage: share of nodes and instants whose truth lies in the 90 % interval.
        front_coverage: the same within some ms of the true activation, NaN if nothing activates.
        width: mean width of the interval, in the unit of the potentials.
        crps: continuous ranked probability score, mean; the absolute error for zero spread.
    """

    coverage: float
    front_coverage: float
    width: float
    crps: float


def evaluate_uncertainty(
    mean: ArrayLike,
    standard_deviation: ArrayLike,
    truth: ArrayLike,
    times_ms: ArrayLike,
    *,
    front_ms: float = 5.0,
) -> Calibration:
    """Score Gaussian error bars against a known truth.

    The continuous ranked probability score of N(m, s²) for the truth x, with z = (x − m)/s, is
    s [z (2Φ(z) − 1) + 2φ(z) − 1/√π]; small is good, and it rewards narrow bars that are right.

    Args:
        mean: (n_nodes, n_times) reconstruction.
        standard_deviation: (n_nodes, n_times).
        truth: (n_nodes, n_times) in the same unit.
        times_ms: (n_times,) instants.
        front_ms: how far from the activation of its node an instant belongs to the front.

    Raises:
        InputError: shapes that do not fit, or negative standard deviations.

    Source: Gneiting and Raftery, J Am Stat Assoc 2007;102:359, Eq. 21.

    >>> rng = np.random.default_rng(0)
    >>> truth = 1 / (1 + np.exp(-(np.arange(60.0) - rng.uniform(20, 40, size=(300, 1)))))
    >>> mean = truth + 0.1 * rng.normal(size=truth.shape)
    >>> score = evaluate_uncertainty(mean, np.full(truth.shape, 0.1), truth, np.arange(60.0))
    >>> round(score.coverage, 2), round(score.width, 3), round(score.crps, 3)
    (0.9, 0.329, 0.056)
    """
    true = check_array(truth, "truth", shape=("n_nodes", "n_times"))
    found = check_array(mean, "mean", shape=true.shape)
    spread = check_array(standard_deviation, "standard_deviation", shape=true.shape)
    times = check_array(times_ms, "times_ms", shape=(true.shape[1],))
    check_number(float(spread.min()), "standard_deviation (its minimum)", at_least=0)
    reach = check_number(front_ms, "front_ms", above=0)
    error = true - found
    inside = np.abs(error) <= NINETY_PERCENT * spread
    front = near_activation(true, times, reach)
    z = np.divide(error, spread, out=np.zeros_like(error), where=spread > 0)
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    score = spread * (z * erf(z / np.sqrt(2)) + 2 * density - 1 / np.sqrt(np.pi))
    score = np.where(spread > 0, score, np.abs(error))
    return Calibration(
        coverage=float(inside.mean()),
        front_coverage=float(inside[front].mean()) if front.any() else float("nan"),
        width=float(2 * NINETY_PERCENT * spread.mean()),
        crps=float(score.mean()),
    )


def near_activation(
    truth: Potentials, times_ms: Float[np.ndarray, " n_times"], reach_ms: float
) -> Bool[np.ndarray, "n_nodes n_times"]:
    """Say which instants lie within a reach of the steepest upstroke of their node."""
    activated = activation_times(truth, times_ms)
    return np.abs(times_ms - activated[:, None]) <= reach_ms
