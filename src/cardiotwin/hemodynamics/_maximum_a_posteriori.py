"""The most probable parameters, by Levenberg–Marquardt for many patients at once."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ._forward import Data, Predicted, linearize
from ._priors import Unknowns


class Mode(NamedTuple):
    """Where the posterior densities of patients are largest, in coordinates.

    Attributes:
        z: (n_patients, n_unknowns).
        covariance: (n_patients, n_unknowns, n_unknowns) (I + JᵀJ)⁻¹, of Laplace's approximation.
        settled: (n_patients,) whether the last step was small.
        iterations: (n_patients,) taken until then.
    """

    z: Float[np.ndarray, "n_patients n_unknowns"]
    covariance: Float[np.ndarray, "n_patients n_unknowns n_unknowns"]
    settled: Bool[np.ndarray, " n_patients"]
    iterations: Int[np.ndarray, " n_patients"]


def find_mode(
    unknowns: Unknowns, data: Data, *, max_iterations: int = 40, small: float = 0.01
) -> Mode:
    """Return the minima of ½ |misfit(z)|² + ½ |z|², starting from the priors' medians."""
    n, d = len(data.values), len(unknowns.names)
    z, damping = np.zeros((n, d)), np.full(n, 1e-2)
    seen, jacobian = linearize(unknowns, z, data)
    cost = _cost(z, seen)
    settled, iterations = np.zeros(n, bool), np.zeros(n, int)
    active = np.arange(n)
    while len(active) and iterations.max() < max_iterations:
        own = jacobian[active]
        gradient = np.einsum("pmk,pm->pk", own, seen.misfit[active]) + z[active]
        curvature = np.einsum("pmk,pml->pkl", own, own) + np.eye(d)
        scale = damping[active, None, None] * np.einsum("pkk->pk", curvature)[:, None] * np.eye(d)
        step = -np.linalg.solve(curvature + scale, gradient[..., None])[..., 0]
        # Three standard deviations of the prior at once are farther than the slope reaches.
        step *= np.minimum(1.0, 3 / np.maximum(np.abs(step).max(-1, keepdims=True), 1e-12))
        trial, slopes = linearize(unknowns, z[active] + step, data.take(active))
        new = _cost(z[active] + step, trial)
        better = new <= cost[active]
        iterations[active] += 1
        took = active[better]
        z[took] += step[better]
        cost[took] = new[better]
        jacobian[took] = slopes[better]
        for old, fresh in zip(seen, trial, strict=True):
            old[took] = fresh[better]
        damping[active] = np.where(better, damping[active] / 5, damping[active] * 5)
        close = (np.abs(step).max(-1) < small) & better
        lost = damping[active] > 1e8
        settled[active[close]] = True
        active = active[~close & ~lost]
    curvature = np.einsum("pmk,pml->pkl", jacobian, jacobian) + np.eye(d)
    return Mode(z, np.linalg.inv(curvature), settled, iterations)


def _cost(
    z: Float[np.ndarray, "n_patients n_unknowns"], seen: Predicted
) -> Float[np.ndarray, " n_patients"]:
    total = 0.5 * np.sum(seen.misfit**2, -1) + 0.5 * np.sum(z**2, -1)
    return np.where(seen.good, total, np.inf)
