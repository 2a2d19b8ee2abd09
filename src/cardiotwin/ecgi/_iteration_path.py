"""Iterations as a family of solutions, so that the same rules tell when to stop."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from .._checks import check_array
from .._errors import InputError
from .._types import ArrayLike, Vector
from ._path import Norms, SpectralPath, default_grid
from ._problem import InverseProblem
from ._standard_form import PenaltyFactors, StandardForm, reduce


@dataclass(frozen=True, eq=False)
class SquareForm:
    """The problem in coordinates x of the smallest size: min ‖ȳ − Bx‖, u = basis·x + free.

    Attributes:
        matrix: (n_leads, n_coordinates) B, no wider than the number of leads; ‖x‖ = ‖Γu‖.
        data: (n_leads, n_times) ȳ, less what the free part explains.
        basis: (n_nodes, n_coordinates).
        null_left: (n_leads, n_free) Q₀ of `StandardForm`.
        null_basis: (n_nodes, n_free) X₀.
        null_data: (n_free, n_times) Q₀ᵀy.
    """

    matrix: Float[np.ndarray, "n_leads n_coordinates"]
    data: Float[np.ndarray, "n_leads n_times"]
    basis: Float[np.ndarray, "n_nodes n_coordinates"]
    null_left: Float[np.ndarray, "n_leads n_free"]
    null_basis: Float[np.ndarray, "n_nodes n_free"]
    null_data: Float[np.ndarray, "n_free n_times"]

    @property
    def free(self) -> Float[np.ndarray, "n_nodes n_times"]:
        """(n_nodes, n_times) the part of u that Γ does not punish."""
        return self.null_basis @ self.null_data

    @classmethod
    def of(cls, problem: InverseProblem, factors: PenaltyFactors) -> "SquareForm":
        """Reduce a problem."""
        reduced, back, null_left, null_basis = reduce(problem.matrix, factors)
        turn, upper = np.linalg.qr(reduced.T)
        null_data = null_left.T @ problem.data
        return cls(
            matrix=upper.T,
            data=problem.data - null_left @ null_data,
            basis=turn if back is None else back @ turn,
            null_left=null_left,
            null_basis=null_basis,
            null_data=null_data,
        )


@dataclass(frozen=True, eq=False)
class IterationPath:
    """Iterates of a Krylov method as the rules see them.

    Iterates are not linear in the data, so that there is no influence matrix. In its place stand
    filter factors measured over the beat: f_j is the regression of the explained on the given
    data along the j-th singular vector, and the trace is their sum. (The usual count, one a
    iteration, is far too small where every instant has a Krylov space of its own.)

    Attributes:
        form: the problem in small coordinates.
        steps: (n_iterations, n_coordinates, n_times) iterates x after 1, 2, … iterations.
        projection: (n_leads, n_leads) the reference P.
    """

    form: SquareForm
    steps: Float[np.ndarray, "n_iterations n_coordinates n_times"]
    projection: Float[np.ndarray, "n_leads n_leads"]
    parameter_name: str = "iterations"

    @property
    def n_data(self) -> int:
        """Rank of the reference."""
        return round(float(np.trace(self.projection)))

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
        filters, n_free = self._filters, self.form.null_left.shape[1]
        return Norms(
            residual,
            seminorm,
            slope=None,
            step=step,
            trace=(filters.sum(axis=1) + n_free)[:, None],
            trace_of_square=((filters**2).sum(axis=1) + n_free)[:, None],
            data=data,
        )

    @cached_property
    def _standard(self) -> StandardForm:
        turned = StandardForm.of(self.form.matrix, np.eye(self.form.matrix.shape[1]))
        return replace(
            turned,
            basis=self.form.basis @ turned.basis,
            null_left=self.form.null_left,
            null_basis=self.form.null_basis,
            prior_variance=np.ones(len(self.form.basis)),
        )

    @cached_property
    def _filters(self) -> Float[np.ndarray, "n_candidates rank"]:
        given = self._standard.left.T @ self.form.data
        power = (given**2).sum(axis=1)
        through = self._standard.left.T @ self.form.matrix
        products = np.stack([((through @ x) * given).sum(axis=1) for x in self.steps])
        known = power > np.finfo(float).eps ** 2 * power.max(initial=0.0)
        shape = products.shape
        return np.divide(products, power, out=np.zeros(shape), where=known).clip(0.0, 1.0)

    def tikhonov(self) -> SpectralPath:
        """Return the Tikhonov solutions of the same problem over the default λ."""
        form, grid = self._standard, default_grid(self._standard)
        data = self.form.data + self.form.null_left @ self.form.null_data
        filters = form.tikhonov_filters(grid).T
        return SpectralPath(form, data, self.projection, grid, filters, "λ")

    def errors(
        self, truth: ArrayLike, *, remove_mean: bool = False, per_instant: bool = False
    ) -> Float[np.ndarray, "n_candidates n_columns"]:
        """Return ‖u − truth‖² (squared) of every iterate, spatial means removed if asked."""
        truth = check_array(truth, "truth", shape=(len(self.form.basis), self.n_times))
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
