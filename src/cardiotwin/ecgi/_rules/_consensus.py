"""Many rules together: their median, and what each would have chosen."""

from dataclasses import dataclass, replace

import numpy as np

from ..._errors import InputError
from .._path import RegularizationPath
from .._reconstruction import ParameterChoice
from ._base import Rule
from ._creso import CRESO
from ._gcv import GCV, RobustGCV
from ._l_curve import LCurve
from ._quasi_optimality import QuasiOptimality
from ._u_curve import UCurve

CHEAP: tuple[Rule, ...] = (CRESO(), LCurve(), UCurve(), GCV(), RobustGCV(), QuasiOptimality())


@dataclass(frozen=True)
class Consensus:
    """Take the median, in log λ, of what several rules choose; hard to fool.

    Rules that find no optimum inside the grid have no vote, unless all fail. The interval reaches
    from the smallest to the largest vote.

    Args:
        rules: rule objects, each with its own settings.

    Raises:
        InputError: no rules.

    >>> len(Consensus().rules)
    5
    """

    rules: tuple[Rule, ...] = (CRESO(), LCurve(), UCurve(), RobustGCV(), GCV())

    def __post_init__(self):
        if not self.rules:
            raise InputError("rules", found="no rules", expected="at least one")

    def choose(self, path: RegularizationPath) -> ParameterChoice:
        """Return the median."""
        every = [rule.choose(path) for rule in self.rules if applies(rule, path)]
        if not every:
            raise InputError(
                "rules", found="only rules over λ", expected=f"a rule over {path.parameter_name}"
            )
        votes = [choice for choice in every if not choice.at_edge] or every
        width = max(len(choice.value) for choice in votes)
        values = np.stack([np.broadcast_to(np.log(c.value), width) for c in votes])
        value = np.exp(np.median(values, axis=0))
        if path.parameter_name != "λ":
            value = np.round(value)
        medians = [float(np.median(choice.value)) for choice in votes]
        distance = np.abs(np.log(path.parameters[:, None] / np.array(medians))).mean(axis=1)
        return ParameterChoice(
            rule="Consensus",
            value=value,
            candidates=path.parameters,
            criterion=distance,
            interval=(min(medians), max(medians)),
            others={choice.rule: float(np.median(choice.value)) for choice in every},
            at_edge=all(choice.at_edge for choice in every),
        )


def applies(rule: Rule, path: RegularizationPath) -> bool:
    """Tell whether a rule can be used on a path: CRESO needs λ."""
    return path.parameter_name == "λ" or not isinstance(rule, CRESO)


def choose_parameter(path: RegularizationPath, rule: Rule) -> ParameterChoice:
    """Apply a rule, and note what the other cheap rules would have chosen for the beat."""
    choice = rule.choose(path)
    others = {
        other.rule: float(other.value[0])
        for other in (cheap.choose(path) for cheap in CHEAP if applies(cheap, path))
        if other.rule != choice.rule
    }
    return replace(choice, others={**others, **choice.others})


def advice(choice: ParameterChoice, parameter_name: str) -> str:
    """Return the status of a solution with this choice."""
    if choice.rule.startswith("Oracle"):
        return "solved, with the parameter that fits the known truth best: for studies only"
    if not choice.at_edge:
        return "solved"
    return (
        f"{choice.rule} found no optimum among {len(choice.candidates)} values of "
        f"{parameter_name} and took one at the edge: look at its criterion, compare "
        "parameter.others, or give Fixed(...)"
    )
