"""What an identification found: draws of parameters and beats, with intervals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from .._checks import check_choice, check_count, check_number
from .._provenance import Provenance
from ..circulation import INDEX_NAMES, PARAMETERS, Beat, Circulation, Indices, steady_state
from ._measurements import Measurements
from ._priors import Unknowns


@dataclass(frozen=True, eq=False)
class Identification:
    """Weighted draws of one patient's circulation, given what was measured.

    Every answer is a distribution: `interval` and `quantile` take the name of a parameter or of a
    clinical index; `loops` gives beats of draws, so that a pressure–volume loop is a band.

    Attributes:
        measurements: of the patient.
        unknowns: free parameters with their priors.
        coordinates: (n_draws, n_unknowns) draws, standard normal before the measurements.
        weights: (n_draws,) of the draws; they sum to one.
        predicted: clinical indices of the draws, (n_draws,) each.
        mode: (n_unknowns,) coordinates of the most probable patient.
        status: how far to trust the draws, in a sentence.
        trusted: whether the method's own checks hold.
        diagnostics: effective number of draws, k̂ or R̂, beats simulated, and so on.
        seconds: wall-clock time, of a batch divided by its patients.
        provenance: version, seed and settings.
    """

    measurements: Measurements
    unknowns: Unknowns
    coordinates: Float[np.ndarray, "n_draws n_unknowns"]
    weights: Float[np.ndarray, " n_draws"]
    predicted: Indices
    mode: Float[np.ndarray, " n_unknowns"]
    status: str
    trusted: bool
    diagnostics: dict[str, float]
    seconds: float
    provenance: Provenance

    @property
    def circulation(self) -> Circulation:
        """The draws as a batch of patients, to be weighted."""
        return self.unknowns.circulation(self.coordinates)

    @property
    def most_probable(self) -> Circulation:
        """The most probable patient."""
        return self.unknowns.circulation(self.mode)

    def values(self, name: str) -> Float[np.ndarray, " n_draws"]:
        """Return a parameter or a clinical index of every draw.

        Raises:
            InputError: no such parameter or index.
        """
        check_choice(name, "name", [*PARAMETERS, *INDEX_NAMES])
        if name in INDEX_NAMES:
            return np.asarray(getattr(self.predicted, name))
        own = np.asarray(self.circulation.values()[name])
        return np.broadcast_to(own, self.weights.shape)

    def mean(self, name: str) -> float:
        """Return the posterior mean of a parameter or index."""
        return float(self.weights @ self.values(name))

    def standard_deviation(self, name: str) -> float:
        """Return the posterior standard deviation of a parameter or index."""
        values = self.values(name)
        return float(np.sqrt(self.weights @ (values - self.weights @ values) ** 2))

    def quantile(self, name: str, level: Any) -> Any:
        """Return quantiles of a parameter or index.

        Args:
            name: of it.
            level: in [0, 1], one or several.

        Raises:
            InputError: no such parameter or index.
        """
        return weighted_quantile(self.values(name), self.weights, level)

    def interval(self, name: str, level: float = 0.9) -> tuple[float, float]:
        """Return the central interval that holds a parameter or index with a probability.

        Raises:
            InputError: no such name, or a level outside (0, 1).
        """
        level = check_number(level, "level", above=0, below=1)
        low, high = self.quantile(name, [0.5 - level / 2, 0.5 + level / 2])
        return float(low), float(high)

    def resample(self, n: int, seed: int = 0) -> Circulation:
        """Return patients drawn from the posterior, all of the same weight."""
        return self.unknowns.circulation(self.coordinates[self._choose(n, seed)])

    def loops(self, n: int = 200, seed: int = 0) -> Beat:
        """Return the beats of draws from the posterior: a band of pressure–volume loops.

        Args:
            n: number of beats.
            seed: of the choice.
        """
        return steady_state(self.resample(n, seed), throw=False)

    def _choose(self, n: int, seed: int) -> np.ndarray:
        # Systematic: one random offset, so that heavy draws come as often as they should.
        check_count(n, "n")
        offset = np.random.default_rng(seed).uniform()
        places = (np.arange(n) + offset) / n
        return np.minimum(np.searchsorted(np.cumsum(self.weights), places), len(self.weights) - 1)


def weighted_quantile(
    values: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"], level: Any
) -> Any:
    """Return quantiles of weighted values, linear between the middles of their shares.

    >>> float(weighted_quantile(np.array([3.0, 1.0, 2.0]), np.full(3, 1 / 3), 0.5))
    2.0
    """
    finite = np.isfinite(values)
    values, weights = values[finite], weights[finite]
    if not len(values):
        return np.full(np.shape(level), np.nan)
    order = np.argsort(values)
    share = weights[order]
    middles = (np.cumsum(share) - 0.5 * share) / share.sum()
    return np.interp(level, middles, values[order])
