"""The parameter at which the solution changes least."""

from dataclasses import dataclass

from .._path import RegularizationPath
from .._reconstruction import ParameterChoice
from ._base import smallest


@dataclass(frozen=True)
class QuasiOptimality:
    """Minimize ‖d(Γu)/d log λ‖ between the ends of the path, where it always vanishes.

    Only candidates between the smallest and the largest local maximum of the change count. The
    interval holds the neighbors within 10 %.

    Args:
        per_instant: one parameter an instant instead of one for the beat.

    Source: Tikhonov and Glasko, USSR Comput Math Math Phys 1965;5:93.
    """

    per_instant: bool = False

    def choose(self, path: RegularizationPath) -> ParameterChoice:
        """Return the least change."""
        norms = path.norms(False)
        inside = norms.residual[:, 0] < 0.5 * norms.data[0]
        beat = norms.step.copy()
        beat[~inside] = beat.max()
        instants = None
        if self.per_instant:
            norms = path.norms(True)
            instants = norms.step.copy()
            outside = norms.residual >= 0.5 * norms.data
            instants = instants + outside * instants.max(axis=0)
        return smallest("QuasiOptimality", path, beat[:, 0], instants, tolerance=0.1)
