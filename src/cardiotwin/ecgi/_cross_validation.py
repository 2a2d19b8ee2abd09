"""Predict each lead from the others: the score that needs no truth inside the body."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from .._threads import map_threads
from .._types import Vector
from ._operator import ObservationOperator
from ._path import tikhonov_path
from ._problem import InverseProblem
from ._reconstruction import InverseMethod
from ._reference import AsRecorded, CommonAverage
from ._rules import Fixed
from ._tikhonov import Tikhonov


@dataclass(frozen=True, eq=False)
class LeadPredictions:
    """Left-out leads as predicted from the others, and as measured.

    Attributes:
        predicted: (n_leads, n_times), each row without having been seen.
        measured: (n_leads, n_times) in the same reference.
        parameters: (n_leads,) λ (median over time) without each lead, NaN where there is none.
    """

    predicted: Float[np.ndarray, "n_leads n_times"]
    measured: Float[np.ndarray, "n_leads n_times"]
    parameters: Float[np.ndarray, " n_leads"]

    @property
    def relative_error(self) -> float:
        """‖predicted − measured‖ / ‖measured‖ over all leads and instants."""
        error = np.linalg.norm(self.predicted - self.measured)
        return float(error / np.linalg.norm(self.measured))

    @property
    def correlation(self) -> float:
        """Pearson correlation over all leads and instants."""
        return float(np.corrcoef(self.predicted.ravel(), self.measured.ravel())[0, 1])

    def __repr__(self) -> str:
        return (
            f"LeadPredictions({len(self.predicted)} leads, CC {self.correlation:.4f}, "
            f"RE {self.relative_error:.4f})"
        )


def cross_validate_leads(problem: InverseProblem, method: InverseMethod) -> LeadPredictions:
    """Leave out each lead in turn, solve, and predict it from the solution.

    Whatever the method decides, it decides without the lead: with `LeaveOneLeadOut` as its rule
    this is nested cross-validation. `Tikhonov` with one fixed λ needs no second solution, since
    then the error is r_i/(1 − h_i) exactly. With a common average reference the average is that
    of the remaining leads; other references are kept as they are, row by row.

    Args:
        problem: the leads and their operator.
        method: any inverse method.

    Returns:
        Predicted and measured potentials of all kept leads, with their scores.

    Raises:
        InputError: the method cannot be applied, or fewer than three leads.

    Source: Stone, J R Stat Soc B 1974;36:111 (nested choice); Allen, Technometrics 1974;16:125.

    >>> from cardiotwin.ecgi import Fixed, InverseProblem, Tikhonov
    >>> matrix = [[0.6, 0.4], [0.5, 0.5], [0.4, 0.6]]
    >>> problem = InverseProblem(matrix, [[0.2], [0.0], [-0.2]])
    >>> cross_validate_leads(problem, Tikhonov(rule=Fixed(0.001))).relative_error < 0.01
    True
    """
    if isinstance(method, Tikhonov) and isinstance(method.rule, Fixed):
        values = np.atleast_1d(np.asarray(method.rule.value, dtype=float))
        if len(values) == 1:
            return _by_formula(problem, method, float(values[0]))
    factors = None
    if isinstance(method, Tikhonov):
        method = replace(method, uncertainty=False)
        factors = method.factors(problem)

    def predict(number: int) -> tuple[Vector, Vector, float]:
        inner, row, target = _without(problem, number)
        if isinstance(method, Tikhonov):
            solution = method.prepare(inner, factors).solve(inner)
        else:
            solution = method.solve(inner)
        choice = solution.parameter
        parameter = np.nan if choice is None else float(np.median(choice.value))
        return row @ solution.heart_potentials, target, parameter

    predicted, measured, parameters = zip(
        *map_threads(predict, range(len(problem.kept))), strict=True
    )
    return LeadPredictions(np.stack(predicted), np.stack(measured), np.array(parameters))


def _without(
    problem: InverseProblem, number: int
) -> tuple[InverseProblem, Float[np.ndarray, " n_nodes"], Float[np.ndarray, " n_times"]]:
    rest = np.delete(np.arange(len(problem.kept)), number)
    if isinstance(problem.reference, (AsRecorded, CommonAverage)):
        matrix = problem.lead_matrix
        data = problem.body_potentials[problem.kept]
    else:
        matrix, data = problem.matrix, problem.data
    row, target = matrix[number], data[number]
    if isinstance(problem.reference, CommonAverage):
        row, target = row - matrix[rest].mean(axis=0), target - data[rest].mean(axis=0)
        reference = problem.reference
    else:
        reference = AsRecorded()
    operator = ObservationOperator(
        matrix[rest], problem.operator.source, problem.heart, description="one lead left out"
    )
    inner = InverseProblem(operator, data[rest], reference=reference, times_ms=problem.times_ms)
    return inner, row, target


def _by_formula(problem: InverseProblem, method: Tikhonov, value: float) -> LeadPredictions:
    path = tikhonov_path(method.prepare(problem).form, problem, parameters=[value])
    solution = path.form.solution(problem.data, path.filters.T)
    residual = problem.data - problem.matrix @ solution
    error = residual / np.maximum(1 - path.leverage[0], 1e-12)[:, None]
    measured = problem.data
    if isinstance(problem.reference, CommonAverage):
        # Against the mean of the other leads instead of the mean of all.
        measured = measured * len(measured) / (len(measured) - 1)
    return LeadPredictions(measured - error, measured, np.full(len(measured), value))
