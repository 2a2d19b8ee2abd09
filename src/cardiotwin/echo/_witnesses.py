"""Normal distributions of parameters as witnesses: several heard together, one believed less."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ._twin_network import Normal


def together(witnesses: Sequence[Normal]) -> Normal:
    """Return what several clips of one patient say together, head by head.

    With precisions Pᵢ = Σᵢ⁻¹ the product of their densities over that of the prior N(0, 1) has
    P = 1 + Σ (Pᵢ − 1) and P z̄ = Σ Pᵢ z̄ᵢ.

    >>> one = Normal(np.array([[1.0]]), np.array([[[np.sqrt(0.5)]]]))
    >>> both = together([one, one])
    >>> both.mean.round(3).item(), (both.root**2).round(3).item()
    (1.333, 0.333)
    """
    if len(witnesses) == 1:
        return witnesses[0]
    n = witnesses[0].mean.shape[-1]
    precision, shifted = np.eye(n), 0.0
    for one in witnesses:
        own = _precision(one, 1.0)
        precision = precision + own - np.eye(n)
        shifted = shifted + np.einsum("...ij,...j->...i", own, one.mean)
    covariance = np.linalg.inv(precision)
    mean = np.einsum("...ij,...j->...i", covariance, shifted)
    return Normal(mean, np.linalg.cholesky(covariance))


def widened(found: Normal, factor: float) -> Normal:
    """Return a witness that is right in the mean and surer than it may be by a factor.

    What it knows beyond the prior is divided: P ← 1 + (P − 1)/factor². Where it knows much, its
    spread is multiplied by the factor; where it knows nothing, that of the prior stays.

    Args:
        found: means and roots with any leading axes.
        factor: 1 changes nothing.

    >>> sure = Normal(np.ones(2), np.diag([0.01, 1.0]))
    >>> widened(sure, 2.0).root.diagonal().round(3).tolist()
    [0.02, 1.0]
    """
    if factor == 1.0:
        return found
    covariance = np.linalg.inv(_precision(found, factor))
    return Normal(found.mean, np.linalg.cholesky(covariance))


def believed_less(found: Normal, factor: float) -> Normal:
    """Return a witness whose errors are so many times as large as it says, mean included.

    P ← 1 + (P − 1)/factor² and P z̄ ← P z̄/factor²: who is not believed at all leaves the prior,
    alone and beside others.

    Args:
        found: means and roots with any leading axes.
        factor: 1 changes nothing.

    >>> one = Normal(np.ones(1), np.array([[np.sqrt(0.5)]]))
    >>> believed_less(one, 1e3).mean.round(3).item()
    0.0
    """
    if factor == 1.0:
        return found
    shifted = np.einsum("...ij,...j->...i", _precision(found, 1.0), found.mean) / factor**2
    covariance = np.linalg.inv(_precision(found, factor))
    mean = np.einsum("...ij,...j->...i", covariance, shifted)
    return Normal(mean, np.linalg.cholesky(covariance))


def drawn_in_turns(
    found: Normal, n: int, seed: int
) -> Float[np.ndarray, "n_draws *batch n_unknowns"]:
    """Return draws from several networks, an even share of each.

    Args:
        found: means (n_networks, …, n_unknowns) and roots.
        n: number of draws.
        seed: of them.
    """
    network = np.arange(n) % len(found.mean)
    normal = np.random.default_rng(seed).standard_normal((n, *found.mean.shape[1:]))
    return found.mean[network] + np.einsum("k...ij,k...j->k...i", found.root[network], normal)


def _precision(found: Normal, factor: float) -> Float[np.ndarray, "*batch n n"]:
    """Return 1 + (P − 1)/factor², in no direction less than that of the prior.

    A clip cannot know less: else a product of witnesses could be no distribution.
    """
    values, vectors = np.linalg.eigh(found.root @ np.swapaxes(found.root, -1, -2))
    known: Any = 1.0 + (1.0 / np.minimum(values, 1.0) - 1.0) / factor**2
    return np.einsum("...ij,...j,...kj->...ik", vectors, known, vectors)
