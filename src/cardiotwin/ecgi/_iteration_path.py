"""Iterations as a family of solutions, so that the same rules tell when to stop."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from .._checks import check_array
from .._errors import InputError
from .._types import ArrayLike, Vector
from ._path import Norms
from ._problem import InverseProblem
from ._standard_form import PenaltyFactors, reduce


@dataclass(frozen=True, eq=False)
class SquareForm:
    """The problem in coordinates x of the smallest size: min ‖ȳ − Bx‖, u = basis·x + free.

    Attributes:
        matrix: (n_leads, n_coordinates) B, no wider than the number of leads; ‖x‖ = ‖Γu‖.
        data: (n_leads, n_times) ȳ, less what the free part explains.
        basis: (n_nodes, n_coordinates).
        free: (n_nodes, n_times) part of u that Γ does not punish.
        n_free: number of free directions.
    """

    matrix: Float[np.ndarray, "n_leads n_coordinates"]
    data: Float[np.ndarray, "n_leads n_times"]
    basis: Float[np.ndarray, "n_nodes n_coordinates"]
    free: Float[np.ndarray, "n_nodes n_times"]
    n_free: int

    @classmethod
    def of(cls, problem: InverseProblem, factors: PenaltyFactors) -> "SquareForm":
        """Reduce a problem."""
        reduced, back, null_left, null_basis = reduce(problem.matrix, factors)
        turn, upper = np.linalg.qr(reduced.T)
        return cls(
            matrix=upper.T,
            data=problem.data - null_left @ (null_left.T @ problem.data),
            basis=turn if back is None else back @ turn,
            free=null_basis @ (null_left.T @ problem.data),
            n_free=null_left.shape[1],
        )


@dataclass(frozen=True, eq=False)
class IterationPath:
    """Iterates of a Krylov method as the rules see them.

    Iterates are not linear in the data, so that there is no influence matrix: after k iterations
    its trace is taken as k, the dimension of the subspace, as is usual.

    Attributes:
        form: the problem in small coordinates.
        steps: (n_iterations, n_coordinates, n_times) iterates x after 1, 2, … iterations.
        n_data: number of independent data an instant.
    """

    form: SquareForm
    steps: Float[np.ndarray, "n_iterations n_coordinates n_times"]
    n_data: int
    parameter_name: str = "iterations"

    @property
    def parameters(self) -> Vector:
        """Numbers of iterations, from 1."""
        return np.arange(1.0, len(self.steps) + 1)

    @property
    def n_times(self) -> int:
        """Number of instants."""
        return self.steps.shape[2]

    @cached_property
    def _squares(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        residual = [((self.form.data - self.form.matrix @ x) ** 2).sum(axis=0) for x in self.steps]
        change = np.diff(self.steps, axis=0, append=self.steps[-1:])
        return np.stack(residual), (self.steps**2).sum(axis=1), (change**2).sum(axis=1)

    def norms(self, per_instant: bool) -> Norms:
        """Return the norms of every iterate."""
        residual, seminorm, step = self._squares
        data = (self.form.data**2).sum(axis=0)
        if not per_instant:
            residual, seminorm, step = (
                part.sum(axis=1, keepdims=True) for part in (residual, seminorm, step)
            )
            data = data.sum(keepdims=True)
        trace = np.minimum(self.parameters + self.form.n_free, self.n_data)[:, None]
        return Norms(residual, seminorm, None, step, trace, trace, data)

    def errors(
        self, truth: ArrayLike, *, remove_mean: bool = False, per_instant: bool = False
    ) -> Float[np.ndarray, "n_candidates n_columns"]:
        """Return ‖u − truth‖² (squared) of every iterate, spatial means removed if asked."""
        truth = check_array(truth, "truth", shape=self.form.free.shape)
        basis, target = self.form.basis, truth - self.form.free
        if remove_mean:
            basis, target = basis - basis.mean(axis=0), target - target.mean(axis=0)
        squares = np.stack([((basis @ x - target) ** 2).sum(axis=0) for x in self.steps])
        return squares if per_instant else squares.sum(axis=1, keepdims=True)

    def left_out_errors(
        self, per_instant: bool = False
    ) -> Float[np.ndarray, "n_candidates n_columns"]:
        """Refuse: there is no exact formula.

        Raises:
            InputError: always.
        """
        raise InputError(
            "rule",
            found="LeaveOneLeadOut for an iterative method",
            expected="a method that is linear in the data",
            advice="Use GCV(), or score the method with cross_validate_leads.",
        )

    def at(self, iterations: Vector) -> Float[np.ndarray, "n_nodes n_times"]:
        """Return u after a number of iterations, one for all instants or one each.

        Raises:
            InputError: more iterations than were made, or not a whole number.
        """
        if iterations.max() > len(self.steps) or (iterations % 1).any():
            raise InputError(
                "rule",
                found=f"{iterations.max():g} iterations",
                expected=f"whole numbers from 1 to the {len(self.steps)} that were made",
                advice="Raise max_iterations, unless the method had converged.",
            )
        number = np.broadcast_to(iterations.astype(int) - 1, self.n_times)
        chosen = self.steps[number, :, np.arange(self.n_times)].T
        return self.form.basis @ chosen + self.form.free
