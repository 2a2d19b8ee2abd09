"""Whether the posterior means what it says, and what more measurements add."""

import time
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import stats

from .._types import PathLike
from ..circulation import Circulation, steady_indices
from ..hemodynamics import (
    Identification,
    Measurements,
    NoUTurn,
    Posterior,
    Unknowns,
    identify,
)
from ._table import StudyTable

ERRORS = {
    "heart_rate_bpm": 2.0,
    "edv_ml": 12.0,
    "esv_ml": 9.0,
    "systolic_mmhg": 8.0,
    "diastolic_mmhg": 8.0,
}
"""Standard deviations of the synthetic measurements, which the identification is told."""

LEVEL = 0.9


def synthetic_measurements(circulation: Circulation, seed: int) -> list[Measurements | None]:
    """Return noisy clinical numbers of patients; None where noise made an impossible set."""
    own = steady_indices(circulation).indices
    true = {
        "heart_rate_bpm": np.broadcast_to(circulation.heart_rate_bpm, circulation.shape),
        "edv_ml": own.edv_ml,
        "esv_ml": own.esv_ml,
        "systolic_mmhg": own.systolic_mmhg,
        "diastolic_mmhg": own.diastolic_mmhg,
    }
    noise = np.random.default_rng(seed).standard_normal((len(own.edv_ml), len(ERRORS)))
    found: list[Measurements | None] = []
    for k, row in enumerate(noise):
        numbers = {
            name: float(true[name][k] + error * z)
            for (name, error), z in zip(ERRORS.items(), row, strict=True)
        }
        try:
            found.append(Measurements(**numbers, errors=dict(ERRORS)))  # pyright: ignore
        except ValueError:
            found.append(None)
    return found


