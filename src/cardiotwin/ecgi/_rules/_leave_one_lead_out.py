"""Cross-validation over the leads, exactly."""

from dataclasses import dataclass

from .._path import RegularizationPath
from .._reconstruction import ParameterChoice
from ._base import smallest


@dataclass(frozen=True)
class LeaveOneLeadOut:
    """Minimize Σ_i (r_i/(1 − h_i))², the squared error of predicting each lead from the others.

    r is the residual and h the diagonal of the influence matrix; nothing is solved again (PRESS).
    GCV replaces each h by the mean. To judge a method by left-out leads as well, the choice has to
    be nested: `cross_validate_leads`. The interval holds the neighbors within 1 %.

    Args:
        per_instant: one parameter an instant instead of one for the beat.

    Source: Allen, Technometrics 1974;16:125.
    """

    per_instant: bool = False

    def choose(self, path: RegularizationPath) -> ParameterChoice:
        """Return the minimum."""
        beat = path.left_out_errors(False)
        instants = path.left_out_errors(True) if self.per_instant else None
        return smallest("LeaveOneLeadOut", path, beat[:, 0], instants, tolerance=0.01)
