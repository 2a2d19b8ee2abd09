"""The U-curve, and the zero crossing that it resembles."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .._path import TINY, Norms, RegularizationPath
from .._reconstruction import ParameterChoice
from ._base import smallest


@dataclass(frozen=True)
class UCurve:
    """Minimize 1/‖y − Ru‖² + 1/‖Γu‖².

    The sum adds quantities of different units: the choice changes when Γ or R are measured in
    other units (λ of the other rules follows). The interval holds the neighbors within 5 %.

    Args:
        per_instant: one parameter an instant instead of one for the beat.

    Source: Krawczyk-Stańdo and Rudnicki, Int J Appl Math Comput Sci 2007;17:157.
    """

    per_instant: bool = False

    def choose(self, path: RegularizationPath) -> ParameterChoice:
        """Return the bottom of the U."""
        beat = _sum_of_inverses(path.norms(False))
        instants = _sum_of_inverses(path.norms(True)) if self.per_instant else None
        return smallest("UCurve", path, beat[:, 0], instants, tolerance=0.05)


def _sum_of_inverses(norms: Norms) -> Float[np.ndarray, "n_candidates n_columns"]:
    # Times ‖y‖², which changes no minimum and keeps the numbers near one.
    size = np.maximum(norms.data, TINY)
    return size / np.maximum(norms.residual, TINY * 1e20) + size / np.maximum(
        norms.seminorm, TINY * 1e20
    )
