"""The transmembrane potential as one upstroke a node, and its least-squares fit."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy import linalg
from scipy.special import expit

from .._errors import NumericsError
from .._types import Matrix, Potentials, Vector
from ._problem import InverseProblem


@dataclass(frozen=True, eq=False)
class Upstrokes:
    """u_i(t) = A S((t − τ_i)/w) with the logistic function S.

    Attributes:
        times_ms: (n_nodes,) τ.
        gain: A > 0.
        width_ms: w > 0; an upstroke takes 4.4 w from 10 to 90 %.
    """

    times_ms: Float[np.ndarray, " n_nodes"]
    gain: float
    width_ms: float

    def at(self, instants_ms: Float[np.ndarray, " n_times"]) -> Potentials:
        """Return (n_nodes, n_times) potentials."""
        return self.gain * expit((instants_ms - self.times_ms[:, None]) / self.width_ms)

    def slopes(
        self, instants_ms: Float[np.ndarray, " n_times"]
    ) -> tuple[Potentials, Potentials, Potentials]:
        """Return ∂u/∂τ of each own node, ∂u/∂log A and ∂u/∂log w, (n_nodes, n_times) each."""
        z = (instants_ms - self.times_ms[:, None]) / self.width_ms
        shape = expit(z)
        steep = self.gain * shape * expit(-z)
        return -steep / self.width_ms, self.gain * shape, -steep * z

    def moved(self, step: Float[np.ndarray, " n_parameters"]) -> "Upstrokes":
        """Return the upstrokes after a step in (τ, log A, log w)."""
        # A step of more than e² in size is never meant: it would only overflow.
        gain, width = np.exp(np.clip(step[-2:], -2.0, 2.0))
        return Upstrokes(
            self.times_ms + step[:-2], self.gain * float(gain), self.width_ms * float(width)
        )


@dataclass(frozen=True, eq=False)
class Normal:
    """Gauss–Newton's normal equations in (τ, log A, log w): JᵀJ and Jᵀr."""

    square: Float[np.ndarray, "n_parameters n_parameters"]
    right: Float[np.ndarray, " n_parameters"]


