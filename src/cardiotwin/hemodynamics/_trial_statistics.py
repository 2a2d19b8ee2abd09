"""Numbers with intervals: means, medians, differences, over patients of unequal weight."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from scipy.special import ndtri, stdtrit

from .._checks import check_number


class Estimate(NamedTuple):
    """A mean with its interval, and how patients spread around it.

    Where all values are draws of one patient, the interval of the mean holds so many of the draws.

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
    """Number, mean, its squared standard error and degrees of freedom of some patients."""

    n: int
    n_effective: float
    mean: float
    error2: float
    freedom: float


def check_confidence(value: float) -> float:
    """Return a confidence if it is one.

    Raises:
        InputError: not above 0 and below 1.

    >>> check_confidence(0.9)
    0.9
    """
    advice = "Percent must be divided by 100."
    return check_number(value, "confidence", above=0, below=1, advice=advice)


def estimate(
    values: Float[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"],
    patients: Shaped[np.ndarray, " n"],
    confidence: float,
) -> Estimate:
    """Return the mean with Student's interval, the median with the binomial one, and quantiles.

    Intervals are between patients, however many draws each has: the variance is that of the
    patients' means plus the mean of that within patients, which is what is not known of each, so
    that the interval holds the mean of these patients as well as that of whom they stand for.
    Unequal weights count as the effective number of patients (ΣW)²/ΣW² (Kish 1965). Of one patient
    alone the interval holds so many of the draws.

    Args:
        values: NaN where there is none.
        weights: of the rows.
        patients: whose row it is.
        confidence: of the intervals.

    >>> own = estimate(np.array([1.0, 2.0, 3.0]), np.ones(3), np.arange(3), 0.95)
    >>> own.n, own.mean, round(own.low, 3), round(own.high, 3)
    (3, 2.0, -0.484, 4.484)
    >>> estimate(np.arange(101.0), np.ones(101), np.zeros(101), 0.9).high
    95.45
    """
    known = np.isfinite(values)
    if not known.any():
        return Estimate(0, *[math.nan] * 8)
    own = _moments(values, weights, patients)
    if own.n == 1 and known.sum() > 1:
        ends = [0.5 - confidence / 2, 0.5 + confidence / 2, 0.5, 0.05, 0.95]
        low, high, median, p05, p95 = _quantiles(values[known], weights[known], ends)
        return Estimate(1, own.mean, low, high, median, math.nan, math.nan, p05, p95)
    half = _half_width(own.error2, own.freedom, confidence)
    wide = 0.5 * float(ndtri(0.5 + confidence / 2)) / math.sqrt(own.n_effective)
    at = [0.5, 0.5 - wide, 0.5 + wide, 0.05, 0.95]
    quantiles = _quantiles(values[known], weights[known], at)
    return Estimate(own.n, own.mean, own.mean - half, own.mean + half, *quantiles)


def difference(
    values: Float[np.ndarray, " n"],
    control: Float[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"],
    patients: Shaped[np.ndarray, " n"],
    confidence: float,
) -> Estimate:
    """Return values − control: within patients where all have both, else between two groups.

    Between groups the interval is Welch's, and medians and quantiles are not known.

    >>> one, two = np.array([1.0, 2.0, np.nan, np.nan]), np.array([np.nan, np.nan, 2.0, 4.0])
    >>> difference(two, one, np.ones(4), np.arange(4), 0.95).mean
    1.5
    """
    if (np.isfinite(values) & np.isfinite(control)).any():
        return estimate(values - control, weights, patients, confidence)
    if not (np.isfinite(values).any() and np.isfinite(control).any()):
        return Estimate(0, *[math.nan] * 8)
    one, two = (_moments(own, weights, patients) for own in (values, control))
    error2 = one.error2 + two.error2
    below = one.error2**2 / one.freedom + two.error2**2 / two.freedom if error2 > 0 else math.nan
    half = _half_width(error2, error2**2 / below, confidence)
    mean = one.mean - two.mean
    return Estimate(one.n + two.n, mean, mean - half, mean + half, *[math.nan] * 5)


def _moments(
    values: Float[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"],
    patients: Shaped[np.ndarray, " n"],
) -> Moments:
    """Return the moments of patients of whom at least one has a value."""
    known = np.isfinite(values)
    values, weights = values[known], weights[known]
    _, whose = np.unique(patients[known], return_inverse=True)
    total = np.bincount(whose, weights)
    means = np.bincount(whose, weights * values) / total
    n, n_effective = len(means), float(total.sum() ** 2 / np.sum(total**2))
    mean = float(total @ means / total.sum())
    if n_effective <= 1 + 1e-9:
        return Moments(n, n_effective, mean, math.nan, math.nan)
    between = float(total @ (means - mean) ** 2 / total.sum())
    within = float(weights @ (values - means[whose]) ** 2 / total.sum())
    error2 = between / (n_effective - 1) + within / n_effective
    return Moments(n, n_effective, mean, error2, n_effective - 1)


def _half_width(error2: float, freedom: float, confidence: float) -> float:
    return float(stdtrit(freedom, 0.5 + confidence / 2)) * math.sqrt(error2)


def _quantiles(
    values: Float[np.ndarray, " m"], weights: Float[np.ndarray, " m"], at: list[float]
) -> list[float]:
    order = np.argsort(values)
    place = (np.cumsum(weights[order]) - 0.5 * weights[order]) / weights.sum()
    return np.interp(np.clip(at, 0, 1), place, values[order]).tolist()
