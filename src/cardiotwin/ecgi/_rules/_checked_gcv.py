"""Cross-validation, unless the L-curve says that the errors are not white."""

from dataclasses import dataclass, field, replace

from ..._checks import check_number
from .._path import RegularizationPath
from .._reconstruction import ParameterChoice
from ._as_tikhonov import AsTikhonov
from ._gcv import RobustGCV
from ._l_curve import LCurve


@dataclass(frozen=True)
class CheckedGCV:
    """Use robust GCV if it stays within a factor of the L-curve's corner, otherwise the corner.

    On white noise robust GCV is the sharper rule (within about 3 % of the best relative error in
    simulated beats, where the corner may be 55 % above it). Errors of geometry, conductivity and
    unseen sources are correlated over the leads: cross-validation then takes them for signal and
    a λ thousands of times too small, and the corner is the better choice. White noise separated
    the two by less than a factor of 20, the errors of a measured torso tank by more than 800.
    While cross-validation is trusted, the interval reaches from the one to the other.

    Ranks and iterations are checked on the Tikhonov path of the same problem, where both criteria
    are smooth, and stopped by `AsTikhonov` where cross-validation fails there.

    Args:
        factor: largest trusted ratio of the two λ.
        cross_validation: the `RobustGCV` to check; γ = 1 is plain GCV.
        corner: the `LCurve` to check it with.
        per_instant: one parameter an instant instead of one for the beat; the check itself is
            made on the beat.

    Raises:
        InputError: a factor below 1.
    """

    factor: float = 100.0
    cross_validation: RobustGCV = field(default_factory=RobustGCV)
    corner: LCurve = field(default_factory=LCurve)
    per_instant: bool = False

    def __post_init__(self):
        check_number(self.factor, "factor", at_least=1)

    def choose(self, path: RegularizationPath) -> ParameterChoice:
        """Return the choice of cross-validation or of the L-curve."""
        smooth = path if path.parameter_name == "λ" else path.tikhonov()
        validated = replace(self.cross_validation, per_instant=False).choose(smooth)
        corner = replace(self.corner, per_instant=False).choose(smooth)
        v, c = float(validated.value[0]), float(corner.value[0])
        agree = max(v / c, c / v) <= self.factor
        trusted = corner.at_edge or (agree and not validated.at_edge)
        rule = self.cross_validation if trusted else self.corner
        rule = replace(rule, per_instant=self.per_instant)
        if smooth is not path:
            taken = (rule if trusted else AsTikhonov(self.corner)).choose(path)
            return replace(taken, rule=f"CheckedGCV ({taken.rule})")
        taken = rule.choose(path)
        interval = taken.interval
        if trusted and agree:
            interval = (min(interval[0], c), max(interval[1], c))
        others = {"RobustGCV": v, "LCurve": c}
        return replace(taken, rule=f"CheckedGCV ({taken.rule})", interval=interval, others=others)
