"""Pareto-smoothed importance weights, and how far they can be trusted."""

import numpy as np
from jaxtyping import Float


def smooth_weights(
    log_weights: Float[np.ndarray, " n_draws"],
) -> tuple[Float[np.ndarray, " n_draws"], float]:
    """Return normalized weights whose largest are smoothed, and the tail's shape k̂.

    The largest weights are replaced by quantiles of the generalized Pareto distribution fitted
    to them. Below k̂ = 0.7 the estimates made with the weights converge well.

    Args:
        log_weights: logarithms, −inf where the draw is impossible.

    Vehtari et al. 2024, "Pareto smoothed importance sampling"; fit by Zhang and Stephens 2009.

    >>> weights, k = smooth_weights(np.zeros(1000))
    >>> round(float(weights.sum()), 6), k < 0.7
    (1.0, True)
    """
    shifted = np.exp(log_weights - log_weights.max())
    n = np.count_nonzero(shifted)
    n_tail = int(min(0.2 * n, 3 * np.sqrt(n)))
    order = np.argsort(shifted)
    if n_tail < 5:
        return shifted / shifted.sum(), np.inf
    tail, border = order[-n_tail:], shifted[order[-n_tail - 1]]
    excess = shifted[tail] - border
    if excess[0] <= 0 or excess[-1] - excess[0] < 1e-12 * excess[-1]:
        return shifted / shifted.sum(), -np.inf
    shape, scale = _fit_pareto(excess)
    ranks = (np.arange(1, n_tail + 1) - 0.5) / n_tail
    if abs(shape) > 1e-9:
        quantiles = scale * np.expm1(-shape * np.log1p(-ranks)) / shape
    else:
        quantiles = -scale * np.log1p(-ranks)
    smoothed = shifted.copy()
    smoothed[tail] = np.minimum(border + quantiles, shifted.max())
    return smoothed / smoothed.sum(), float(shape)


def _fit_pareto(excess: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Return shape and scale of the generalized Pareto distribution of sorted excesses."""
    n = len(excess)
    m = 30 + int(np.sqrt(n))
    quartile = excess[int(n / 4 + 0.5) - 1]
    grid = 1 / excess[-1] + (1 - np.sqrt(m / (np.arange(1, m + 1) - 0.5))) / (3 * quartile)
    shapes = np.mean(np.log1p(-grid[:, None] * excess), axis=1)
    likelihood = n * (np.log(-grid / shapes) - shapes - 1)
    weights = 1 / np.sum(np.exp(likelihood - likelihood[:, None]), axis=1)
    theta = np.sum(grid * weights) / weights.sum()
    shape = np.mean(np.log1p(-theta * excess))
    # Weakly informed towards 1/2, as ten further observations would.
    return float((n * shape + 10 * 0.5) / (n + 10)), float(-shape / theta)
