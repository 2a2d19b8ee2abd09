"""Generalized cross-validation and its robust form."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..._checks import check_number
from .._path import Norms, RegularizationPath
from .._reconstruction import ParameterChoice
from ._base import smallest


@dataclass(frozen=True)
class GCV:
    """Minimize ‖y − Ru‖²/m / (1 − tr A/m)², the error of predicting left-out data, rotated.

    Right for errors that are white over the leads. Errors of the geometry or the conductivity are
    not: then it trusts them as signal and chooses far too little regularization. The interval
    holds the neighbors within 1 % of the minimum.

    Args:
        per_instant: one parameter an instant instead of one for the beat.

    Source: Golub, Heath and Wahba, Technometrics 1979;21:215, Eq. 1.4.
    """

    per_instant: bool = False

    def choose(self, path: RegularizationPath) -> ParameterChoice:
        """Return the minimum."""
        beat = _gcv(path, path.norms(False))
        instants = _gcv(path, path.norms(True)) if self.per_instant else None
        return smallest("GCV", path, beat[:, 0], instants, tolerance=0.01)


@dataclass(frozen=True)
class RobustGCV:
    """Minimize (γ + (1 − γ) μ₂) GCV with μ₂ = tr(A²)/m, which resists choosing too little.

    With γ = 0 (advised for electrocardiography) the criterion falls to zero again where the
    solution vanishes; only minima inside the path count then. The interval holds the neighbors
    within 1 % of the minimum.

    Args:
        gamma: γ in [0, 1]; 1 is plain GCV. With 0.5 simulated beats with white noise come within
            about 3 % of the best relative error, for zero and second order.
        per_instant: one parameter an instant instead of one for the beat.

    Raises:
        InputError: γ outside [0, 1].

    Source: Lukas, Inverse Problems 2006;22:1883; for electrocardiography Barnes and Johnston,
    Comput Biol Med 2016;69:213.
    """

    gamma: float = 0.5
    per_instant: bool = False

    def __post_init__(self):
        check_number(self.gamma, "gamma", at_least=0, at_most=1)

    def choose(self, path: RegularizationPath) -> ParameterChoice:
        """Return the minimum."""
        beat = self._criterion(path, path.norms(False))
        instants = self._criterion(path, path.norms(True)) if self.per_instant else None
        return smallest("RobustGCV", path, beat[:, 0], instants, tolerance=0.01)

    def _criterion(
        self, path: RegularizationPath, norms: Norms
    ) -> Float[np.ndarray, "n_candidates n_columns"]:
        spread = norms.trace_of_square / path.n_data
        criterion = (self.gamma + (1 - self.gamma) * spread) * _gcv(path, norms)
        # Where tr(A²) < 1 not one number is left of the data: no longer a choice.
        if (spread * path.n_data >= 1).any():
            vanished = np.broadcast_to(spread * path.n_data < 1, criterion.shape)
            criterion = np.where(vanished, criterion.max(axis=0), criterion)
        return criterion


def _gcv(path: RegularizationPath, norms: Norms) -> Float[np.ndarray, "n_candidates n_columns"]:
    # Full interpolation (tr A = m) is 0/0; the bound keeps it from winning by rounding.
    left_over = np.maximum(1 - norms.trace / path.n_data, 1e-8)
    return norms.residual / path.n_data / left_over**2
