"""Families of spatio-temporal solutions, over λ and over the time constant, for the rules."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from .._checks import check_array
from .._errors import InputError
from .._types import ArrayLike, Vector
from ._path import Norms, SpectralPath, default_grid
from ._problem import InverseProblem
from ._standard_form import StandardForm
from ._temporal import to_frequencies, to_instants


@dataclass(frozen=True, eq=False)
class FrequencyData:
    """The data of a beat in the singular vectors of the operator and the frequencies of time.

    Attributes:
        form: decomposition of the referenced operator against Γ.
        projection: (n_leads, n_leads) the reference P.
        data: (n_leads, n_times) Py, one column a frequency.
    """

    form: StandardForm
    projection: Float[np.ndarray, "n_leads n_leads"]
    data: Float[np.ndarray, "n_leads n_times"]

    @classmethod
    def of(cls, form: StandardForm, problem: InverseProblem) -> "FrequencyData":
        """Transform the data of a problem."""
        return cls(form, problem.projection, to_frequencies(problem.data))

    @cached_property
    def coefficients(self) -> Float[np.ndarray, "rank n_times"]:
        """(rank, n_times) Uᵀy."""
        return self.form.left.T @ self.data

    @cached_property
    def squares(self) -> Float[np.ndarray, "rank n_times"]:
        """(rank, n_times) of `coefficients`."""
        return self.coefficients**2

    @cached_property
    def free(self) -> Float[np.ndarray, "n_free n_times"]:
        """(n_free, n_times) the part that Γ does not punish."""
        return self.form.null_left.T @ self.data

    @cached_property
    def unreachable(self) -> Float[np.ndarray, "n_leads n_times"]:
        """(n_leads, n_times) the part of the data that no heart potentials explain."""
        explained = self.form.left @ self.coefficients + self.form.null_left @ self.free
        return self.data - explained

    @cached_property
    def beyond(self) -> float:
        """Squared norm of `unreachable`."""
        return float((self.unreachable**2).sum())

    def tikhonov(self) -> SpectralPath:
        """Return the Tikhonov solutions of the same problem: every instant on its own."""
        grid = default_grid(self.form)
        filters = self.form.tikhonov_filters(grid).T
        return SpectralPath(self.form, to_instants(self.data), self.projection, grid, filters, "λ")

    @property
    def n_data(self) -> int:
        """Rank of the reference."""
        return round(float(np.trace(self.projection)))


@dataclass(frozen=True, eq=False)
class SpatioTemporalPath:
    """Solutions over λ at one time constant: filters f_ik = s_i²/(s_i² + λ² w_k).

    Attributes:
        source: the transformed data.
        weights: (n_times,) w_k ≥ 1 of every frequency.
        parameters: (n_candidates,) λ, ascending.
    """

    source: FrequencyData
    weights: Float[np.ndarray, " n_times"]
    parameters: Float[np.ndarray, " n_candidates"]
    parameter_name: str = "λ"

    @classmethod
    def over_grid(
        cls, source: FrequencyData, weights: Vector, n_candidates: int
    ) -> "SpatioTemporalPath":
        """Spread the candidates over the range of λ that `tikhonov_path` uses."""
        return cls(source, weights, default_grid(source.form, n_candidates))

    @property
    def n_data(self) -> int:
        """Rank of the reference."""
        return self.source.n_data

    @property
    def n_times(self) -> int:
        """Number of instants."""
        return len(self.weights)

    def norms(self, per_instant: bool) -> Norms:
        """Return residual and penalty ‖Γu‖² + τ²‖ΓDu‖² (what λ² multiplies) of every candidate."""
        _refuse_instants(per_instant)
        rows = np.array([self._sums(lam) for lam in self.parameters]).T[:, :, None]
        residual, seminorm, slope, step, trace, trace_of_square = rows
        n_free = self.source.form.null_left.shape[1]
        return Norms(
            residual=residual + self.source.beyond,
            seminorm=seminorm,
            slope=slope,
            step=step,
            trace=trace + n_free,
            trace_of_square=trace_of_square + n_free,
            data=np.array([(self.source.data**2).sum()]),
        )

    def _sums(self, lam: float) -> tuple[float, ...]:
        # With g = 1/(s² + λ²w): f = s²g and 1 − f = λ²wg, so that six sums need four passes.
        values, w = self.source.form.values, self.weights
        seen = values > 1e-8 * lam
        s2, squares = values[seen] ** 2, self.source.squares[seen]
        g = 1 / (s2[:, None] + lam**2 * w)
        powers = squares * g
        powers *= g
        unseen = float(self.source.squares[~seen].sum())
        residual = lam**4 * float(powers.sum(axis=0) @ w**2) + unseen
        seminorm = float(s2 @ powers @ w)
        powers *= g
        slope = -2 * float(s2 @ powers @ w**2)
        powers *= g
        step = 4 * lam**4 * float(s2 @ powers @ w**3)
        trace = float((s2 @ g).sum()) / self.n_times
        square = float((s2**2 @ (g * g)).sum())
        return residual, seminorm, slope, step, trace, square / self.n_times

    def filters(self, lam: float) -> Float[np.ndarray, "rank n_times"]:
        """Return f of one candidate."""
        squares = self.source.form.values[:, None] ** 2
        return squares / (squares + lam**2 * self.weights)

    def errors(
        self, truth: ArrayLike, *, remove_mean: bool = False, per_instant: bool = False
    ) -> Float[np.ndarray, "n_candidates 1"]:
        """Return ‖u − truth‖² (squared) of every candidate, spatial means removed if asked."""
        _refuse_instants(per_instant)
        form = self.source.form
        known = check_array(truth, "truth", shape=(len(form.basis), self.n_times))
        basis, null_basis = form.basis, form.null_basis
        if remove_mean:
            known = known - known.mean(axis=0)
            basis, null_basis = basis - basis.mean(axis=0), null_basis - null_basis.mean(axis=0)
        rest = to_frequencies(known) - null_basis @ self.source.free
        gram, overlap = basis.T @ basis, basis.T @ rest
        whole = float((rest**2).sum())

        def error(lam: float) -> float:
            seen = form.values > 1e-6 * lam
            filters = self.filters(lam)[seen] / form.values[seen, None]
            parts = filters * self.source.coefficients[seen]
            quadratic = np.einsum("it,it->", gram[np.ix_(seen, seen)] @ parts, parts)
            return max(float(quadratic - 2 * (parts * overlap[seen]).sum()) + whole, 0.0)

        return np.array([[error(lam)] for lam in self.parameters])

    def left_out_errors(self, per_instant: bool = False) -> Float[np.ndarray, "n_candidates 1"]:
        """Return the squared errors of predicting each lead, at all instants, from the rest.

        Every frequency is a problem of its own, where the shortcut r_i/(1 − h_i) is exact.
        """
        _refuse_instants(per_instant)
        return np.array([[self._left_out(lam)] for lam in self.parameters])

    def tikhonov(self) -> SpectralPath:
        """Return the Tikhonov solutions of the same problem: every instant on its own."""
        return self.source.tikhonov()

    def _left_out(self, lam: float) -> float:
        form, projection = self.source.form, self.source.projection
        filters = self.filters(lam)
        residual = self.source.unreachable + form.left @ ((1 - filters) * self.source.coefficients)
        leverage = form.left**2 @ filters + (form.null_left**2).sum(axis=1)[:, None]
        if np.allclose(projection, projection.T):
            leverage += (1 - np.diag(projection))[:, None]
        return float(((residual / np.maximum(1 - leverage, 1e-9)) ** 2).sum())


@dataclass(frozen=True, eq=False)
class TimeConstantPath:
    """Solutions over the time constant, each at the λ that a rule has chosen for it.

    Attributes:
        members: one path of a single λ for every time constant.
        parameters: (n_candidates,) time constants in ms, ascending.
    """

    members: tuple[SpatioTemporalPath, ...]
    parameters: Vector
    parameter_name: str = "time constant"

    @property
    def n_data(self) -> int:
        """Rank of the reference."""
        return self.members[0].n_data

    @property
    def n_times(self) -> int:
        """Number of instants."""
        return self.members[0].n_times

    def norms(self, per_instant: bool) -> Norms:
        """Return the norms of the members one below the other."""
        each = [member.norms(per_instant) for member in self.members]
        joined = {
            name: np.concatenate([getattr(norms, name) for norms in each])
            for name in ("residual", "seminorm", "step", "trace", "trace_of_square")
        }
        return Norms(**joined, slope=None, data=each[0].data)

    def errors(
        self, truth: ArrayLike, *, remove_mean: bool = False, per_instant: bool = False
    ) -> Float[np.ndarray, "n_candidates 1"]:
        """Return ‖u − truth‖² of every member."""
        return np.concatenate(list(self._each_error(truth, remove_mean, per_instant)))

    def tikhonov(self) -> SpectralPath:
        """Return the Tikhonov solutions of the same problem: every instant on its own."""
        return self.members[0].tikhonov()

    def _each_error(self, truth: ArrayLike, remove_mean: bool, per_instant: bool) -> Iterator:
        for member in self.members:
            yield member.errors(truth, remove_mean=remove_mean, per_instant=per_instant)

    def left_out_errors(self, per_instant: bool = False) -> Float[np.ndarray, "n_candidates 1"]:
        """Return the errors of predicting each lead of every member."""
        return np.concatenate([member.left_out_errors(per_instant) for member in self.members])


def _refuse_instants(per_instant: bool) -> None:
    if per_instant:
        raise InputError(
            "rule",
            found="one λ an instant for a method that couples the instants",
            expected="one λ for the beat",
            advice="Use the rule with per_instant=False.",
        )
