"""From "order 2" to a matrix."""

from .._errors import InputError
from ..geometry import CotangentLaplacian, PaperLaplacian
from ._problem import InverseProblem
from ._regularizers import Gradient, Magnitude, Regularizer, Roughness
from ._standard_form import PenaltyFactors


def check_order(order: int) -> None:
    """Refuse orders other than 0, 1 and 2."""
    if isinstance(order, bool) or order not in (0, 1, 2):
        raise InputError(
            "order",
            found=repr(order),
            expected="0 (magnitude), 1 (surface gradient) or 2 (surface Laplacian)",
        )


def penalty_factors(
    problem: InverseProblem,
    order: int,
    regularizer: Regularizer | None,
    laplacian: PaperLaplacian | CotangentLaplacian,
) -> PenaltyFactors:
    """Return the factors of the given regularizer, or of the one that the order names."""
    if regularizer is None:
        regularizer = (Magnitude(), Gradient(), Roughness(laplacian))[order]
    return PenaltyFactors.of(regularizer.matrix(problem.heart, problem.n_nodes))
