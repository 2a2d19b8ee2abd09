"""Truncated (generalized) singular value decomposition."""

from dataclasses import dataclass, field

import numpy as np

from .._errors import InputError
from ..geometry import CotangentLaplacian, PaperLaplacian
from ._path import truncated_path
from ._penalty import check_order, penalty_factors
from ._problem import InverseProblem
from ._reconstruction import Solution
from ._regularizers import Regularizer
from ._rules import CheckedGCV, Rule, advice, choose_parameter
from ._standard_form import StandardForm


@dataclass(frozen=True, eq=False)
class TruncatedSVD:
    """Keep the k directions that the leads see best: u = Σ_{j ≤ k} x_j (uⱼᵀy)/s_j + free part.

    The singular values are those of R in the metric of Γ, so that with order 1 or 2 the kept
    directions are the smoothest for their visibility, and what Γ does not punish is always kept.

    Args:
        order: 0 magnitude, 1 surface gradient, 2 surface Laplacian.
        rule: how k is chosen; every rule but `CRESO`, and `Fixed(k)`.
        regularizer: Γ, instead of ``order``.
        laplacian: of order 2.

    Raises:
        InputError: another order; when used: a rule over λ, k above the rank.

    Source: Hansen, SIAM J Sci Stat Comput 1990;11:503; with Γ, Hansen, Sekii and Shibahashi,
    SIAM J Sci Stat Comput 1992;13:1142.

    >>> from cardiotwin.ecgi import Fixed, InverseProblem, reconstruct
    >>> problem = InverseProblem([[1.0, 0.0], [0.0, 0.5]], [[2.0], [1.0]])
    >>> reconstruct(problem, TruncatedSVD(rule=Fixed(1))).heart_potentials.tolist()
    [[2.0], [0.0]]
    """

    order: int = 0
    rule: Rule = field(default_factory=CheckedGCV)
    regularizer: Regularizer | None = None
    laplacian: PaperLaplacian | CotangentLaplacian = field(default_factory=PaperLaplacian)

    def __post_init__(self):
        check_order(self.order)

    def solve(self, problem: InverseProblem) -> Solution:
        """Return the truncated expansion at the rank of the rule."""
        factors = penalty_factors(problem, self.order, self.regularizer, self.laplacian)
        form = StandardForm.of(problem.matrix, factors)
        path = truncated_path(form, problem)
        choice = choose_parameter(path, self.rule)
        rank = len(form.values)
        if choice.value.max() > rank or (choice.value % 1).any():
            raise InputError(
                "rule",
                found=f"k = {choice.value.max():g}",
                expected=f"whole numbers from 1 to the rank {rank}",
            )
        filters = (np.arange(rank)[:, None] < choice.value).astype(float)
        return Solution(
            heart_potentials=form.solution(problem.data, filters),
            status=advice(choice, "the rank"),
            parameter=choice,
            diagnostics={
                "smallest_kept_ratio": float(form.values[int(choice.value.max()) - 1])
                / float(form.values[0])
            },
        )
