"""Tikhonov regularization of order zero, one and two, with its posterior."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from .._checks import check_count
from .._errors import InputError
from .._types import Vector
from ..geometry import CotangentLaplacian, PaperLaplacian
from ._path import tikhonov_path
from ._penalty import check_order, penalty_factors
from ._problem import InverseProblem
from ._reconstruction import ParameterChoice, Solution, Uncertainty
from ._regularizers import Regularizer
from ._rules import CheckedGCV, Rule, advice, choose_parameter
from ._standard_form import PenaltyFactors, StandardForm


@dataclass(frozen=True, eq=False)
class Tikhonov:
    """Minimize ‖y − Ru‖² + λ²‖Γu‖² at every instant.

    What neither the leads nor Γ see (with a common average reference and order 1 or 2: the
    constant) is set to zero: such solutions have zero spatial mean.

    The uncertainty is the posterior of Gaussian noise of variance σ² in every lead and a Gaussian
    prior of precision λ²ΓᵀΓ/σ², σ² estimated at every instant as ‖y − Ru‖²/(m − tr A). It is
    right where the leads err like white noise and heart potentials are as rough as the prior
    says, and far too small where the geometry is wrong. `diagnostics` holds how far the solution
    moves (‖u′ − u‖/‖u‖) when λ goes to either end of the rule's interval.

    Args:
        order: 0 magnitude, 1 surface gradient, 2 surface Laplacian.
        rule: how λ is chosen; see `CheckedGCV`.
        regularizer: Γ as an object with ``matrix(heart, n_nodes)``, instead of ``order``.
        laplacian: of order 2, `PaperLaplacian` (Eq. 15) or `CotangentLaplacian`.
        uncertainty: whether the posterior standard deviation is returned.
        n_candidates: number of λ the rule chooses from.

    Raises:
        InputError: another order; when used: order 1 or 2 without a heart surface.

    Source: Tikhonov, Soviet Math Dokl 1963;4:1035; for the inverse problem of
    electrocardiography Messinger-Rapport and Rudy, IEEE Trans Biomed Eng 1988;35:1.

    >>> from cardiotwin.ecgi import Fixed, InverseProblem, reconstruct
    >>> problem = InverseProblem([[1.0, 0.0], [0.0, 0.5]], [[2.0], [1.0]])
    >>> reconstruct(problem, Tikhonov(rule=Fixed(0.5))).heart_potentials.round(3).tolist()
    [[1.6], [1.0]]
    """

    order: int = 0
    rule: Rule = field(default_factory=CheckedGCV)
    regularizer: Regularizer | None = None
    laplacian: PaperLaplacian | CotangentLaplacian = field(default_factory=PaperLaplacian)
    uncertainty: bool = True
    n_candidates: int = 150

    def __post_init__(self):
        check_order(self.order)
        check_count(self.n_candidates, "n_candidates", at_least=8)

    def factors(self, problem: InverseProblem) -> PenaltyFactors:
        """Take Γ apart: the part of the work that does not depend on the leads."""
        return penalty_factors(problem, self.order, self.regularizer, self.laplacian)

    def prepare(
        self, problem: InverseProblem, factors: PenaltyFactors | None = None
    ) -> "PreparedTikhonov":
        """Do the work that does not depend on the data: make once, apply to many recordings.

        Args:
            problem: whose operator, leads and reference count.
            factors: of Γ, where they are known from another set of leads.

        Returns:
            A method that solves ``problem`` and every ``problem.with_data(...)``.

        >>> from cardiotwin.ecgi import InverseProblem, reconstruct
        >>> problem = InverseProblem([[1.0, 0.1], [0.2, 0.5]], [[2.0], [1.0]])
        >>> prepared = Tikhonov().prepare(problem)
        >>> reconstruct(problem.with_data([[1.0, 3.0], [0.0, 1.0]]), prepared).times_ms.size
        2
        """
        if factors is None:
            factors = self.factors(problem)
        return PreparedTikhonov(self, StandardForm.of(problem.matrix, factors), problem)

    def solve(self, problem: InverseProblem) -> Solution:
        """Return the minimizer at the λ of the rule."""
        return self.prepare(problem).solve(problem)


@dataclass(frozen=True, eq=False)
class PreparedTikhonov:
    """`Tikhonov` with the decomposition of one operator; made by `Tikhonov.prepare`.

    Attributes:
        method: the settings.
        form: decomposition of the referenced operator against Γ.
        prepared_for: the problem it was made for.
    """

    method: Tikhonov
    form: StandardForm
    prepared_for: InverseProblem

    def solve(self, problem: InverseProblem) -> Solution:
        """Return the minimizer at the λ of the rule.

        Raises:
            InputError: the problem has another operator, other leads or another reference.
        """
        check_same_operator(problem, self.prepared_for)
        path = tikhonov_path(self.form, problem, n_candidates=self.method.n_candidates)
        choice = choose_parameter(path, self.method.rule)
        filters = self.form.tikhonov_filters(choice.value)
        solution = self.form.solution(problem.data, filters)
        uncertainty = None
        if self.method.uncertainty:
            uncertainty = self._posterior(problem, solution, choice.value)
        return Solution(
            heart_potentials=solution,
            status=advice(choice, "λ"),
            parameter=choice,
            uncertainty=uncertainty,
            diagnostics={
                "effective_rank": float(filters.sum(axis=0).mean()) + self.form.null_left.shape[1],
                "directions_neither_seen_nor_punished": float(self.form.n_invisible),
                **self._moves(problem, solution, choice),
            },
        )

    def _posterior(
        self,
        problem: InverseProblem,
        solution: Float[np.ndarray, "n_nodes n_times"],
        parameters: Vector,
    ) -> Uncertainty:
        filters = self.form.tikhonov_filters(parameters)
        freedom = round(float(np.trace(problem.projection))) - filters.sum(axis=0)
        freedom = np.maximum(freedom - self.form.null_left.shape[1], 1e-6)
        residual = ((problem.data - problem.matrix @ solution) ** 2).sum(axis=0)
        # σ²(RᵀR + λ²ΓᵀΓ)⁻¹ at each node: the prior less what the data told, plus the free part.
        told = self.form.basis**2 @ filters
        shape = (self.form.prior_variance[:, None] - told) / parameters**2
        shape = shape + (self.form.null_basis**2).sum(axis=1, keepdims=True)
        return Uncertainty(
            standard_deviation=np.sqrt(np.maximum(shape, 0.0) * (residual / freedom)),
            kind="posterior of a Gaussian model",
            assumptions=(
                "white Gaussian noise in the leads; Gaussian prior of precision λ²ΓᵀΓ/σ²; exact "
                "operator; λ known"
            ),
        )

    def _moves(
        self,
        problem: InverseProblem,
        solution: Float[np.ndarray, "n_nodes n_times"],
        choice: ParameterChoice,
    ) -> dict[str, float]:
        size = max(float(np.linalg.norm(solution)), np.finfo(float).tiny)
        moves = {}
        for name, end in zip(("low", "high"), choice.interval, strict=True):
            other = self.form.solution(problem.data, self.form.tikhonov_filters(np.array([end])))
            moves[f"{name}_parameter_change"] = float(np.linalg.norm(other - solution)) / size
        return moves


def check_same_operator(problem: InverseProblem, prepared_for: InverseProblem) -> None:
    """Refuse a problem whose referenced operator is not the prepared one."""
    if problem is prepared_for:
        return
    if not np.array_equal(problem.matrix, prepared_for.matrix):
        raise InputError(
            "problem",
            found=f"{problem!r} with another operator, leads or reference",
            expected=f"the operator of {prepared_for!r}",
            advice="Prepare again for this problem; only the data may change.",
        )
