"""One beat out of a clip: its length and the curve over it, with what is not known of both."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

from .._checks import check_array, check_count
from .._errors import InputError
from .._types import ArrayLike

POWERS = np.array([0.87, 0.11, 0.02, 0.006, 0.003, 0.001, 0.0007, 0.0004])
"""Share of the variance of volume curves in each harmonic of the beat: mean of 400 virtual
patients of the priors (the third raised from 0.007, so that no harmonic is ruled out)."""

LEAST_FIRST, UNLIKELY = 0.6, 6.0
"""Share of the first harmonic below which a curve is hardly that of a single beat, and what that
takes from its logarithm: in 400 virtual patients the share is 0.69 and more."""

LEAST_ODD, IMPOSSIBLE = 0.2, 1e4
"""Share of the odd harmonics below which a beat is two of half the length, and what that takes;
where nothing else can be either, all are equal."""

PERIODS_S = np.exp(np.linspace(np.log(0.3), np.log(2.0), 400))
"""Lengths of the beat that are considered: 30 to 200 beats a minute."""

TYPICAL_S, SPREAD = 0.85, 0.28
"""Median length of a beat of adults at rest, and standard deviation of its logarithm."""

NOISES = np.array([0.07, 0.1, 0.15, 0.22, 0.35])
"""Standard deviations of the noise against that of the curve that are considered; no beat is
quite like the next, so that none is smaller."""

CONTRADICTED, OTHER = 5.0, 0.1
"""Logarithm of how much more likely another length of the beat must be than the one that was given,
and relative difference of both, for the given one to be doubted."""

N_PHASES = 100

SMOOTHING = np.concatenate([[1.0], np.repeat(np.sinc(np.arange(1, 9) / 9), 2)])
"""Lanczos' factors of the harmonics: a sum cut off after eight would swing 1 mL below the corner at
which filling begins; with them it is right to 0.1 mL there (mean of 200 virtual patients)."""


@dataclass(frozen=True, eq=False)
class Cycle:
    """The beat that a curve repeats, as draws from what the curve leaves possible.

    Attributes:
        period_s: (n_draws,) length of the beat.
        values: (n_draws, N_PHASES) the curve at k/N_PHASES of the beat; 0 is the first frame.
        noise: (n_draws,) standard deviation of one value about the curve.
        largest, smallest: (n_draws,) see `extremes`.
        beats_seen: how many beats the clip lasts, in the mean of the draws.
        rather_s: where the length of the beat was given and another one explains the curve far
            better, that one; else None.
    """

    period_s: Float[np.ndarray, " n_draws"]
    values: Float[np.ndarray, "n_draws n_phases"]
    noise: Float[np.ndarray, " n_draws"]
    largest: Float[np.ndarray, " n_draws"]
    smallest: Float[np.ndarray, " n_draws"]
    beats_seen: float
    rather_s: float | None = None

    @property
    def heart_rate_per_min(self) -> float:
        """60 over the median length of the beat."""
        return 60.0 / float(np.median(self.period_s))

    def extremes(self) -> tuple[Float[np.ndarray, " n_draws"], Float[np.ndarray, " n_draws"]]:
        """Return the values at the instants of the largest and the smallest one.

        The instants are those of the most likely curve of the draw's period and noise: the largest
        value of a draw itself is too large on average, by its own noise.
        """
        return self.largest, self.smallest


def find_cycle(
    times_s: ArrayLike,
    values: ArrayLike,
    *,
    period_s: float | None = None,
    n_draws: int = 200,
    seed: int = 0,
) -> Cycle:
    """Return the beat that a curve repeats.

    y(t) = a₀ + Σ_k a_k cos(2π k t/T) + b_k sin(2π k t/T) + noise, with a_k, b_k normal of the
    variance that harmonic k has in volume curves. T, the noise and the coefficients are drawn
    from their joint posterior: T and noise on a grid, the coefficients exactly given these. A
    clip shorter than a beat gives a wide T rather than a wrong one.

    Args:
        times_s: (n,) rising times.
        values: (n,) volume, area or length at these times; NaN where it is not known.
        period_s: length of the beat where it is known (recorded with the clip).
        n_draws: from the posterior.
        seed: of the draws.

    Raises:
        InputError: fewer than eight values, or values that do not change.

    >>> t = np.arange(50) / 25
    >>> cycle = find_cycle(t, 100 + 30 * np.cos(2 * np.pi * t / 0.8))
    >>> round(cycle.heart_rate_per_min), cycle.extremes()[0].mean().round().item()
    (75, 129.0)
    """
    times = check_array(times_s, "times_s", shape=("n",))
    raw = check_array(values, "values", shape=(len(times),), finite=False)
    n_draws = check_count(n_draws, "n_draws")
    known = np.isfinite(raw)
    times, raw = times[known] - times[0], raw[known]
    scale = float(raw.std()) if len(raw) else 0.0
    if len(raw) < 8 or scale < 1e-9 * abs(raw).max():
        raise InputError(
            "values",
            found=f"{len(raw)} values with standard deviation {scale:g}",
            expected="at least eight that change through the beat",
            advice="Is the clip a loop of still frames, or was no ventricle found in it?",
        )
    y = (raw - raw.mean()) / scale
    periods = PERIODS_S if period_s is None else np.array([float(period_s)])
    found = _posterior(times, y, periods)
    rather = None if period_s is None else _rather(times, y, float(period_s), found)
    rng = np.random.default_rng(seed)
    chosen = rng.choice(found.log_weights.size, n_draws, p=np.exp(found.log_weights).ravel())
    which, noise = np.unravel_index(chosen, found.log_weights.shape)
    normal = rng.standard_normal((n_draws, found.mean.shape[-1]))
    spread = np.linalg.solve(found.root[which, noise], normal[..., None])[..., 0]
    weights = found.mean[which, noise] + spread
    phases = np.arange(N_PHASES)[None, :] / N_PHASES
    waves = waves_at(phases)[0] * SMOOTHING
    curves, likely = weights @ waves.T, found.mean[which, noise] @ waves.T
    # Between two points of the grid every length is as likely.
    step = np.log(PERIODS_S[1] / PERIODS_S[0]) * (period_s is None)
    drawn = periods[which] * np.exp(step * rng.uniform(-0.5, 0.5, n_draws))
    return Cycle(
        period_s=drawn,
        values=raw.mean() + scale * curves,
        noise=scale * NOISES[noise],
        largest=raw.mean() + scale * np.take_along_axis(curves, likely.argmax(1)[:, None], 1)[:, 0],
        smallest=raw.mean()
        + scale * np.take_along_axis(curves, likely.argmin(1)[:, None], 1)[:, 0],
        beats_seen=float(times[-1] / np.mean(drawn)),
        rather_s=rather,
    )


@dataclass(frozen=True, eq=False)
class _Posterior:
    """On the grid (periods, noises).

    Attributes:
        log_weights: sum to one.
        log_evidence: of what they were divided by.
        mean: of the coefficients.
        root: R of their precision RᵀR.
    """

    log_weights: Any
    log_evidence: float
    mean: Any
    root: Any


def _posterior(times: np.ndarray, y: np.ndarray, periods: np.ndarray) -> _Posterior:
    waves = waves_at(times[None, :] / periods[:, None])
    variance = np.concatenate([[4.0], np.repeat(POWERS, 2)])
    gram = np.einsum("tip,tiq->tpq", waves, waves)[:, None]
    match = np.einsum("tip,i->tp", waves, y)[:, None]
    noise = NOISES[None, :, None] ** 2
    precision = gram / noise[..., None] + np.diag(1.0 / variance)
    root = np.linalg.cholesky(precision).transpose(0, 1, 3, 2)
    mean = np.linalg.solve(precision, (match / noise)[..., None])[..., 0]
    # log p(y | T, σ) by the determinant and the inverse of small matrices (Woodbury).
    fit = np.sum(match * mean, -1) / noise[..., 0]
    volume = np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(-1) + 0.5 * np.log(variance).sum()
    evidence = 0.5 * fit - 0.5 * (y @ y) / noise[..., 0] - volume - len(y) * np.log(NOISES)[None, :]
    prior = -0.5 * (np.log(periods / TYPICAL_S) / SPREAD) ** 2
    log_weights = evidence + prior[:, None]
    # Two unlike beats are not one beat of twice the length: that has hardly odd harmonics.
    power = (mean[..., 1:] ** 2).reshape(*mean.shape[:-1], -1, 2).sum(-1)
    share = power / power.sum(-1, keepdims=True)
    log_weights -= UNLIKELY * (share[..., 0] < LEAST_FIRST)
    log_weights -= IMPOSSIBLE * (share[..., ::2].sum(-1) < LEAST_ODD)
    whole: Any = logsumexp(log_weights)
    return _Posterior(log_weights - whole, float(whole), mean, root)


def _rather(times: np.ndarray, y: np.ndarray, given_s: float, given: _Posterior) -> float | None:
    """Return the length of the beat that the curve speaks for, if it is not the given one."""
    free = _posterior(times, y, PERIODS_S)
    best = int(free.log_weights.max(1).argmax())
    likely = free.log_weights[best].max() + free.log_evidence
    gained = likely - (given.log_weights.max() + given.log_evidence)
    other = abs(PERIODS_S[best] / given_s - 1.0) > OTHER
    return float(PERIODS_S[best]) if other and gained > CONTRADICTED else None


def smoothed(
    phase: Float[np.ndarray, " n"], curves: Float[np.ndarray, "n n_curves"], noise: float
) -> Float[np.ndarray, "n_weights n_curves"]:
    """Return the most probable coefficients of curves of one beat, as of `waves_at`.

    Args:
        phase: in beats.
        curves: values at these phases, of variance about 1 and mean about 0.
        noise: standard deviation of theirs.
    """
    waves = waves_at(phase)
    variance = np.concatenate([[4.0], np.repeat(POWERS, 2)])
    precision = waves.T @ waves / noise**2 + np.diag(1.0 / variance)
    return np.linalg.solve(precision, waves.T @ curves / noise**2)


def waves_at(phase: Float[np.ndarray, "*lead n"]) -> Float[np.ndarray, "*lead n n_weights"]:
    """Return 1 and cosines and sines of all harmonics, in turns."""
    angle = 2 * np.pi * phase[..., None] * np.arange(1, len(POWERS) + 1)
    pairs = np.stack([np.cos(angle), np.sin(angle)], -1).reshape(*phase.shape, -1)
    return np.concatenate([np.ones((*phase.shape, 1)), pairs], -1)