def calibration(data: PathLike | None = None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """Simulation-based calibration: patients from the prior, measured with noise, identified.

    The share of a posterior below the true value is uniform if the posterior is right. One
    Kolmogorov–Smirnov test a parameter; the smallest p is multiplied by their number (Bonferroni).

    Args:
        data: not used.
        quick: 40 patients instead of 500.
        seed: of patients and noise.
    """
    del data
    unknowns = Unknowns.of()
    n = 40 if quick else 500
    z = unknowns.draw(round(1.1 * n), seed)
    measured = synthetic_measurements(unknowns.circulation(z), seed + 1)
    usable = np.array([own is not None for own in measured])
    # Choosing by the data leaves posteriors what they are.
    usable &= np.cumsum(usable) <= n
    left_out = int(np.sum(~usable[: np.flatnonzero(usable)[-1]]))
    begin = time.perf_counter()
    chosen = [own for own, wanted in zip(measured, usable, strict=True) if own and wanted]
    found = identify(chosen, seed=seed)
    seconds = time.perf_counter() - begin
    truth = z[usable]
    ranks = np.array([_ranks(own, row) for own, row in zip(found, truth, strict=True)])
    rows: list[list[Any]] = []
    p_values = [float(stats.kstest(column, "uniform").pvalue) for column in ranks.T]
    for k, name in enumerate(unknowns.names):
        rows.append([name, *_coverage(found, truth, ranks, k), p_values[k]])
    pooled = [np.mean([row[c] for row in rows]) for c in (1, 2, 3)]
    rows.append(["all", *map(float, pooled), min(1.0, min(p_values) * len(p_values))])
    effective = np.array([own.diagnostics["effective_draws"] for own in found])
    trusted = np.mean([own.trusted for own in found])
    notes = [
        f"{len(found)} patients drawn from the prior and simulated with the model that identifies "
        "them (an inverse crime); heart rate, EDV, ESV and cuff pressure with the errors "
        + ", ".join(f"{name} {error:g}" for name, error in ERRORS.items()),
        f"{left_out} patients left out: noise made an impossible or unlikely set of numbers",
        f"{seconds / len(found):.2f} s a patient, compiling included; effective draws "
        f"{np.median(effective):.0f} (smallest {effective.min():.0f}); {100 * trusted:.1f} % of "
        "posteriors pass their own checks",
        "CRPS and width in standard deviations of the prior; p of the last row is corrected for "
        "the number of parameters",
    ]
    columns = ["parameter", "90 % intervals hold (%)", "width", "CRPS", "p (uniform ranks)"]
    return StudyTable("Calibration of the posterior", columns, rows, notes)


def agreement(data: PathLike | None = None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """The default posterior beside long runs of NUTS, patient by patient.

    Args:
        data: not used.
        quick: one patient instead of ten.
        seed: of patients, noise and draws.
    """
    del data
    unknowns = Unknowns.of()
    z = unknowns.draw(30, seed)
    measured = synthetic_measurements(unknowns.circulation(z), seed + 1)
    patients = [own for own in measured if own is not None][: 1 if quick else 10]
    ours = identify(
        patients, method=Posterior(effective_draws=3000, draws_per_round=3000), seed=seed
    )
    rows: list[list[Any]] = []
    sampler = NoUTurn() if quick else NoUTurn(draws=200)
    for number, (patient, own) in enumerate(zip(patients, ours, strict=True)):
        begin = time.perf_counter()
        reference = identify(patient, method=sampler, seed=seed)
        seconds = time.perf_counter() - begin
        rows.append([number, *_differences(own, reference), reference.diagnostics["r_hat"]])
        told = reference.diagnostics
        rows[-1] += [told["effective_draws"], told["divergences"], told["gradients"], seconds]
    columns = ["patient", "largest shift of a mean", "largest ratio of spreads"]
    columns += ["shift of peak LV pressure (mmHg)", "R̂", "effective draws", "divergences"]
    columns += ["gradients", "seconds"]
    return StudyTable(
        "Importance sampling beside NUTS",
        columns,
        rows,
        ["means in posterior standard deviations; ratios ≥ 1; the first patient's seconds include "
         "compiling"],
    )  # fmt: skip


def information(data: PathLike | None = None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """What volumes, heart rate, cuff pressure and Doppler each add to what is known of a patient.

    Args:
        data: not used.
        quick: three sets of measurements instead of five.
        seed: of the draws.
    """
    del data
    sets: dict[str, dict[str, float]] = {
        "EDV, ESV": {"edv_ml": 149.0, "esv_ml": 67.0},
        "+ heart rate": {"heart_rate_bpm": 60.0},
        "+ cuff": {"systolic_mmhg": 118.0, "diastolic_mmhg": 71.0},
        "+ Doppler": {"cardiac_output_l_min": 4.9},
        "+ LVEDP": {"lvedp_mmhg": 8.0},
    }
    known: dict[str, float] = {}
    patients = []
    for extra in list(sets.values())[: 3 if quick else 5]:
        known |= extra
        patients.append(Measurements(**known))  # pyright: ignore
    found = identify(patients, seed=seed)
    rows: list[list[Any]] = []
    for name, own in zip(sets, found, strict=False):
        row: list[Any] = [name]
        for index in ("lv_peak_mmhg", "co_l_min", "lvedp_mmhg", "emax"):
            low, high = own.interval(index)
            row += [low, high]
        rows.append([*row, (rows[0][2] - rows[0][1]) / (row[2] - row[1]) if rows else 1.0])
    columns = ["known", "peak LV 5 %", "95 %", "CO 5 %", "95 %", "LVEDP 5 %", "95 %"]
    columns += ["Emax 5 %", "95 %", "peak LV interval shrinks by"]
    return StudyTable("What each measurement adds, reference patient", columns, rows)


def _ranks(
    own: Identification, truth: Float[np.ndarray, " n_unknowns"]
) -> Float[np.ndarray, " n_unknowns"]:
    return own.weights @ (own.coordinates < truth)


def _coverage(
    found: list[Identification],
    truth: Float[np.ndarray, "n_patients n_unknowns"],
    ranks: Float[np.ndarray, "n_patients n_unknowns"],
    k: int,
) -> tuple[float, float, float]:
    """Return coverage in percent, mean width and mean CRPS of one coordinate."""
    tail = (1 - LEVEL) / 2
    inside = (ranks[:, k] > tail) & (ranks[:, k] < 1 - tail)
    widths, scores = [], []
    for own, true in zip(found, truth[:, k], strict=True):
        order = np.argsort(own.coordinates[:, k])
        values, weights = own.coordinates[order, k], own.weights[order]
        below = np.cumsum(weights)
        low, high = np.interp([tail, 1 - tail], below, values)
        widths.append(high - low)
        # ∫ (F(x) − 1{x ≥ truth})² dx over the steps of the draws and the gap to the truth.
        edges = np.sort(np.append(values, true))
        share = np.interp(edges[:-1], values, below, left=0.0)
        share = np.where(edges[:-1] < values[0], 0.0, share)
        target = edges[:-1] >= true
        scores.append(np.sum((share - target) ** 2 * np.diff(edges)))
    return 100 * float(np.mean(inside)), float(np.mean(widths)), float(np.mean(scores))


def _differences(own: Identification, reference: Identification) -> tuple[float, float, float]:
    def moments(found: Identification) -> tuple[Any, Any]:
        mean = found.weights @ found.coordinates
        return mean, np.sqrt(found.weights @ (found.coordinates - mean) ** 2)

    (mean, spread), (other, wanted) = moments(own), moments(reference)
    ratio = np.maximum(spread / wanted, wanted / spread)
    peak = own.mean("lv_peak_mmhg") - reference.mean("lv_peak_mmhg")
    return float(np.abs((mean - other) / wanted).max()), float(ratio.max()), float(abs(peak))
