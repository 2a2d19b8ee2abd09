"""Let Tikhonov choose for methods without λ."""

from dataclasses import dataclass, field

import numpy as np

from .._path import RegularizationPath
from .._reconstruction import ParameterChoice
from ._base import Rule
from ._l_curve import LCurve


@dataclass(frozen=True)
class AsTikhonov:
    """Take the first rank or iteration that explains the data as well as Tikhonov does.

    The rule chooses λ on the Tikhonov path of the same problem, where its criterion is smooth; the
    choice here is the first candidate whose residual ‖y − Ru‖ is no larger than Tikhonov's, over
    the beat. On a path over λ it is the rule itself. The interval holds the candidates that the
    ends of the rule's interval lead to.

    Args:
        rule: any rule over λ, for one value a beat.
    """

    rule: Rule = field(default_factory=LCurve)

    def choose(self, path: RegularizationPath) -> ParameterChoice:
        """Return the candidate."""
        if path.parameter_name == "λ":
            return self.rule.choose(path)
        smooth = path.tikhonov()
        choice = self.rule.choose(smooth)
        residual = path.norms(False).residual[:, 0]
        known = np.log(smooth.norms(False).residual[:, 0])
        ends = np.log([float(np.median(choice.value)), *choice.interval])
        targets = np.exp(np.interp(ends, np.log(smooth.parameters), known))
        under = residual[:, None] <= targets * (1 + 1e-12)
        last = len(residual) - 1
        best, low, high = np.where(under.any(axis=0), np.argmax(under, axis=0), last)
        return ParameterChoice(
            rule=f"AsTikhonov ({choice.rule})",
            value=path.parameters[[best]],
            candidates=path.parameters,
            criterion=np.abs(np.log(np.maximum(residual, 1e-300) / targets[0])),
            interval=(
                float(path.parameters[min(low, high)]),
                float(path.parameters[max(low, high)]),
            ),
            at_edge=choice.at_edge or best == last,
        )
