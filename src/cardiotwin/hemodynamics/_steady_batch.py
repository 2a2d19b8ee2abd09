"""Steady beats of the patients of a trial, as plain columns."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from ..circulation import PARAMETERS, Circulation, CycleSolver, Lvad, steady_indices
from ..circulation._groups import LANES as GROUP_SIZES

LANES = GROUP_SIZES[-1]
"""Cases a batch: as many as `steady_indices` computes together."""

PERIODIC = "periodic"


class Steady(NamedTuple):
    """What is known of some patients' beats.

    Attributes:
        indices: name → (n,), NaN where there is no periodic beat.
        error: (n,) "NumericsError: …" where there is none, otherwise empty.
    """

    indices: Mapping[str, Float[np.ndarray, " n"]]
    error: Shaped[np.ndarray, " n"]


Solve = Callable[[Circulation, Lvad | None], Steady]
"""From patients, with or without a pump, to their beats."""


def make_solve(solver: CycleSolver) -> Solve:
    """Return the function that finds the beats of some patients."""

    def solve(circulation: Circulation, lvad: Lvad | None) -> Steady:
        n = circulation.shape[0]
        # Few patients would be another compiled program, which takes longer than the beats do.
        padded = np.minimum(np.arange(max(n, LANES)), n - 1)
        if lvad is not None:
            speed = np.broadcast_to(lvad.speed_rpm, (n,))
            lvad = Lvad(speed[padded], lvad.coefficients)
        found = steady_indices(circulation[padded], lvad, solver=solver, throw=False)
        status = found.status[:n]
        errors = ["" if text == PERIODIC else f"NumericsError: {text}" for text in status.tolist()]
        indices = {name: own[:n] for name, own in found.indices.as_dict().items()}
        return Steady(indices, np.array(errors, dtype=np.str_))

    return solve


def parameter_columns(circulation: Circulation) -> dict[str, Float[np.ndarray, " n"]]:
    """Return every parameter of a batch as a column."""
    shape = circulation.shape
    return {name: np.broadcast_to(own, shape) for name, own in circulation.values().items()}


def circulation_of(columns: Mapping[str, Any]) -> Circulation:
    """Return the patients whose parameters stand in some columns."""
    return Circulation(**{name: columns[name] for name in PARAMETERS})
