"""The corner of the curve of log ‖Γu‖ over log ‖y − Ru‖."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..._checks import check_number
from .._path import TINY, Norms, RegularizationPath
from .._reconstruction import ParameterChoice
from ._base import around

FLOOR = 1e-100


@dataclass(frozen=True)
class LCurve:
    """Take the point of greatest curvature of (log ‖y − Ru‖, log ‖Γu‖).

    Over λ the curvature is exact, κ = −2 (ηρ/η′)(λ²η′ρ + 2ληρ + λ⁴ηη′)/(λ²η² + ρ²)^{3/2} with
    ρ = ‖y − Ru‖², η = ‖Γu‖² and η′ = dη/dλ. Over ranks and iterations, where there is no
    derivative, it is the point farthest below the chord between the ends of the curve.

    Measured data have several corners, because model errors fill one group of singular values
    after the other. The corner with the largest λ (least rank) whose curvature is at least
    ``significant`` of the greatest is taken: the others fit errors.

    Two artefacts of the ends are cut off: candidates that explain less than 2 % of ‖y‖² (both
    norms sit still there), and candidates whose residual is under 1e-6 of ‖y‖ (rounding). The
    interval holds the neighbors whose curvature is within a tenth of the greatest.

    Args:
        significant: share of the greatest curvature that makes a bend a corner; 1 takes the
            sharpest corner, wherever it is.
        per_instant: one parameter an instant instead of one for the beat.

    Source: Hansen and O'Leary, SIAM J Sci Comput 1993;14:1487, Eq. 18; for the form without second
    derivatives, Hansen, in Computational Inverse Problems in Electrocardiology (2001), p. 119.
    """

    significant: float = 0.2
    per_instant: bool = False

    def __post_init__(self):
        check_number(self.significant, "significant", above=0, at_most=1)

    def choose(self, path: RegularizationPath) -> ParameterChoice:
        """Return the corner."""
        beat = _criterion(path, path.norms(False))
        best = int(self._corner(path, beat)[0])
        chosen = np.array([best])
        if self.per_instant:
            chosen = self._corner(path, _criterion(path, path.norms(True)))
        within = beat[:, 0] <= beat[best, 0] + 0.1 * abs(beat[best, 0])
        return ParameterChoice(
            rule="LCurve",
            value=path.parameters[chosen],
            candidates=path.parameters,
            criterion=beat[:, 0],
            interval=around(path.parameters, within, best),
            at_edge=best in (0, len(beat) - 1) or bool(beat[best, 0] >= beat.max()),
        )

    def _corner(self, path: RegularizationPath, criterion: np.ndarray) -> np.ndarray:
        sharpest = criterion.argmin(axis=0)
        if path.parameter_name != "λ":
            return sharpest
        inner = criterion[1:-1]
        bend = (inner < criterion[:-2]) & (inner <= criterion[2:]) & (inner < 0)
        bend &= inner <= self.significant * criterion.min(axis=0)
        last = len(criterion) - 2 - np.argmax(bend[::-1], axis=0)
        return np.where(bend.any(axis=0), last, sharpest)


def _criterion(
    path: RegularizationPath, norms: Norms
) -> Float[np.ndarray, "n_candidates n_columns"]:
    # Over ‖y‖², which changes no curvature but keeps volts and zeros away from underflow.
    scale = np.where(norms.data > 0, norms.data, 1.0)
    rho, eta = np.maximum(norms.residual / scale, FLOOR), np.maximum(norms.seminorm / scale, FLOOR)
    trusted = (rho > 1e-12) & (rho < 0.98)
    if norms.slope is None:
        value = _below_chord(np.log(rho), np.log(eta), trusted)
    else:
        lam = path.parameters[:, None]
        slope = np.minimum(2 * lam * norms.slope / scale, -FLOOR)
        size = np.hypot(lam**2 * eta, rho)
        value = 2 * (eta / slope) * (rho / size)
        value *= (lam**2 * slope * rho + 2 * lam * eta * rho + lam**4 * eta * slope) / size**2
    # Outside, no point may win; a finite number keeps the criterion fit for a figure.
    return np.where(trusted, value, np.where(trusted, value, -np.inf).max(axis=0).clip(min=0.0))


def _below_chord(x: np.ndarray, y: np.ndarray, trusted: np.ndarray) -> np.ndarray:
    x = _unit(np.where(trusted, x, np.nan))
    y = _unit(np.where(trusted, y, np.nan))
    return np.nan_to_num(x + y, nan=2.0)


def _unit(values: np.ndarray) -> np.ndarray:
    filled_low = np.where(np.isnan(values), np.inf, values).min(axis=0)
    filled_high = np.where(np.isnan(values), -np.inf, values).max(axis=0)
    span = np.where(np.isfinite(filled_high - filled_low), filled_high - filled_low, 1.0)
    return (values - np.where(np.isfinite(filled_low), filled_low, 0.0)) / np.maximum(span, TINY)
