"""Total variation: sharp fronts between regions of constant potential."""

import math
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy import linalg, sparse

from .._checks import check_count, check_number
from .._errors import InputError
from .._types import Matrix, Potentials
from ..geometry import Surface, surface_gradient
from ._path import tikhonov_path
from ._problem import InverseProblem
from ._reconstruction import ParameterChoice, Solution
from ._regularizers import Gradient
from ._rules import CheckedGCV, Fixed, Oracle, Rule, advice, choose_parameter
from ._standard_form import PenaltyFactors, StandardForm


@dataclass(frozen=True, eq=False)
class TotalVariation:
    """Minimize ‖y − Ru‖² + μ² Σ_f A_f |∇u|_f at every instant.

    |∇u|_f is the length of the surface gradient in triangle f and A_f its area over the mean
    area, so that a front of given height costs its length, however steep it is. The alternating
    direction method of multipliers splits the gradient off: one Cholesky factor serves every
    instant and iteration, all instants move together, and each stops counting when its primal and
    dual residuals are under the tolerance.

    The rule chooses λ of the first-order Tikhonov problem, whose path is cheap. μ is then the one
    whose residual over the beat is that of Tikhonov at this λ, found by bisection on some two
    dozen instants: both explain the data equally well, and differ in what they add. With `Fixed`
    the value is μ itself; an `Oracle` scans μ on some eighty.

    Args:
        rule: how λ is chosen.
        max_iterations: of the splitting.
        tolerance: relative size of the primal and dual residuals at which it stops.

    Raises:
        InputError: a setting out of range; when used: no heart surface.

    Source: Ghosh and Rudy, Ann Biomed Eng 2009;37:902 (L1 norm of the normal derivative); Boyd et
    al., Found Trends Mach Learn 2011;3:1, sections 3.3 and 6.4.

    >>> from cardiotwin.ecgi import Fixed, InverseProblem, ObservationOperator, Source
    >>> from cardiotwin.ecgi import reconstruct
    >>> from cardiotwin.geometry import zoo
    >>> ball = zoo.sphere(42)
    >>> step = (ball.vertices_mm[:, :1] > 0) * 1.0
    >>> operator = ObservationOperator(np.eye(42), Source.EPICARDIAL, ball)
    >>> found = reconstruct(InverseProblem(operator, step), TotalVariation(rule=Fixed(0.1)))
    >>> bool(abs(found.heart_potentials - step).max() < 0.05)
    True
    """

    rule: Rule = field(default_factory=CheckedGCV)
    max_iterations: int = 500
    tolerance: float = 1e-3

    def __post_init__(self):
        check_number(self.tolerance, "tolerance", above=0, below=1)
        check_count(self.max_iterations, "max_iterations")

    def solve(self, problem: InverseProblem) -> Solution:
        """Return the minimizer at the chosen μ."""
        heart = problem.heart
        if heart is None:
            raise InputError(
                "problem",
                found="an operator without a heart surface",
                expected="a surface, for the gradient",
                advice="Give ObservationOperator(..., heart=surface).",
            )
        gamma = Gradient().matrix(heart, problem.n_nodes)
        form = StandardForm.of(problem.matrix, PenaltyFactors.of(gamma))
        choice = choose_parameter(tikhonov_path(form, problem), self.rule)
        start = form.solution(problem.data, form.tikhonov_filters(choice.value))
        splitting = _Splitting.of(problem, heart)
        weight = self._weight(splitting, start, choice)
        run = splitting.run(start, weight, self.max_iterations, self.tolerance)
        failed = int((~run.converged).sum())
        status = advice(choice, "λ")
        if failed:
            status = (
                f"{failed} of {problem.n_times} instants did not converge in "
                f"{self.max_iterations} iterations: raise max_iterations or tolerance; {status}"
            )
        return Solution(
            heart_potentials=run.potentials,
            status=status,
            parameter=choice,
            diagnostics={
                "total_variation_parameter": math.sqrt(weight),
                "iterations": float(run.iterations),
                "instants_not_converged": float(failed),
                "total_variation": splitting.penalties(run.potentials)[1],
            },
        )

    def _weight(self, splitting: "_Splitting", start: Potentials, choice: ParameterChoice) -> float:
        lam = float(np.median(choice.value))
        if isinstance(self.rule, Fixed):
            return lam**2
        # A truth is compared instant by instant and needs more of them than a residual does.
        known = isinstance(self.rule, Oracle)
        pilot = slice(None, None, max(1, start.shape[1] // (80 if known else 24)))
        part, guess = splitting.at(pilot), start[:, pilot]
        squares, lengths = splitting.penalties(guess)
        # Both penalties would weigh the same on Tikhonov's solution: far above what is wanted.
        highest = math.log(lam**2 * squares / max(lengths, _TINY))

        def run(log_weight: float) -> Potentials:
            loose = max(self.tolerance, 3e-3 if known else 1e-2)
            return part.run(guess, math.exp(log_weight), self.max_iterations, loose).potentials

        if isinstance(self.rule, Oracle):
            truth = np.asarray(self.rule.truth)[:, pilot]
            candidates = highest + np.log(10.0) * np.linspace(-4, 1, 16)
            errors = [run(weight) - truth for weight in candidates]
            if self.rule.remove_mean:
                errors = [error - error.mean(axis=0) for error in errors]
            return math.exp(candidates[np.argmin([np.linalg.norm(e) for e in errors])])
        target = part.misfit(guess)
        low, high = highest - 5 * math.log(10.0), highest + math.log(10.0)
        for _ in range(8):
            middle = (low + high) / 2
            low, high = (middle, high) if part.misfit(run(middle)) < target else (low, middle)
        return math.exp((low + high) / 2)


_TINY = float(np.finfo(float).tiny)
_RELAXATION = 1.7
"""Over-relaxation: between 1.5 and 1.8 saves a third of the iterations (Boyd et al., 3.4.3)."""


@dataclass(frozen=True, eq=False)
class _Run:
    potentials: Potentials
    converged: np.ndarray
    iterations: int


@dataclass(frozen=True, eq=False)
class _Splitting:
    """ADMM for min ½‖y − Ru‖² + ½w Σ_f A_f |z_f| with z = Gu: one factor for all instants."""

    matrix: Float[np.ndarray, "n_leads n_nodes"]
    data: Float[np.ndarray, "n_leads n_times"]
    gradient: sparse.csr_array
    areas: Float[np.ndarray, " n_faces"]

    @classmethod
    def of(cls, problem: InverseProblem, heart: Surface) -> "_Splitting":
        areas = heart.face_areas_mm2 / heart.face_areas_mm2.mean()
        # The gradient is measured in units of 1/(mean edge), so that jumps of one are about one.
        gradient = sparse.csr_array(surface_gradient(heart) * heart.mean_edge_mm)
        return cls(problem.matrix, problem.data, gradient, areas)

    def at(self, instants: slice) -> "_Splitting":
        return _Splitting(self.matrix, self.data[:, instants], self.gradient, self.areas)

    def misfit(self, potentials: Potentials) -> float:
        return float(np.linalg.norm(self.data - self.matrix @ potentials))

    def lengths(
        self, parts: Float[np.ndarray, "n_parts n_times"]
    ) -> Float[np.ndarray, "n_faces n_times"]:
        return np.sqrt((parts.reshape(3, len(self.areas), -1) ** 2).sum(axis=0))

    def penalties(self, potentials: Potentials) -> tuple[float, float]:
        slopes = self.lengths(self.gradient @ potentials)
        return float((self.areas @ slopes**2).sum()), float((self.areas @ slopes).sum())

    def run(self, start: Potentials, weight: float, max_iterations: int, tolerance: float) -> _Run:
        gradient, areas = self.gradient, np.tile(self.areas, 3)[:, None]
        normal = self.matrix.T @ self.matrix
        smooth = (gradient.T @ gradient.multiply(areas).tocsr()).toarray()
        # A first threshold of a tenth of a steep slope balances data and penalty.
        steep = max(float(np.percentile(self.lengths(gradient @ start), 90)), _TINY)
        rho = weight / (0.2 * steep)
        factor = self._factor(normal + rho * smooth)
        found, active = start.copy(), np.arange(start.shape[1])
        right, z = self.matrix.T @ self.data, gradient @ start
        dual, count = np.zeros_like(z), 0
        for count in range(1, max_iterations + 1):
            u = linalg.cho_solve(
                factor, right + rho * (gradient.T @ (areas * (z - dual))), check_finite=False
            )
            slopes, old = gradient @ u, z
            target = _RELAXATION * slopes + (1 - _RELAXATION) * old + dual
            shrunk = 1 - 0.5 * weight / rho / np.maximum(self.lengths(target), _TINY)
            z = target * np.tile(np.maximum(shrunk, 0.0), (3, 1))
            dual = target - z
            if count % 5 and count < max_iterations:
                continue
            primal, moved = _size(areas, slopes - z), _size(areas, z - old)
            scale = np.maximum(_size(areas, slopes), _size(areas, dual))
            scale = np.maximum(scale, 1e-3 * scale.max(initial=0.0)) + _TINY
            open_ = (primal > tolerance * scale) | (moved > tolerance * scale)
            # Instants that have converged leave the others to themselves.
            found[:, active] = u
            active = active[open_]
            if not len(active):
                break
            right, z, dual = right[:, open_], z[:, open_], dual[:, open_]
            if count in (10, 30, 60, 100, 200):
                # Residual balancing (Boyd et al., section 3.4.1), rarely: it costs a new factor.
                ratio = np.linalg.norm(primal[open_]) / max(np.linalg.norm(moved[open_]), _TINY)
                ratio = float(np.clip(np.sqrt(ratio), 0.2, 5.0))
                rho, dual = rho * ratio, dual / ratio
                factor = self._factor(normal + rho * smooth)
        converged = np.ones(start.shape[1], dtype=bool)
        converged[active] = False
        return _Run(found, converged, count)

    def _factor(self, system: Matrix) -> tuple[Matrix, bool]:
        # What neither data nor gradient sees (the constant, under a common average) stays put.
        ridge = 1e-12 * np.trace(system) / len(system)
        try:
            return linalg.cho_factor(system + ridge * np.eye(len(system)), check_finite=False)
        except linalg.LinAlgError:
            raise InputError(
                "rule",
                found="a penalty so weak that the system is singular",
                expected="enough regularization",
                advice="Give a larger parameter or strength.",
            ) from None


def _size(
    weights: Float[np.ndarray, "n_parts 1"], parts: Float[np.ndarray, "n_parts n_times"]
) -> Float[np.ndarray, " n_times"]:
    return np.sqrt((weights * parts**2).sum(axis=0))
