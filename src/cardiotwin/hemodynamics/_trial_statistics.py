"""Numbers with intervals: means, medians, differences, over patients of unequal weight."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from scipy.special import ndtri, stdtrit


class Estimate(NamedTuple):
    """A mean with its interval, and how patients spread around it.

    Attributes:
        n: patients behind it.
        mean: weighted.
        low: lower end of the interval of the mean.
        high: upper end.
        median: half of the patients are below.
        median_low: lower end of the interval of the median.
        median_high: upper end.
        p05: 5 % of the patients are below.
        p95: 95 % of the patients are below.
    """

    n: int
    mean: float
    low: float
    high: float
    median: float
    median_low: float
    median_high: float
    p05: float
    p95: float


class Moments(NamedTuple):
    """Mean, squared standard error and degrees of freedom of some patients."""

    n: int
    mean: float
    error2: float
    freedom: float


def estimate(
    values: Float[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"],
    patients: Shaped[np.ndarray, " n"],
    confidence: float = 0.95,
) -> Estimate:
    """Return the mean with Student's interval, the median with the binomial one, and quantiles.

    Rows of one patient are first averaged: intervals are between patients. Unequal weights count
    as the effective number of patients (ΣW)²/ΣW² (Kish 1965).

    Args:
        values: NaN where there is none.
        weights: of the rows.
        patients: whose row it is.
        confidence: of the intervals.

    >>> own = estimate(np.array([1.0, 2.0, 3.0]), np.ones(3), np.arange(3))
    >>> own.n, own.mean, round(own.low, 3), round(own.high, 3)
    (3, 2.0, -0.484, 4.484)
    """
    means, total = _by_patient(values, weights, patients)
    if not len(means):
        return Estimate(0, *[math.nan] * 8)
    own = _moments(means, total)
    half = _half_width(own.error2, own.freedom, confidence)
    n_effective = total.sum() ** 2 / np.sum(total**2)
    wide = 0.5 * float(ndtri(0.5 + confidence / 2)) / math.sqrt(n_effective)
    quantiles = _quantiles(means, total, [0.5, 0.5 - wide, 0.5 + wide, 0.05, 0.95])
    return Estimate(own.n, own.mean, own.mean - half, own.mean + half, *quantiles)


def difference(
    values: Float[np.ndarray, " n"],
    control: Float[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"],
    patients: Shaped[np.ndarray, " n"],
    confidence: float = 0.95,
) -> Estimate:
    """Return values − control: within patients where all have both, else between two groups.

    Between groups the interval is Welch's, and medians and quantiles are not known.

    >>> one, two = np.array([1.0, 2.0, np.nan, np.nan]), np.array([np.nan, np.nan, 2.0, 4.0])
    >>> difference(two, one, np.ones(4), np.arange(4)).mean
    1.5
    """
    if (np.isfinite(values) & np.isfinite(control)).any():
        return estimate(values - control, weights, patients, confidence)
    both = [_by_patient(own, weights, patients) for own in (values, control)]
    if min(len(means) for means, _ in both) == 0:
        return Estimate(0, *[math.nan] * 8)
    one, two = (_moments(*own) for own in both)
    error2 = one.error2 + two.error2
    below = one.error2**2 / one.freedom + two.error2**2 / two.freedom if error2 > 0 else math.nan
    half = _half_width(error2, error2**2 / below, confidence)
    mean = one.mean - two.mean
    return Estimate(one.n + two.n, mean, mean - half, mean + half, *[math.nan] * 5)


def _by_patient(
    values: Float[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"],
    patients: Shaped[np.ndarray, " n"],
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Return mean and weight of every patient who has values."""
    known = np.isfinite(values)
    _, whose = np.unique(patients[known], return_inverse=True)
    # Counts of nobody would be whole numbers.
    total = np.bincount(whose, weights[known]).astype(float)
    return np.bincount(whose, weights[known] * values[known]) / total, total


def _moments(means: Float[np.ndarray, " m"], total: Float[np.ndarray, " m"]) -> Moments:
    n_effective = float(total.sum() ** 2 / np.sum(total**2))
    mean = float(np.sum(total * means) / total.sum())
    if n_effective <= 1 + 1e-9:
        return Moments(len(means), mean, math.nan, math.nan)
    variance = float(np.sum(total * (means - mean) ** 2) / total.sum())
    return Moments(len(means), mean, variance / (n_effective - 1), n_effective - 1)


def _half_width(error2: float, freedom: float, confidence: float) -> float:
    return float(stdtrit(freedom, 0.5 + confidence / 2)) * math.sqrt(error2)


def _quantiles(
    values: Float[np.ndarray, " m"], weights: Float[np.ndarray, " m"], at: list[float]
) -> list[float]:
    order = np.argsort(values)
    place = (np.cumsum(weights[order]) - 0.5 * weights[order]) / weights.sum()
    return np.interp(np.clip(at, 0, 1), place, values[order]).tolist()