@dataclass(frozen=True, eq=False)
class UpstrokeFit:
    """‖y − R u(τ, A, w)‖² in the coordinates of the operator's range.

    Each τ_i moves one row of u only, so that JᵀJ is the entrywise product of RᵀR and DDᵀ, with
    D = ∂u/∂τ: the Jacobian itself, leads × instants tall, is never formed.

    Attributes:
        operator: (rank, n_nodes) the operator in an orthonormal basis of its range.
        data: (rank, n_times) the data in the same basis.
        beyond: ‖y‖² outside of the range, which nothing can explain.
        instants_ms: (n_times,).
        n_data: number of independent data, leads × instants.
    """

    operator: Matrix
    data: Potentials
    beyond: float
    instants_ms: Float[np.ndarray, " n_times"]
    n_data: int

    @classmethod
    def of(cls, problem: InverseProblem) -> "UpstrokeFit":
        """Reduce a problem."""
        left, values, right = linalg.svd(problem.matrix, full_matrices=False, check_finite=False)
        # Further directions change the potentials by a millionth of their size: no lead sees that.
        kept = values > 1e-6 * values[0]
        data = left[:, kept].T @ problem.data
        n_leads = round(float(np.trace(problem.projection)))
        return cls(
            operator=values[kept, None] * right[kept],
            data=data,
            beyond=max(float((problem.data**2).sum() - (data**2).sum()), 0.0),
            instants_ms=problem.times_ms,
            n_data=n_leads * problem.n_times,
        )

    def residual(self, upstrokes: Upstrokes) -> float:
        """Return ‖y − Ru‖², the unexplainable part included."""
        misfit = self.data - self.operator @ upstrokes.at(self.instants_ms)
        return float((misfit**2).sum()) + self.beyond

    @cached_property
    def _gram(self) -> Float[np.ndarray, "n_nodes n_nodes"]:
        return self.operator.T @ self.operator

    def normal(self, upstrokes: Upstrokes) -> Normal:
        """Return JᵀJ and Jᵀr."""
        by_time, by_gain, by_width = upstrokes.slopes(self.instants_ms)
        n = len(by_time)
        square, right = np.zeros((n + 2, n + 2)), np.zeros(n + 2)
        square[:n, :n] = self._gram * (by_time @ by_time.T)
        seen_gain, seen_width = self.operator @ by_gain, self.operator @ by_width
        back = self.operator.T @ (self.data - seen_gain)
        for k, (slope, seen) in enumerate([(by_gain, seen_gain), (by_width, seen_width)], start=n):
            square[:n, k] = square[k, :n] = (by_time * (self.operator.T @ seen)).sum(axis=1)
            square[k, n] = square[n, k] = np.vdot(seen_gain, seen)
            right[k] = np.vdot(slope, back)
        square[-1, -1] = np.vdot(seen_width, seen_width)
        right[:n] = (by_time * back).sum(axis=1)
        return Normal(square, right)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A minimum of ‖y − Ru‖² + λ²‖Γτ‖².

    Attributes:
        upstrokes: where.
        residual: ‖y − Ru‖².
        roughness: ‖Γτ‖².
        cost: the sum.
        settled: whether the last step hardly lowered the cost.
    """

    upstrokes: Upstrokes
    residual: float
    roughness: float
    cost: float
    settled: bool


def levenberg_marquardt(
    fit: UpstrokeFit,
    start: Upstrokes,
    penalty: Float[np.ndarray, "n_nodes n_nodes"],
    weight: float,
    *,
    free_gain: bool = True,
    free_width: bool = False,
    iterations: int = 25,
    tolerance: float = 1e-6,
) -> Fitted:
    """Minimize ‖y − R u(τ, A, w)‖² + weight τᵀPτ from a start.

    Args:
        fit: the data.
        start: where to begin.
        penalty: P = ΓᵀΓ.
        weight: λ².
        free_gain: whether A moves.
        free_width: whether w moves.
        iterations: at most so many accepted steps.
        tolerance: relative decrease of the cost at which it stops.

    Raises:
        NumericsError: a start at which the cost is not finite.

    Source: Levenberg, Q Appl Math 1944;2:164; Marquardt, SIAM J Appl Math 1963;11:431.
    """
    n = len(start.times_ms)
    free = np.r_[np.ones(n, dtype=bool), free_gain, free_width]
    extra = np.zeros((n + 2, n + 2))
    extra[:n, :n] = weight * penalty

    def parts(upstrokes: Upstrokes) -> tuple[float, float]:
        tau = upstrokes.times_ms - upstrokes.times_ms.mean()
        return fit.residual(upstrokes), float(tau @ penalty @ tau)

    here, (residual, roughness) = start, parts(start)
    cost, damping, settled = residual + weight * roughness, 1e-3, False
    if not math.isfinite(cost):
        raise NumericsError("activation times: the cost at the start is not finite")
    for _ in range(iterations):
        normal = fit.normal(here)
        right = normal.right.copy()
        right[:n] -= weight * (penalty @ (here.times_ms - here.times_ms.mean()))
        square = normal.square + extra
        scale = np.diag(square).copy()
        # Nodes that the data do not see and the penalty leaves alone stay where they are.
        scale[:n] = np.maximum(scale[:n], 1e-9 * scale[:n].max())
        lowered = False
        while damping < 1e10:
            step = np.zeros(n + 2)
            step[free] = _solve(
                (square + np.diag(damping * scale))[np.ix_(free, free)], right[free]
            )
            there = here.moved(step)
            found = parts(there)
            new = found[0] + weight * found[1]
            if new < cost:
                lowered = True
                break
            damping = 4 * damping
        if not lowered:
            settled = True
            break
        settled = cost - new <= tolerance * cost
        here, (residual, roughness), cost = there, found, new
        damping = max(damping / 5, 1e-9)
        if settled:
            break
    return Fitted(here, residual, roughness, cost, settled)


def _solve(square: Matrix, right: Vector) -> Vector:
    try:
        factor = linalg.cho_factor(square, check_finite=False)
    except linalg.LinAlgError:
        return np.zeros_like(right)
    return linalg.cho_solve(factor, right, check_finite=False)
