"""What every rule shares: reading the best candidate off a criterion."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from ..._types import Vector
from .._path import RegularizationPath
from .._reconstruction import ParameterChoice


@runtime_checkable
class Rule(Protocol):
    """A frozen object that reads a parameter off a path."""

    def choose(self, path: RegularizationPath) -> ParameterChoice:
        """Return the chosen parameter, and how firmly it is chosen."""
        ...


def smallest(
    rule: str,
    path: RegularizationPath,
    beat: Vector,
    instants: Float[np.ndarray, "n_candidates n_times"] | None,
    *,
    tolerance: float,
    trusted: slice = slice(None),
) -> ParameterChoice:
    """Choose the candidate of the smallest criterion, for the beat or for every instant.

    Args:
        rule: name.
        path: the candidates.
        beat: (n_candidates,) criterion of the whole beat.
        instants: (n_candidates, n_times) criterion of every instant, None for one value a beat.
        tolerance: candidates around the best whose criterion is within this share of it belong
            to the interval.
        trusted: candidates that may win.
    """
    first, last, _ = trusted.indices(len(beat))
    best = first + int(np.argmin(beat[trusted]))
    within = beat <= beat[best] + tolerance * abs(beat[best])
    if instants is None:
        chosen = np.array([best])
    else:
        chosen = first + np.argmin(instants[trusted], axis=0)
    return ParameterChoice(
        rule=rule,
        value=path.parameters[chosen],
        candidates=path.parameters,
        criterion=beat,
        interval=around(path.parameters, within, best),
        at_edge=best in (first, last - 1),
    )


def around(parameters: Vector, within: np.ndarray, best: int) -> tuple[float, float]:
    """Return the ends of the unbroken run of ``within`` that holds ``best``."""
    outside = np.flatnonzero(~within)
    low = outside[outside < best].max(initial=-1) + 1
    high = outside[outside > best].min(initial=len(parameters)) - 1
    return float(parameters[low]), float(parameters[high])
