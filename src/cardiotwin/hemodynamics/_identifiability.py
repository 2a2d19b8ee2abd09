"""What the measurements determine, what they leave open, and what to measure next."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ._identification import Identification
from ._measurements import QUANTITIES

TARGETS = ("lv_peak_mmhg", "lvedp_mmhg", "stroke_work_mmhg_ml", "co_l_min", "emax", "emin")
"""What a further measurement should help to know, by default."""

DETERMINED, UNDETERMINED = 0.5, 0.9
"""Posterior over prior standard deviation: below the first the data determine a parameter, above
the second it is only as well known as before."""


@dataclass(frozen=True)
class ParameterReport:
    """One parameter before and after the measurements.

    Attributes:
        name: of the parameter.
        prior: its 90 % interval before.
        posterior: its 90 % interval after.
        shrinkage: posterior over prior standard deviation, in coordinates.
        verdict: "determined", "partly" or "not determined".
    """

    name: str
    prior: tuple[float, float]
    posterior: tuple[float, float]
    shrinkage: float
    verdict: str


@dataclass(frozen=True)
class NextMeasurement:
    """How much one more number would help.

    Attributes:
        quantity: what to measure.
        error: standard deviation of that measurement.
        remaining: target → expected standard deviation after it over the one now.
    """

    quantity: str
    error: float
    remaining: dict[str, float]


@dataclass(frozen=True, eq=False)
class Identifiability:
    """The report.

    Attributes:
        parameters: each before and after.
        targets: prediction → (5 %, 50 %, 95 %) quantile.
        n_determined: directions of the coordinates whose spread the data halved at least.
        ridge: parameter → weight in the direction that the data say least about.
        ridge_remaining: standard deviation along it, 1 before the measurements.
        candidates: further measurements, the most helpful first.
    """

    parameters: tuple[ParameterReport, ...]
    targets: dict[str, tuple[float, float, float]]
    n_determined: int
    ridge: dict[str, float]
    ridge_remaining: float
    candidates: tuple[NextMeasurement, ...]

    def table(self) -> str:
        """Return the parameters as a Markdown table."""
        lines = ["| parameter | before | after | spread left | |", "|---|---|---|---|---|"]
        for row in self.parameters:
            before = f"{row.prior[0]:.3g} to {row.prior[1]:.3g}"
            after = f"{row.posterior[0]:.3g} to {row.posterior[1]:.3g}"
            cells = [f"`{row.name}`", before, after, f"{100 * row.shrinkage:.0f} %", row.verdict]
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def summary(self) -> str:
        """Return the report in a few sentences."""
        n = len(self.parameters)
        by = {"determined": [], "partly": [], "not determined": []}
        for row in self.parameters:
            by[row.verdict].append(row.name)
        parts = [f"The measurements determine {self.n_determined} of {n} directions."]
        for verdict, names in by.items():
            if names:
                parts.append(f"{verdict.capitalize()}: {', '.join(names)}.")
        for name, (low, _, high) in self.targets.items():
            if name == "lv_peak_mmhg" and (high - low) > 0.4 * (high + low) / 2:
                parts.append(
                    f"Pressure is not determined: peak LV pressure {low:.0f} to {high:.0f} mmHg."
                )
        if self.candidates:
            best = self.candidates[0]
            name, left = min(best.remaining.items(), key=lambda item: item[1])
            parts.append(
                f"Most would help: {best.quantity} (± {best.error:.3g}), which would leave "
                f"{100 * left:.0f} % of the spread of {name}."
            )
        return " ".join(parts)


def identifiability(found: Identification, targets: Sequence[str] = TARGETS) -> Identifiability:
    """Return what the measurements of a patient determine.

    Prior and posterior are compared in coordinates in which the prior is standard normal. A
    further measurement y ± σ of one quantity is expected to leave √(1 − ρ² s²/(s² + σ²)) of a
    target's standard deviation, with s that of y's prediction and ρ its correlation with the
    target among the draws: exact where they are jointly normal.

    Args:
        found: an identification.
        targets: predictions or parameters that one wants to know.

    Raises:
        InputError: a target that does not exist.
    """
    weights, z = found.weights, found.coordinates
    centered = z - weights @ z
    covariance = (centered * weights[:, None]).T @ centered
    rows = []
    for k, (name, prior) in enumerate(found.unknowns.priors.items()):
        left = float(np.sqrt(covariance[k, k]))
        verdict = "partly"
        if left < DETERMINED:
            verdict = "determined"
        elif left > UNDETERMINED:
            verdict = "not determined"
        before = (float(prior.value(-1.645)), float(prior.value(1.645)))
        rows.append(ParameterReport(name, before, found.interval(name), left, verdict))
    spread, directions = np.linalg.eigh(covariance)
    ridge = directions[:, -1] * np.sign(directions[np.abs(directions[:, -1]).argmax(), -1])
    quantiles = {}
    for name in targets:
        low, middle, high = map(float, found.quantile(name, [0.05, 0.5, 0.95]))
        quantiles[name] = (low, middle, high)
    return Identifiability(
        parameters=tuple(rows),
        targets=quantiles,
        n_determined=int(np.sum(np.sqrt(np.maximum(spread, 0)) < DETERMINED)),
        ridge=dict(zip(found.unknowns.names, map(float, ridge), strict=True)),
        ridge_remaining=float(np.sqrt(spread[-1])),
        candidates=_candidates(found, targets),
    )


def _candidates(found: Identification, targets: Sequence[str]) -> tuple[NextMeasurement, ...]:
    rows = []
    for name, quantity in QUANTITIES.items():
        if name in found.measurements.names:
            continue
        predicted = quantity.among(found.values)
        middle = float(found.weights @ predicted)
        error = quantity.error + quantity.relative * middle
        remaining = {
            target: _remaining(predicted, found.values(target), found.weights, error)
            for target in targets
        }
        rows.append(NextMeasurement(name, error, remaining))
    return tuple(sorted(rows, key=lambda row: sum(row.remaining.values())))


def _remaining(
    measured: Float[np.ndarray, " n"],
    target: Float[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"],
    error: float,
) -> float:
    one, other = measured - weights @ measured, target - weights @ target
    variance, own = weights @ one**2, weights @ other**2
    if variance <= 0 or own <= 0:
        return 1.0
    explained = (weights @ (one * other)) ** 2 / own / (variance + error**2)
    return float(np.sqrt(max(0.0, 1 - explained)))
