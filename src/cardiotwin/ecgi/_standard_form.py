"""Reduce min ‖y − Ru‖² + λ²‖Γu‖² to min ‖ȳ − R̄z‖² + λ²‖z‖², once for every λ and instant."""

from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
from jaxtyping import Float
from scipy import linalg

from .._errors import InputError, NumericsError
from .._types import Matrix, Vector

INVISIBLE_BELOW = 1e-5
"""Null-space vectors of Γ whose image is below this share of ‖R‖ count as invisible.

Rows of a transfer matrix stored in single precision sum to one only to about 1e-7; with a common
average reference the constant would then be "seen" at that level, and recovered as pure noise.
"""


@dataclass(frozen=True, eq=False)
class PenaltyFactors:
    """Γ taken apart once: ``inverse`` spans what Γ punishes, ``null_space`` what it does not.

    Attributes:
        inverse: (n_nodes, n_rank) L with ΓL orthonormal and L orthogonal to the null space, or
            None where Γ is the identity.
        null_space: (n_nodes, n_null) orthonormal basis of Γu = 0, for a Laplacian the constant.
    """

    inverse: Float[np.ndarray, "n_nodes n_rank"] | None
    null_space: Float[np.ndarray, "n_nodes n_null"]

    @classmethod
    def of(cls, gamma: Matrix) -> "PenaltyFactors":
        """Take a dense matrix of any shape apart, by QR with column pivoting.

        Raises:
            InputError: Γ is zero.

        >>> factors = PenaltyFactors.of(np.array([[1.0, -1.0]]))
        >>> abs(factors.null_space.round(3)).tolist()
        [[0.707], [0.707]]
        """
        n = gamma.shape[1]
        if gamma.shape[0] == n and np.array_equal(gamma, np.eye(n)):
            return cls(None, np.zeros((n, 0)))
        if gamma.shape[0] > n:
            gamma = np.linalg.qr(gamma).R
        upper, order = cast(
            tuple[np.ndarray, np.ndarray], linalg.qr(gamma, mode="r", pivoting=True)
        )
        sizes = np.abs(np.diag(upper))
        if sizes[0] == 0:
            raise InputError(
                "regularizer", found="a zero matrix", expected="a matrix that punishes something"
            )
        # The last pivots of a matrix stored in single precision are small, not zero: what they
        # belong to counts as not punished if Γ all but removes it.
        for share in (1e-4, max(gamma.shape) * 1e-14):
            rank = int((sizes > sizes[0] * share).sum())
            square = upper[:rank, :rank]
            null_space = np.zeros((n, n - rank))
            null_space[order[:rank]] = -linalg.solve_triangular(square, upper[:rank, rank:])
            null_space[order[rank:]] = np.eye(n - rank)
            null_space = np.linalg.qr(null_space)[0]
            left_over = np.linalg.norm(gamma @ null_space, axis=0)
            if (left_over <= 1e-6 * sizes[0]).all():
                break
        inverse = np.zeros((n, rank))
        inverse[order[:rank]] = linalg.solve_triangular(square, np.eye(rank))
        return cls(inverse - null_space @ (null_space.T @ inverse), null_space)


