"""Gauss–Newton steps for the coefficients of a tissue simulation."""

from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ._tissue_leads import (
    TissueLeads,
    chunk_size,
    directional,
    misfit_and_gradient,
    misfits,
    residual,
)

SEEN = 0.02
"""Directions of ξ that move u0 by less than this part of the most effective one are left to the
gradient: they get no curvature from the data."""

DAMPINGS = 10.0 ** np.arange(-2, 6)


@dataclass(frozen=True, eq=False)
class Curvature:
    """Gauss–Newton Hessian of ‖y − h‖²/2 in its own directions: V diag(values) Vᵀ.

    Attributes:
        directions: (n_coefficients, rank) orthonormal V.
        values: (rank,) eigenvalues, not yet divided by the noise.
    """

    directions: Float[np.ndarray, "n_coefficients rank"]
    values: Float[np.ndarray, " rank"]


@dataclass(frozen=True, eq=False)
class Fit:
    """Coefficients with what is known about them.

    Attributes:
        xi: ξ.
        misfit: ‖y − h(ξ)‖².
        precision: weight of the data: cost = precision · misfit / 2 + ‖ξ‖² / 2.
        iterations: steps taken.
        converged: whether the last step changed the cost by less than asked.
    """

    xi: Float[np.ndarray, " n_coefficients"]
    misfit: float
    precision: float
    iterations: int = 0
    converged: bool = False

    @property
    def cost(self) -> float:
        """Minus the logarithm of the posterior, up to a constant."""
        return 0.5 * self.precision * self.misfit + 0.5 * float(self.xi @ self.xi)


def minimize(
    tissue: TissueLeads,
    xi: Float[np.ndarray, " n_coefficients"],
    *,
    noise_floor: float,
    max_iterations: int,
    tolerance: float,
) -> Fit:
    """Minimize precision · ‖y − h(ξ)‖² / 2 + ‖ξ‖² / 2.

    The gradient is exact (reverse mode). The curvature is taken in the directions of ξ that move
    the initial potential, about as many as there are nodes on the rim of the excited patch; one
    forward-mode derivative each. Eight dampings are tried at once. The precision is that of the
    misfit itself, at most 1/σ² and counting only as many data as are independent: a bad start or
    a wrong model trusts the data less, and the prior keeps the field smooth.

    Args:
        tissue: the map.
        xi: start.
        noise_floor: σ² of one datum, 0 if not known.
        max_iterations: steps at most.
        tolerance: relative change of the cost that ends the search.
    """
    xi = np.asarray(xi, np.float64)
    misfit = float(misfits(tissue, jnp.asarray(xi, jnp.float32)[None])[0])
    fit = Fit(xi, misfit, precision_of(tissue, xi, noise_floor))
    for number in range(max_iterations):
        gradient = np.asarray(
            misfit_and_gradient(tissue, jnp.asarray(fit.xi, jnp.float32))[1], np.float64
        )
        slope = 0.5 * fit.precision * gradient + fit.xi
        curvature = curvature_at(tissue, fit.xi)
        told = fit.precision * curvature.values
        along = curvature.directions.T @ slope
        steps = []
        for damping in DAMPINGS:
            # (V diag(told) Vᵀ + (1 + damping) I)⁻¹ slope
            shrink = told / (told + 1 + damping)
            steps.append((slope - curvature.directions @ (shrink * along)) / (1 + damping))
        tried = fit.xi - np.array(steps)
        scores = np.asarray(misfits(tissue, jnp.asarray(tried, jnp.float32)), np.float64)
        costs = 0.5 * fit.precision * scores + 0.5 * (tried**2).sum(axis=1)
        costs = np.where(np.isfinite(costs), costs, np.inf)
        best = int(costs.argmin())
        if costs[best] >= fit.cost:
            return replace(fit, converged=True)
        change = (fit.cost - costs[best]) / fit.cost
        precision = precision_of(tissue, tried[best], noise_floor)
        settled = change < tolerance and abs(precision / fit.precision - 1) < 0.02
        fit = Fit(tried[best], float(scores[best]), precision, number + 1, settled)
        if settled:
            break
    return fit


def curvature_at(tissue: TissueLeads, xi: Float[np.ndarray, " n_coefficients"]) -> Curvature:
    """Return the Gauss–Newton Hessian at ξ."""
    directions = effective_directions(tissue, xi)
    rank, size = directions.shape[1], min(16, chunk_size(tissue))
    point = jnp.asarray(xi, jnp.float32)
    moves = []
    for first in range(0, rank, size):
        part = directions[:, first : first + size].T
        padded = np.zeros((size, directions.shape[0]), np.float32)
        padded[: len(part)] = part
        found = np.asarray(directional(tissue, point, jnp.asarray(padded)))
        moves.append(found[: len(part)].reshape(len(part), -1))
    jacobian = np.concatenate(moves)
    values, vectors = np.linalg.eigh((jacobian @ jacobian.T).astype(np.float64))
    return Curvature(directions @ vectors, np.maximum(values, 0.0))


def effective_directions(
    tissue: TissueLeads, xi: Float[np.ndarray, " n_coefficients"]
) -> Float[np.ndarray, "n_coefficients rank"]:
    """Return orthonormal directions of ξ that matter: those that move u0, and all others."""
    n_initial = tissue.bases[0].shape[1]
    u0 = np.asarray(tissue.initial_potential(jnp.asarray(xi, jnp.float32)), np.float64)
    rest = tissue.model.rest[0]
    share = (u0 - rest) / (1 - rest)
    moves = (share * (1 - share))[:, None] * np.asarray(tissue.bases[0], np.float64)
    squares, vectors = np.linalg.eigh(moves.T @ moves)
    seen = vectors[:, squares > SEEN**2 * squares[-1]]
    n_other = len(xi) - n_initial
    directions = np.zeros((len(xi), seen.shape[1] + n_other))
    directions[:n_initial, : seen.shape[1]] = seen
    directions[n_initial:, seen.shape[1] :] = np.eye(n_other)
    return directions


def precision_of(
    tissue: TissueLeads,
    xi: Float[np.ndarray, " n_coefficients"],
    noise_floor: float,
) -> float:
    """Return independent data / ‖y − h‖², at most 1/σ²."""
    left = np.asarray(residual(tissue, jnp.asarray(xi, jnp.float32)), np.float64)
    variance = max(float((left**2).sum()) / left.size, noise_floor, 1e-30)
    return independent_share(left) / variance


def independent_share(left: Float[np.ndarray, "n_times n_leads"]) -> float:
    """Return which share of the residuals is independent: 1 for white noise.

    In time, 1 / (1 + 2 Σ ρ) with the autocorrelation ρ up to where it first falls below 0.05; over
    the leads, the participation ratio of the eigenvalues of their covariance.
    """
    n_times, n_leads = left.shape
    energy = float((left**2).sum())
    if energy <= 0:
        return 1.0
    spectrum = np.abs(np.fft.rfft(left, 2 * n_times, axis=0)) ** 2
    correlation = np.fft.irfft(spectrum.sum(axis=1))[:n_times] / energy
    below = int(np.argmax(correlation < 0.05)) or n_times
    in_time = 1 / (1 + 2 * float(correlation[1:below].sum()))
    covariance = left.T @ left if n_leads <= n_times else left @ left.T
    effective = energy**2 / float((covariance**2).sum())
    # White noise in finitely many samples has 1 / (1/leads + 1/times).
    over_leads = min(1.0, effective * (1 / n_leads + 1 / n_times))
    return min(1.0, in_time) * over_leads
