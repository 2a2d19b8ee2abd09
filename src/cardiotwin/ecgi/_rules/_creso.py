"""The composite residual and smoothing operator."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..._errors import InputError
from .._path import Norms, RegularizationPath
from .._reconstruction import ParameterChoice
from ._base import around


@dataclass(frozen=True)
class CRESO:
    """Take the smallest λ at which C has a positive local maximum.

    C(t) = d/dt (t‖Γu‖² − ‖y − Ru‖²) = ‖Γu‖² + 2t d‖Γu‖²/dt with t = λ², because
    d‖y − Ru‖²/dt = −t d‖Γu‖²/dt. Without such a maximum the rule takes the largest
    λ and reports that it failed. The interval holds the neighbors whose C is within a twentieth
    of the maximum.

    Args:
        per_instant: one parameter an instant instead of one for the beat.

    Source: Colli-Franzone, Guerri, Taccardi and Viganotti, Calcolo 1985;22:91; Johnston and
    Gulrajani, IEEE Trans Biomed Eng 1997;44:19.
    """

    per_instant: bool = False

    def choose(self, path: RegularizationPath) -> ParameterChoice:
        """Return the first maximum."""
        beat = _composite(path, path.norms(False))
        chosen, found = _first_peak(beat)
        best = int(chosen[0])
        if self.per_instant:
            chosen, _ = _first_peak(_composite(path, path.norms(True)))
        within = beat[:, 0] >= beat[best, 0] - 0.05 * abs(beat[best, 0])
        return ParameterChoice(
            rule="CRESO",
            value=path.parameters[chosen],
            candidates=path.parameters,
            criterion=-beat[:, 0],
            interval=around(path.parameters, within, best),
            at_edge=not bool(found[0]),
        )


def _composite(
    path: RegularizationPath, norms: Norms
) -> Float[np.ndarray, "n_candidates n_columns"]:
    if norms.slope is None:
        raise InputError(
            "rule",
            found=f"CRESO for a parameter called {path.parameter_name}",
            expected="a method with λ",
            advice="CRESO is a derivative over λ: use it with Tikhonov.",
        )
    return norms.seminorm + 2 * path.parameters[:, None] ** 2 * norms.slope


def _first_peak(composite: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inner = composite[1:-1]
    peak = (inner > composite[:-2]) & (inner >= composite[2:]) & (inner > 0)
    found = np.any(peak, axis=0, keepdims=True)[0]
    return np.where(found, 1 + np.argmax(peak, axis=0), len(composite) - 1), found
