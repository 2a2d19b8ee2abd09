"""The best parameter there is, for those who know the answer."""

from dataclasses import dataclass

from ..._types import ArrayLike
from .._path import RegularizationPath
from .._reconstruction import ParameterChoice
from ._base import smallest


@dataclass(frozen=True, eq=False)
class Oracle:
    """Minimize ‖u − truth‖: a bound for every rule, for studies only.

    The interval holds the neighbors whose relative error is within about 1 % of the least.

    Args:
        truth: (n_nodes, n_times) heart potentials.
        remove_mean: compare after removing the spatial mean at every instant, as potentials
            against different references must be.
        per_instant: one parameter an instant instead of one for the beat.

    Raises:
        InputError: when used: a truth of another shape.
    """

    truth: ArrayLike
    remove_mean: bool = False
    per_instant: bool = False

    def choose(self, path: RegularizationPath) -> ParameterChoice:
        """Return the best candidate."""
        beat = path.errors(self.truth, remove_mean=self.remove_mean, per_instant=False)
        instants = None
        if self.per_instant:
            instants = path.errors(self.truth, remove_mean=self.remove_mean, per_instant=True)
        name = "Oracle (knows the truth)"
        return smallest(name, path, beat[:, 0], instants, tolerance=0.02)
