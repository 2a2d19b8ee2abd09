"""Every method × every rule on one problem with a known truth."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from .. import ecgi
from .._errors import InputError
from .._progress import track
from ..geometry import CotangentLaplacian
from ._resume import FinishedParts
from ._table import StudyTable

COLUMNS = [
    "method",
    "rule",
    "λ",
    "RE",
    "RE / oracle",
    "CC",
    "spatial CC",
    "electrogram CC",
    "body residual",
    "seconds",
    "remark",
]


@dataclass(frozen=True, eq=False)
class Case:
    """A problem and the truth it is scored against.

    Attributes:
        problem: the inverse problem.
        truth: (n_nodes, n_times) potentials.
        remove_mean: whether spatial means are removed before scoring.
    """

    problem: ecgi.InverseProblem
    truth: Float[np.ndarray, "n_nodes n_times"]
    remove_mean: bool = False

    def every(self, step: int) -> "Case":
        """Return the case with every ``step``-th instant only."""
        data = self.problem.body_potentials[:, ::step]
        return Case(self.problem.with_data(data), self.truth[:, ::step], self.remove_mean)

    def score(self, potentials: Float[np.ndarray, "n_nodes n_times"]) -> ecgi.Metrics:
        """Return the metrics of some potentials."""
        return ecgi.evaluate(potentials, self.truth, remove_mean=self.remove_mean)


def rules_for(case: Case) -> dict[str, ecgi.Rule]:
    """Return every rule by name, the oracle first."""
    return {
        "oracle": ecgi.Oracle(case.truth, remove_mean=case.remove_mean),
        "checked GCV": ecgi.CheckedGCV(),
        "L-curve": ecgi.LCurve(),
        "CRESO": ecgi.CRESO(),
        "U-curve": ecgi.UCurve(),
        "GCV": ecgi.GCV(),
        "robust GCV": ecgi.RobustGCV(),
        "leave one lead out": ecgi.LeaveOneLeadOut(),
        "quasi-optimality": ecgi.QuasiOptimality(),
        "consensus": ecgi.Consensus(),
    }


def methods_for(case: Case) -> dict[str, Any]:
    """Return every method that the problem allows, by name, with its default settings."""
    methods: dict[str, Any] = {"Tikhonov 0": ecgi.Tikhonov(order=0)}
    if case.problem.heart is not None:
        methods |= {
            "Tikhonov 1": ecgi.Tikhonov(order=1),
            "Tikhonov 2": ecgi.Tikhonov(order=2),
            "Tikhonov 2 (cotangent)": ecgi.Tikhonov(order=2, laplacian=CotangentLaplacian()),
        }
    methods["truncated SVD"] = ecgi.TruncatedSVD()
    methods["conjugate gradient"] = ecgi.ConjugateGradient()
    methods["GMRES"] = ecgi.GMRES()
    if case.problem.heart is not None:
        for order in (1, 2):
            methods[f"spatio-temporal {order}"] = ecgi.SpatioTemporal(order=order)
            methods[f"isotropy {order}"] = ecgi.IsotropyPrewhitening(order=order)
        methods["traveling wave"] = ecgi.TravelingWave(uncertainty=False)
        methods["total variation"] = ecgi.TotalVariation()
        if case.problem.operator.observed is not None:
            methods["fundamental solutions"] = ecgi.FundamentalSolutions()
    return methods


def compare(
    case: Case,
    *,
    title: str,
    methods: Mapping[str, Any] | None = None,
    rules: Mapping[str, ecgi.Rule] | None = None,
    parts: FinishedParts | None = None,
) -> StudyTable:
    """Run every method with every rule; one row each, and the zero solution first."""
    parts = FinishedParts() if parts is None else parts
    methods = methods_for(case) if methods is None else methods
    rules = rules_for(case) if rules is None else rules
    rows: list[list[Any]] = [["zero solution", None, None, 1.0, *[None] * 4, 1.0, None, ""]]
    for name in track(list(methods), title):
        rows += parts.rows(name, lambda name=name: _rows(case, name, methods[name], rules))
    return StudyTable(title, list(COLUMNS), rows)


def _rows(
    case: Case, name: str, method: Any, rules: Mapping[str, ecgi.Rule]
) -> Iterator[list[Any]]:
    if "rule" not in {item.name for item in fields(method)}:
        yield _row(case, name, method, "likelihood", None)
        return
    bound: float | None = None
    for rule_name, rule in rules.items():
        row = _row(case, name, replace(method, rule=rule), rule_name, bound)
        bound = row[3] if rule_name == "oracle" else bound
        yield row


def _row(
    case: Case, method_name: str, method: Any, rule_name: str, bound: float | None
) -> list[Any]:
    start = time.perf_counter()
    try:
        result = ecgi.reconstruct(case.problem, method)
    except InputError as error:
        # Some rules are derivatives over λ and mean nothing for ranks or iterations.
        return [method_name, rule_name, *[None] * 8, f"not defined: {error.found}"]
    seconds = time.perf_counter() - start
    score = case.score(result.heart_potentials)
    ratio = score.relative_error / bound if bound else 1.0 if rule_name == "oracle" else None
    return [
        method_name,
        rule_name,
        None if result.parameter is None else float(np.median(result.parameter.value)),
        score.relative_error,
        ratio,
        score.correlation,
        score.spatial_correlation_quartiles[1],
        score.temporal_correlation_quartiles[1],
        result.body_residual,
        seconds,
        _remark(result, ratio),
    ]


def _remark(result: ecgi.Reconstruction, ratio: float | None) -> str:
    if result.parameter is not None and result.parameter.at_edge:
        return "no optimum inside the candidates"
    if ratio is not None and ratio > 1.2:
        return "fails: more than 20 % above the oracle"
    return "" if result.status.startswith("solved") else result.status
