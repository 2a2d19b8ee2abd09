"""Krylov methods with early stopping: conjugate gradients and GMRES."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from .._checks import check_count
from .._types import Matrix, Potentials
from ..geometry import CotangentLaplacian, PaperLaplacian
from ._iteration_path import IterationPath, SquareForm
from ._penalty import check_order, penalty_factors
from ._problem import InverseProblem
from ._reconstruction import Solution
from ._regularizers import Regularizer
from ._rules import CheckedGCV, Rule, advice, choose_parameter

Steps = Float[np.ndarray, "n_iterations n_coordinates n_times"]


@dataclass(frozen=True, eq=False)
class ConjugateGradient:
    """Conjugate gradients on the normal equations (CGLS), stopped early.

    All instants run side by side, each with its own step lengths. The k-th iterate has the
    smallest ‖y − Ru‖ in the k-th Krylov space; few iterations stay smooth, many fit the noise.
    Order 1 or 2 preconditions with Γ: iterates then stay small in ‖Γu‖ instead of ‖u‖.

    Args:
        max_iterations: how far the path reaches.
        rule: how the number of iterations is chosen; every rule but `CRESO` and
            `LeaveOneLeadOut`, and `Fixed(k)`.
        order: 0 magnitude, 1 surface gradient, 2 surface Laplacian.
        regularizer: Γ, instead of ``order``.
        laplacian: of order 2.

    Raises:
        InputError: another order, or no iterations; when used: an unfit rule.

    Source: Hestenes and Stiefel, J Res Natl Bur Stand 1952;49:409, section 10; as
    regularization, Hanke, Conjugate Gradient Type Methods for Ill-Posed Problems (1995).

    >>> from cardiotwin.ecgi import Fixed, InverseProblem, reconstruct
    >>> problem = InverseProblem([[1.0, 0.0], [0.0, 0.5]], [[2.0], [1.0]])
    >>> method = ConjugateGradient(rule=Fixed(2))
    >>> reconstruct(problem, method).heart_potentials.round(6).tolist()
    [[2.0], [2.0]]
    """

    max_iterations: int = 40
    rule: Rule = field(default_factory=CheckedGCV)
    order: int = 0
    regularizer: Regularizer | None = None
    laplacian: PaperLaplacian | CotangentLaplacian = field(default_factory=PaperLaplacian)

    def __post_init__(self):
        check_count(self.max_iterations, "max_iterations")
        check_order(self.order)

    def solve(self, problem: InverseProblem) -> Solution:
        """Return the iterate of the rule."""
        return _stopped(self, problem, conjugate_gradients)


@dataclass(frozen=True, eq=False)
class GMRES:
    """GMRES on the normal equations RᵀRu = Rᵀy, stopped early.

    The k-th iterate has the smallest ‖Rᵀ(y − Ru)‖ in the same Krylov space as that of
    `ConjugateGradient`, and is a little smoother. Arnoldi's basis is orthogonalized twice.

    Args:
        max_iterations: how far the path reaches.
        rule: how the number of iterations is chosen, as for `ConjugateGradient`.
        order: 0 magnitude, 1 surface gradient, 2 surface Laplacian, as a preconditioner.
        regularizer: Γ, instead of ``order``.
        laplacian: of order 2.

    Raises:
        InputError: another order, or no iterations; when used: an unfit rule.

    Source: Saad and Schultz, SIAM J Sci Stat Comput 1986;7:856; for electrocardiography
    Ramanathan, Jia, Ghanem, Calvetti and Rudy, Ann Biomed Eng 2003;31:981.

    >>> from cardiotwin.ecgi import Fixed, InverseProblem, reconstruct
    >>> problem = InverseProblem([[1.0, 0.0], [0.0, 0.5]], [[2.0], [1.0]])
    >>> reconstruct(problem, GMRES(rule=Fixed(2))).heart_potentials.round(6).tolist()
    [[2.0], [2.0]]
    """

    max_iterations: int = 25
    rule: Rule = field(default_factory=CheckedGCV)
    order: int = 0
    regularizer: Regularizer | None = None
    laplacian: PaperLaplacian | CotangentLaplacian = field(default_factory=PaperLaplacian)

    def __post_init__(self):
        check_count(self.max_iterations, "max_iterations")
        check_order(self.order)

    def solve(self, problem: InverseProblem) -> Solution:
        """Return the iterate of the rule."""
        return _stopped(self, problem, minimal_residuals)


def _stopped(
    method: ConjugateGradient | GMRES,
    problem: InverseProblem,
    iterate: Callable[[Matrix, Potentials, int], Steps],
) -> Solution:
    factors = penalty_factors(problem, method.order, method.regularizer, method.laplacian)
    form = SquareForm.of(problem, factors)
    steps = iterate(form.matrix, form.data, method.max_iterations)
    path = IterationPath(form, steps, problem.projection)
    choice = choose_parameter(path, method.rule)
    return Solution(
        heart_potentials=path.at(choice.value),
        status=advice(choice, "the number of iterations"),
        parameter=choice,
        diagnostics={"iterations_made": float(len(steps))},
    )


def conjugate_gradients(
    matrix: Float[np.ndarray, "n_leads n_coordinates"],
    data: Float[np.ndarray, "n_leads n_times"],
    max_iterations: int,
) -> Steps:
    """Return all iterates of CGLS for every column of the data, from zero.

    Columns that have converged stand still; the run ends when all have.
    """
    x = np.zeros((matrix.shape[1], data.shape[1]))
    residual = data.copy()
    gradient = matrix.T @ residual
    direction, size = gradient, (gradient**2).sum(axis=0)
    start = size.copy()
    steps = []
    for _ in range(max_iterations):
        image = matrix @ direction
        active = size > 1e-26 * start
        length = _quotient(size, (image**2).sum(axis=0), active)
        x = x + length * direction
        residual = residual - length * image
        steps.append(x)
        gradient = matrix.T @ residual
        before, size = size, (gradient**2).sum(axis=0)
        direction = gradient + _quotient(size, before, active) * direction
        if not (size > 1e-26 * start).any():
            break
    return np.stack(steps)


def minimal_residuals(
    matrix: Float[np.ndarray, "n_leads n_coordinates"],
    data: Float[np.ndarray, "n_leads n_times"],
    max_iterations: int,
) -> Steps:
    """Return all iterates of GMRES on the normal equations for every column, from zero."""
    square = matrix.T @ matrix
    right = matrix.T @ data
    size = np.linalg.norm(right, axis=0)
    n, n_times = right.shape
    count = min(max_iterations, n)
    basis = np.zeros((count + 1, n, n_times))
    small = np.zeros((n_times, count + 1, count))
    basis[0] = _quotient(right, size, size > 0)
    steps = []
    for k in range(count):
        image = square @ basis[k]
        scale = np.linalg.norm(image, axis=0)
        for _ in range(2):
            overlap = np.einsum("knt,nt->kt", basis[: k + 1], image)
            image = image - np.einsum("knt,kt->nt", basis[: k + 1], overlap)
            small[:, : k + 1, k] += overlap.T
        length = np.linalg.norm(image, axis=0)
        alive = length > 1e-13 * scale
        small[:, k + 1, k] = np.where(alive, length, 0.0)
        basis[k + 1] = _quotient(image, length, alive)
        inverse = np.linalg.pinv(small[:, : k + 2, : k + 1], rcond=1e-14)
        weights = inverse[:, :, 0].T * size
        steps.append(np.einsum("knt,kt->nt", basis[: k + 1], weights))
        if not alive.any():
            break
    return np.stack(steps)


def _quotient(numerator: np.ndarray, denominator: np.ndarray, where: np.ndarray) -> np.ndarray:
    where = where & (denominator > 0)
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    return np.divide(numerator, denominator, out=np.zeros(shape), where=where)
