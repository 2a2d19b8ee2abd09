"""Everything a parameter rule may ask of a family of solutions, without making the solutions."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from .._checks import check_array, check_count
from .._errors import InputError
from .._types import ArrayLike, Matrix, Potentials, Vector
from ._problem import InverseProblem
from ._standard_form import StandardForm

LOWEST, HIGHEST = 1e-6, 10.0
"""Range of λ over the largest singular value.

Above 10 every filter factor is under 0.01: the solution has vanished. Measured potentials carry
no more than three or four digits, so that under 1e-6 nothing but noise is added; rules that run
to this end have failed, and a wider grid would only let them fail further away.
"""

TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Norms:
    """What the rules look at: one row a candidate, one column an instant (or one for the beat).

    Attributes:
        residual: (n_candidates, n_columns) ‖y − Ru‖².
        seminorm: (n_candidates, n_columns) ‖Γu‖².
        slope: d‖Γu‖²/d(λ²), None for families without λ.
        step: ‖dΓu/d log λ‖², or the change from one candidate to the next.
        trace: (n_candidates, 1) trace of the influence matrix A, y ↦ Ru.
        trace_of_square: (n_candidates, 1) trace of A².
        data: (n_columns,) ‖y‖².
    """

    residual: Float[np.ndarray, "n_candidates n_columns"]
    seminorm: Float[np.ndarray, "n_candidates n_columns"]
    slope: Float[np.ndarray, "n_candidates n_columns"] | None
    step: Float[np.ndarray, "n_candidates n_columns"]
    trace: Float[np.ndarray, "n_candidates 1"]
    trace_of_square: Float[np.ndarray, "n_candidates 1"]
    data: Float[np.ndarray, " n_columns"]


@runtime_checkable
class RegularizationPath(Protocol):
    """A family of solutions, from hardly to fully regularized, as the rules see it.

    Attributes:
        parameters: (n_candidates,) λ, or ranks, or iteration numbers, ascending.
        parameter_name: "λ", "rank" or "iterations".
        n_data: number of independent data an instant (m − 1 for a common average reference).
        n_times: number of instants.
    """

    @property
    def parameters(self) -> Vector: ...
    @property
    def parameter_name(self) -> str: ...
    @property
    def n_data(self) -> int: ...
    @property
    def n_times(self) -> int: ...

    def norms(self, per_instant: bool) -> Norms:
        """Return residuals and seminorms, summed over the beat or not."""
        ...

    def errors(
        self, truth: ArrayLike, *, remove_mean: bool, per_instant: bool
    ) -> Float[np.ndarray, "n_candidates n_columns"]:
        """Return ‖u − truth‖² of every candidate."""
        ...

    def left_out_errors(self, per_instant: bool) -> Float[np.ndarray, "n_candidates n_columns"]:
        """Return the summed squared error of predicting each lead from the others."""
        ...

    def tikhonov(self) -> "SpectralPath":
        """Return the Tikhonov solutions of the same problem."""
        ...


@dataclass(frozen=True, eq=False)
class SpectralPath:
    """Solutions that are filtered singular value expansions: Tikhonov over λ, truncation over k.

    Made by `tikhonov_path` and `truncated_path`. Squared norms are matrix products of squared
    filters with squared coefficients; errors against a truth come from the Gram matrix of the
    basis, ‖Xc − t‖² = cᵀXᵀXc − 2cᵀXᵀt + ‖t‖², so that no solution is ever formed.

    Attributes:
        form: decomposition of the operator.
        data: (n_leads, n_times) referenced potentials.
        projection: (n_leads, n_leads) the reference P.
        parameters: (n_candidates,) λ or rank, ascending.
        filters: (n_candidates, rank) filter factors f.
        parameter_name: "λ" or "rank".
    """

    form: StandardForm
    data: Float[np.ndarray, "n_leads n_times"]
    projection: Float[np.ndarray, "n_leads n_leads"]
    parameters: Float[np.ndarray, " n_candidates"]
    filters: Float[np.ndarray, "n_candidates rank"]
    parameter_name: str

    @property
    def n_data(self) -> int:
        """Rank of the reference."""
        return round(float(np.trace(self.projection)))

    @property
    def n_times(self) -> int:
        """Number of instants."""
        return self.data.shape[1]

    @cached_property
    def coefficients(self) -> Float[np.ndarray, "rank n_times"]:
        """(rank, n_times) Uᵀy."""
        return self.form.left.T @ self.data

    @cached_property
    def _free(self) -> Float[np.ndarray, "n_free n_times"]:
        return self.form.null_left.T @ self.data

    @cached_property
    def _unreachable(self) -> Potentials:
        """The part of the data that no heart potentials explain."""
        explained = self.form.left @ self.coefficients + self.form.null_left @ self._free
        return self.data - explained

    def norms(self, per_instant: bool) -> Norms:
        """Return the norms, exact for every candidate."""
        return self._norms_by_instant if per_instant else self._norms_of_beat

    @cached_property
    def _norms_of_beat(self) -> Norms:
        return self._make_norms(False)

    @cached_property
    def _norms_by_instant(self) -> Norms:
        return self._make_norms(True)

    def _make_norms(self, per_instant: bool) -> Norms:
        squares, beyond = self.coefficients**2, (self._unreachable**2).sum(axis=0)
        data = (self.data**2).sum(axis=0)
        if not per_instant:
            squares = squares.sum(axis=1, keepdims=True)
            beyond, data = beyond.sum(keepdims=True), data.sum(keepdims=True)
        f, s, n_free = self.filters, self.form.values, self.form.null_left.shape[1]
        if self.parameter_name == "λ":
            # With t = λ²: ‖Γu‖² = Σ s²β²/(s² + t)², and f/s² = 1/(s² + t).
            slope = (-2 * f**3 / s**4) @ squares
            step = (2 * f * (1 - f) / s) ** 2 @ squares
        else:
            slope = None
            step = np.diff(f, axis=0, append=f[-1:]) ** 2 / s**2 @ squares
        return Norms(
            residual=(1 - f) ** 2 @ squares + beyond,
            seminorm=(f / s) ** 2 @ squares,
            slope=slope,
            step=step,
            trace=(f.sum(axis=1) + n_free)[:, None],
            trace_of_square=((f**2).sum(axis=1) + n_free)[:, None],
            data=data,
        )

    def errors(
        self, truth: ArrayLike, *, remove_mean: bool = False, per_instant: bool = False
    ) -> Float[np.ndarray, "n_candidates n_columns"]:
        """Return ‖u − truth‖² (squared) of every candidate, spatial means removed if asked."""
        shape = (self.form.basis.shape[0], self.n_times)
        target = check_array(truth, "truth", shape=shape)
        basis = np.hstack([self.form.basis, self.form.null_basis])
        if remove_mean:
            basis, target = basis - basis.mean(axis=0), target - target.mean(axis=0)
            gram = basis.T @ basis
        else:
            gram = self.form.gram
        parts = np.vstack([self.coefficients, self._free])
        overlap = parts * (basis.T @ target)
        free = np.ones((len(self.parameters), len(self._free)))
        weights = np.hstack([self.filters / self.form.values, free])
        if not per_instant:
            # Summed over time, cᵀGc needs only the products of two coefficients: no loop over λ.
            quadratic = np.einsum("lj,lj->l", weights @ (gram * (parts @ parts.T)), weights)
            linear = weights @ overlap.sum(axis=1)
            return np.maximum(quadratic - 2 * linear + (target**2).sum(), 0.0)[:, None]
        quadratic = np.stack([np.einsum("jt,jt->t", gram @ c, c) for c in self._scaled(weights)])
        return np.maximum(quadratic - 2 * weights @ overlap + (target**2).sum(axis=0), 0.0)

    def _scaled(self, weights: Matrix) -> Iterator[Matrix]:
        parts = np.vstack([self.coefficients, self._free])
        return (row[:, None] * parts for row in weights)

    def left_out_errors(
        self, per_instant: bool = False
    ) -> Float[np.ndarray, "n_candidates n_columns"]:
        """Return Σ_i (r_i/(1 − h_i))², exactly the errors of predicting each lead from the rest.

        h is the diagonal of the influence matrix. A common average reference is the fit of one
        free offset an instant, which adds its own 1/m to h; with that the formula is exact for
        it too, the average being taken over the remaining leads.
        """
        left, missing = self.form.left, 1 - self.leverage
        weights = 1 / np.maximum(missing, 1e-9) ** 2
        if per_instant:
            return np.stack(
                [
                    w @ (self._unreachable + (left * g) @ self.coefficients) ** 2
                    for g, w in zip(1 - self.filters, weights, strict=True)
                ]
            )
        products = self.coefficients @ self.coefficients.T
        cross = left * (self._unreachable @ self.coefficients.T)
        squares = (self._unreachable**2).sum(axis=1) + 2 * (1 - self.filters) @ cross.T
        # Eight candidates at a time: large enough for fast products, small enough for the cache.
        for first in range(0, len(weights), 8):
            scaled = left * (1 - self.filters[first : first + 8, None, :])
            through = (scaled.reshape(-1, left.shape[1]) @ products).reshape(scaled.shape)
            squares[first : first + 8] += np.einsum("lij,lij->li", through, scaled)
        return (weights * np.maximum(squares, 0.0)).sum(axis=1, keepdims=True)

    def tikhonov(self) -> "SpectralPath":
        """Return the Tikhonov solutions of the same problem over the default λ."""
        grid = default_grid(self.form)
        filters = self.form.tikhonov_filters(grid).T
        return SpectralPath(self.form, self.data, self.projection, grid, filters, "λ")

    @cached_property
    def leverage(self) -> Float[np.ndarray, "n_candidates n_leads"]:
        """h: by how much each lead's potential decides its own prediction."""
        own = self.filters @ (self.form.left.T**2) + (self.form.null_left**2).sum(axis=1)
        orthogonal = np.allclose(self.projection, self.projection.T)
        return own + (1 - np.diag(self.projection)) if orthogonal else own


