"""The descent to the most probable start of a beat."""

from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy import optimize

from ._tissue_leads import TissueLeads, misfit_and_gradient, residual

FIRST_ROUND = 25
"""Evaluations before the precision of the data is set anew; four times as many in later rounds,
because L-BFGS forgets what it has learned of the curvature each time."""


@dataclass(frozen=True, eq=False)
class Fit:
    """Coefficients with what is known about them.

    Attributes:
        xi: ξ.
        misfit: ‖y − h(ξ)‖².
        precision: weight of the data: cost = precision · misfit / 2 + ‖ξ‖² / 2.
        evaluations: of cost and gradient.
        converged: whether the last descent changed the cost by less than asked.
    """

    xi: Float[np.ndarray, " n_coefficients"]
    misfit: float
    precision: float
    evaluations: int = 0
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
    max_evaluations: int,
    tolerance: float,
    white: bool = False,
) -> Fit:
    """Minimize precision · ‖y − h(ξ)‖² / 2 + ‖ξ‖² / 2 by L-BFGS.

    The prior makes all coefficients alike, which is the preconditioner. The precision is that of
    the misfit itself, at most 1/σ² and counting only as many data as are independent: a bad start
    or a wrong model trusts the data less, and the prior keeps the field smooth. It is set anew
    every few evaluations.

    L-BFGS (about 105 evaluations) against at most ten Gauss–Newton steps with eight dampings each,
    one run a cell, paper-like case, prior mean −4 and standard deviation 4 of the logit. σ = 0.1:
    cost 17001.6 after 15 s of CPU, against 17001.0 after 47 s (131 directions a step) or 17003.9
    after 12 s (8 directions). σ = 0.01: 17060 after 13 to 18 s, against 20893 after 20 s (14
    directions, not converged; more directions were not tried there in the same run).

    Args:
        tissue: the map.
        xi: start.
        noise_floor: σ² of one datum, 0 if not known.
        max_evaluations: of cost and gradient.
        tolerance: relative change of the cost over one round that ends the search.
        white: count all data, however much correlated what is left of them: where the model may
            err, that is no reason to trust them less.
    """
    xi = np.asarray(xi, np.float64)
    fit = _assess(tissue, xi, noise_floor, white)
    while fit.evaluations < max_evaluations and not fit.converged:

        def cost(
            point: Float[np.ndarray, " n"], precision: float = fit.precision
        ) -> tuple[float, Float[np.ndarray, " n"]]:
            misfit, gradient = misfit_and_gradient(tissue, jnp.asarray(point, jnp.float32))
            value = 0.5 * precision * float(misfit) + 0.5 * float(point @ point)
            slope = 0.5 * precision * np.asarray(gradient, np.float64) + point
            if not (np.isfinite(value) and np.isfinite(slope).all()):
                # The simulation ran away: the line search steps back.
                return 1e30, np.zeros_like(point)
            return value, slope

        round_length = FIRST_ROUND if fit.evaluations == 0 else 4 * FIRST_ROUND
        allowed = min(round_length, max_evaluations - fit.evaluations)
        found = optimize.minimize(
            cost,
            fit.xi,
            jac=True,
            method="L-BFGS-B",
            options={"maxfun": allowed, "maxcor": 30, "ftol": 1e-9, "gtol": 1e-9},
        )
        before = fit.cost
        evaluations = fit.evaluations + int(found.nfev)
        if not found.fun < before:
            return replace(fit, evaluations=evaluations, converged=True)
        settled = before - found.fun < tolerance * before
        after = _assess(tissue, found.x, noise_floor, white)
        settled = settled and abs(after.precision / fit.precision - 1) < 0.02
        fit = replace(after, evaluations=evaluations, converged=settled)
    return fit


def _assess(
    tissue: TissueLeads,
    xi: Float[np.ndarray, " n_coefficients"],
    noise_floor: float,
    white: bool,
) -> Fit:
    """Return the misfit, and the precision: independent share of the data / variance."""
    left = np.asarray(residual(tissue, jnp.asarray(xi, jnp.float32)), np.float64)
    misfit = float((left**2).sum())
    variance = max(misfit / left.size, noise_floor, 1e-30)
    return Fit(xi, misfit, (1.0 if white else independent_share(left)) / variance)


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
