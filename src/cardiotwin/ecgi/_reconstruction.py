"""The answer to an inverse problem, and the verb that asks for it."""

import time
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from .._checks import freeze
from .._provenance import Provenance, make_provenance
from .._types import Potentials
from ._problem import InverseProblem

NINETY_PERCENT = 1.6448536269514722
"""Standard deviations to either side that hold 90 % of a Gaussian."""


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """How sure a method is of its potentials.

    Attributes:
        standard_deviation: (n_nodes, n_times) of each potential.
        kind: what it is: posterior of a Gaussian model, spread over parameters, ensemble.
        assumptions: what has to be true for it to be right.
    """

    standard_deviation: Potentials
    kind: str
    assumptions: str


@dataclass(frozen=True, eq=False)
class ParameterChoice:
    """Which regularization parameter was chosen, by which rule, and how firmly.

    Attributes:
        rule: name of the rule.
        value: the parameter: one for the beat, shape (1,), or one an instant, shape (n_times,).
        candidates: (n_candidates,) parameters that were looked at, ascending.
        criterion: (n_candidates,) the rule's criterion summed over the beat, for the figure.
        interval: smallest and largest parameter that the rule cannot tell from its choice.
        others: what other rules would have chosen for the beat, by name.
        at_edge: the choice is the first or last candidate: the rule failed to find an optimum.
    """

    rule: str
    value: Float[np.ndarray, " n_values"]
    candidates: Float[np.ndarray, " n_candidates"]
    criterion: Float[np.ndarray, " n_candidates"]
    interval: tuple[float, float]
    others: dict[str, float] = field(default_factory=dict)
    at_edge: bool = False


@dataclass(frozen=True, eq=False)
class Solution:
    """What an inverse method hands back to `reconstruct`.

    Attributes:
        heart_potentials: (n_nodes, n_times).
        status: "solved", or a sentence that says what went wrong and what to try.
        parameter: the chosen regularization parameter, where there is one.
        uncertainty: where the method can tell.
        diagnostics: further numbers by name (iterations, effective rank, second parameters).
    """

    heart_potentials: Potentials
    status: str = "solved"
    parameter: ParameterChoice | None = None
    uncertainty: Uncertainty | None = None
    diagnostics: dict[str, float] = field(default_factory=dict)


@runtime_checkable
class InverseMethod(Protocol):
    """A frozen object whose fields are the settings and that can solve a problem."""

    def solve(self, problem: InverseProblem) -> Solution:
        """Return the heart potentials that explain ``problem.data``."""
        ...


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Heart potentials with everything needed to judge and repeat them.

    Attributes:
        heart_potentials: (n_nodes, n_times), in the unit of the body potentials.
        status: "solved" or advice.
        problem: the problem that was solved.
        method: the method object.
        parameter: chosen parameter and how firmly, None for methods without one.
        uncertainty: None where the method cannot tell.
        body_residual: ‖Py − PRu‖ / ‖Py‖ over the beat.
        body_residual_by_time: (n_times,) the same at every instant.
        seconds: wall-clock time of the solve.
        diagnostics: further numbers by name.
        provenance: version, settings, seed, time.
    """

    heart_potentials: Potentials
    status: str
    problem: InverseProblem
    method: InverseMethod
    parameter: ParameterChoice | None
    uncertainty: Uncertainty | None
    body_residual: float
    body_residual_by_time: Float[np.ndarray, " n_times"]
    seconds: float
    diagnostics: dict[str, float]
    provenance: Provenance

    @property
    def times_ms(self) -> Float[np.ndarray, " n_times"]:
        """(n_times,) instants of the recording."""
        return self.problem.times_ms

    @property
    def predicted_body_potentials(self) -> Float[np.ndarray, "n_rows n_times"]:
        """(n_rows, n_times) potentials at every row of the operator, leads or not."""
        return self.problem.operator.apply(self.heart_potentials)

    def __repr__(self) -> str:
        nodes, times = self.heart_potentials.shape
        chosen = ""
        if self.parameter is not None:
            chosen = f", λ = {np.median(self.parameter.value):.3g} by {self.parameter.rule}"
        return (
            f"Reconstruction({type(self.method).__name__}{chosen}, {nodes} nodes x {times} "
            f"instants, body residual {self.body_residual:.3f}, {self.status})"
        )


def reconstruct(problem: InverseProblem, method: InverseMethod) -> Reconstruction:
    """Solve an inverse problem of electrocardiography by a method.

    Args:
        problem: operator, leads and reference.
        method: any object with ``solve(problem) -> Solution``; see "write your own inverse
            method" in the documentation.

    Returns:
        The potentials with residuals, chosen parameter, uncertainty and provenance.

    Raises:
        InputError: the method cannot be applied to this problem.
        NumericsError: the system cannot be solved stably.

    >>> from cardiotwin.ecgi import InverseProblem, Tikhonov, Fixed, reconstruct
    >>> problem = InverseProblem([[0.6, 0.4], [0.3, 0.7]], [[1.0], [0.0]])
    >>> reconstruct(problem, Tikhonov(order=0, rule=Fixed(0.1))).heart_potentials.shape
    (2, 1)
    """
    start = time.perf_counter()
    solution = method.solve(problem)
    seconds = time.perf_counter() - start
    misfit = problem.data - problem.matrix @ solution.heart_potentials
    by_time = _ratio(np.linalg.norm(misfit, axis=0), np.linalg.norm(problem.data, axis=0))
    whole = _ratio(np.array([np.linalg.norm(misfit)]), np.array([np.linalg.norm(problem.data)]))
    return Reconstruction(
        heart_potentials=freeze(solution.heart_potentials),
        status=solution.status,
        problem=problem,
        method=method,
        parameter=solution.parameter,
        uncertainty=solution.uncertainty,
        body_residual=float(whole[0]),
        body_residual_by_time=by_time,
        seconds=seconds,
        diagnostics=solution.diagnostics,
        provenance=make_provenance(method, seed=getattr(method, "seed", None)),
    )


def _ratio(
    part: Float[np.ndarray, " n"], whole: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
