"""What twins say of parameters in directions that no volume tells of: how true, how far off."""

import numpy as np
from jaxtyping import Float
from scipy.optimize import nnls
from scipy.stats import norm

from ..circulation import FAST, steady_indices
from ..hemodynamics import Unknowns
from ._twin_network import Normal

N_PATIENTS = 400
"""Drawn from the priors, over whom slopes are averaged."""


def volume_slopes(
    unknowns: Unknowns, names: tuple[str, ...], seed: int = 0
) -> Float[np.ndarray, "2 n_names"]:
    """Return what EF and the logarithm of the largest volume gain with each coordinate.

    Least squares over patients drawn from the priors: slopes of the mean patient. The smallest
    volume follows from both, so that it has no slopes of its own.

    Args:
        unknowns: priors.
        names: of the coordinates that are asked for.
        seed: of the patients.
    """
    z = unknowns.draw(N_PATIENTS, seed)
    found = steady_indices(unknowns.circulation(z), solver=FAST, throw=False).indices
    edv, esv = np.asarray(found.edv_ml), np.asarray(found.esv_ml)
    beating = np.isfinite(edv)
    columns = np.stack([1.0 - esv[beating] / edv[beating], np.log(edv[beating])], -1)
    design = np.concatenate([z[beating], np.ones((beating.sum(), 1))], -1)
    slopes = np.linalg.lstsq(design, columns, rcond=None)[0]
    return slopes[[unknowns.names.index(name) for name in names]].T


def hidden_trust(
    means: Float[np.ndarray, "n n_names"],
    truth: Float[np.ndarray, "n n_names"],
    slopes: Float[np.ndarray, "n_seen n_names"],
) -> Float[np.ndarray, "n_names n_names"]:
    """Return 1 − P diag(1 − b) P, P J⁺J = 0 for the slopes J, by which means become likely.

    Networks that learned from few clips say too much. b ≤ 1 is the slope through 0, the mean of
    the prior, from what they say of a parameter across J to what is true; along J, where EF and
    volumes tell, means stay as they are.

    Args:
        means: of the parameters of n clips.
        truth: their true parameters.
        slopes: of what must not change.

    >>> rng = np.random.default_rng(0)
    >>> truth = rng.normal(size=(5000, 2))
    >>> means = truth + rng.normal(size=(5000, 2))
    >>> hidden_trust(means, truth, np.array([[1.0, 0.0]])).round(1).tolist()
    [[1.0, 0.0], [0.0, 0.5]]
    """
    across = _across(slopes)
    said, true = means @ across, truth @ across
    b = np.sum(said * true, 0) / np.maximum(np.sum(said**2, 0), 1e-12)
    return np.eye(len(b)) - (across * (1.0 - np.clip(b, 0.0, 1.0))) @ across


def hidden_spread(
    draws: Float[np.ndarray, "n n_draws n_names"],
    truth: Float[np.ndarray, "n n_names"],
    slopes: Float[np.ndarray, "n_seen n_names"],
    level: float,
) -> Float[np.ndarray, "n_names n_names"]:
    """Return the covariance P diag(d) P that draws lack, P J⁺J = 0 for the slopes J.

    Each parameter lacks the variance with which a normal interval would hold a share ``level`` of
    the truths. As it is added across the slopes only, EF and volumes hardly change.

    Args:
        draws: of the parameters of n clips.
        truth: their true parameters.
        slopes: of what must not change.
        level: share of the truths that intervals are to hold.

    >>> rng = np.random.default_rng(0)
    >>> draws, truth = rng.normal(size=(500, 80, 2)), 2.0 * rng.normal(size=(500, 2))
    >>> hidden_spread(draws, truth, np.array([[1.0, 0.0]]), 0.9).round(0).tolist()
    [[0.0, 0.0], [0.0, 3.0]]
    """
    width = norm.ppf(0.5 + 0.5 * level)
    miss = (truth - np.nanmedian(draws, 1)) / width
    lacking = np.quantile(miss**2 - np.nanvar(draws, 1), level, axis=0)
    across = _across(slopes)
    added, _ = nnls(across**2, np.maximum(lacking, 0.0))
    return (across * added) @ across


def spread_out(found: Normal, more: Float[np.ndarray, "n_names n_names"]) -> Normal:
    """Return distributions with a covariance added to each, in no direction beyond the prior's.

    Args:
        found: means and roots with any leading axes.
        more: positive semidefinite.

    >>> found = Normal(np.zeros(2), 0.6 * np.eye(2))
    >>> (spread_out(found, np.diag([0.28, 5.0])).root ** 2).round(2).diagonal().tolist()
    [0.64, 1.0]
    """
    covariance = found.root @ np.swapaxes(found.root, -1, -2) + more
    values, vectors = np.linalg.eigh(covariance)
    limited = np.einsum("...ij,...j,...kj->...ik", vectors, np.minimum(values, 1.0), vectors)
    return Normal(found.mean, np.linalg.cholesky(limited))


def _across(slopes: np.ndarray) -> np.ndarray:
    """Return the projection on what slopes do not tell."""
    return np.eye(slopes.shape[1]) - np.linalg.pinv(slopes) @ slopes