@dataclass(frozen=True, eq=False)
class StandardForm:
    """The singular value decomposition of R in the metric of Γ: make once, apply to all λ.

    With N a basis of the null space of Γ and Q₀ one of the range of RN, every regularized
    solution is u = X diag(f/s) Uᵀy + X₀Q₀ᵀy with f the filter factors, s²/(s² + λ²) for Tikhonov.
    RX = US, RX₀ = Q₀, ‖Γu‖ = ‖f/s·Uᵀy‖. What neither R nor Γ sees (with a common average
    reference and a Laplacian: the constant) gets no part of any solution, so that such a solution
    has zero spatial mean.

    Source: Eldén, BIT 1982;22:487 (the A-weighted pseudoinverse); Hansen, Rank-Deficient and
    Discrete Ill-Posed Problems (1998), section 2.3.

    Attributes:
        left: (n_leads, rank) U.
        values: (rank,) s, descending.
        basis: (n_nodes, rank) X.
        null_left: (n_leads, n_free) Q₀.
        null_basis: (n_nodes, n_free) X₀.
        prior_variance: (n_nodes,) variance of each node if ΓΓᵀ-white noise made u.
        n_invisible: number of null-space directions of Γ that the leads do not see.

    >>> form = StandardForm.of(np.array([[0.6, 0.4], [0.3, 0.7]]), np.eye(2))
    >>> form.values.round(3).tolist()
    [1.005, 0.298]
    """

    left: Float[np.ndarray, "n_leads rank"]
    values: Float[np.ndarray, " rank"]
    basis: Float[np.ndarray, "n_nodes rank"]
    null_left: Float[np.ndarray, "n_leads n_free"]
    null_basis: Float[np.ndarray, "n_nodes n_free"]
    prior_variance: Float[np.ndarray, " n_nodes"]
    n_invisible: int

    @classmethod
    def of(
        cls,
        matrix: Float[np.ndarray, "n_leads n_nodes"],
        gamma: Float[np.ndarray, "n_rows n_nodes"] | PenaltyFactors,
        invisible_below: float = INVISIBLE_BELOW,
    ) -> "StandardForm":
        """Decompose a matrix (n_leads, n_nodes) against Γ, or against its factors.

        Raises:
            InputError: R sees nothing of what Γ punishes.
        """
        factors = gamma if isinstance(gamma, PenaltyFactors) else PenaltyFactors.of(gamma)
        reduced, back, null_left, null_basis = reduce(matrix, factors, invisible_below)
        left, values, right = _svd(reduced)
        rank = int((values > values[0] * max(reduced.shape) * np.finfo(float).eps).sum())
        if values[0] == 0:
            raise InputError("operator", found="a zero matrix", expected="rows that see the heart")
        if back is None:
            basis, prior = right[:rank].T, np.ones(matrix.shape[1])
        else:
            basis, prior = back @ right[:rank].T, (back**2).sum(axis=1)
        return cls(
            left=left[:, :rank],
            values=values[:rank],
            basis=basis,
            null_left=null_left,
            null_basis=null_basis,
            prior_variance=prior,
            n_invisible=factors.null_space.shape[1] - null_left.shape[1],
        )

    def solution(
        self,
        data: Float[np.ndarray, "n_leads n_times"],
        filters: Float[np.ndarray, "rank n_values"],
    ) -> Float[np.ndarray, "n_nodes n_times"]:
        """Return u for filter factors (rank, 1) or (rank, n_times)."""
        parts = filters / self.values[:, None] * (self.left.T @ data)
        return self.basis @ parts + self.null_basis @ (self.null_left.T @ data)

    def tikhonov_filters(self, parameters: Vector) -> Float[np.ndarray, "rank n_values"]:
        """Return f = s²/(s² + λ²), one column a parameter."""
        squares = self.values[:, None] ** 2
        return squares / (squares + parameters**2)

    @cached_property
    def gram(self) -> Matrix:
        """XᵀX with the free directions last, for norms of solutions without the solutions."""
        both = np.hstack([self.basis, self.null_basis])
        return both.T @ both


def reduce(
    matrix: Float[np.ndarray, "n_leads n_nodes"],
    factors: PenaltyFactors,
    invisible_below: float = INVISIBLE_BELOW,
) -> tuple[
    Float[np.ndarray, "n_leads n_rank"],
    Float[np.ndarray, "n_nodes n_rank"] | None,
    Float[np.ndarray, "n_leads n_free"],
    Float[np.ndarray, "n_nodes n_free"],
]:
    """Return R̄, the map back from z (None: the identity), Q₀ and X₀ of `StandardForm`."""
    through = matrix if factors.inverse is None else matrix @ factors.inverse
    back = factors.inverse
    if factors.null_space.shape[1] == 0:
        return through, back, np.zeros((len(matrix), 0)), factors.null_space
    null_left, values, turn = _svd(matrix @ factors.null_space)
    seen = values > invisible_below * np.linalg.norm(matrix)
    null_left = null_left[:, : len(values)][:, seen]
    null_basis = factors.null_space @ (turn[seen].T / values[seen])
    if seen.any() and back is not None:
        overlap = null_left.T @ through
        through = through - null_left @ overlap
        back = back - null_basis @ overlap
    return through, back, null_left, null_basis


def _svd(
    matrix: Matrix,
) -> tuple[Float[np.ndarray, "n r"], Float[np.ndarray, " r"], Float[np.ndarray, "r m"]]:
    try:
        return linalg.svd(matrix, full_matrices=False)
    except linalg.LinAlgError as error:
        raise NumericsError(f"the singular value decomposition did not converge: {error}") from None