def default_grid(form: StandardForm, n_candidates: int = 150) -> Vector:
    """Return λ evenly spaced in log λ between `LOWEST` and `HIGHEST`."""
    return form.values[0] * np.geomspace(LOWEST, HIGHEST, n_candidates)


def tikhonov_path(
    form: StandardForm,
    problem: InverseProblem,
    *,
    parameters: ArrayLike | None = None,
    n_candidates: int = 150,
) -> SpectralPath:
    """Return the Tikhonov solutions of a problem over λ, as norms.

    Args:
        form: `StandardForm` of ``problem.matrix``.
        problem: whose data are looked at.
        parameters: (n_candidates,) ascending λ > 0; by default spaced evenly in log λ from 1e-6
            to 10 times the largest singular value.
        n_candidates: length of the default grid.

    Raises:
        InputError: λ not positive or not ascending.

    >>> problem = InverseProblem(np.array([[0.6, 0.4], [0.3, 0.7]]), [[1.0], [0.0]])
    >>> form = StandardForm.of(problem.matrix, np.eye(2))
    >>> norms = tikhonov_path(form, problem, parameters=[0.1, 1.0]).norms(per_instant=False)
    >>> bool(norms.residual[1, 0] > norms.residual[0, 0])
    True
    """
    if parameters is None:
        grid = default_grid(form, check_count(n_candidates, "n_candidates", at_least=8))
    else:
        grid = check_array(parameters, "parameters", shape=("n_candidates",))
        if len(grid) == 0 or grid.min() <= 0 or (np.diff(grid) <= 0).any():
            raise InputError("parameters", found=f"{grid[:3]}…", expected="ascending λ > 0")
    filters = form.tikhonov_filters(grid).T
    return SpectralPath(form, problem.data, problem.projection, grid, filters, "λ")


def truncated_path(form: StandardForm, problem: InverseProblem) -> SpectralPath:
    """Return the solutions that keep the first k = 1 … rank singular values, as norms."""
    rank = len(form.values)
    filters = np.tri(rank)
    ranks = np.arange(1.0, rank + 1)
    return SpectralPath(form, problem.data, problem.projection, ranks, filters, "rank")
