"""Activation times of ECGSIM's normal male from its noisy body-surface potentials."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import ecgi, geometry
from .._progress import track
from .._types import PathLike, Vector
from ..tissue import SteepestUpstroke, activation_times
from ._data import dataset
from ._double_layer import FOLDER, guessed_organs
from ._resume import FinishedParts
from ._table import StudyTable

QRS_MS = 110
TITLE = "ECGSIM normal male: activation times from the QRS"
COLUMNS = [
    "matrix",
    "noise (µV)",
    "method",
    "correlation",
    "MAE (ms)",
    "earliest site (mm)",
    "gain",
    "coverage of 90 %",
    "mean SD (ms)",
    "seeds",
]


def ecgsim(
    data: PathLike | None,
    *,
    quick: bool = False,
    seed: int = 0,
    parts: FinishedParts | None = None,
) -> StudyTable:
    """Recover the activation times that made the supplied QRS, with white noise added.

    Methods: the best constant time (an oracle's), Tikhonov of order 0 and 2 with our estimators of
    activation, and `ecgi.ActivationTimeImaging`. Matrices: the supplied one (an inverse crime), and
    our own of a homogeneous torso and of one with guessed lungs and blood.

    Args:
        data: folder that holds ``ecgi_ecgsim_normal_male``.
        quick: one seed, 20 µV, without guessed organs.
        seed: of the first noise.
        parts: rows that an interrupted run has finished.
    """
    case = _Case(data)
    parts = FinishedParts() if parts is None else parts
    noises = (20,) if quick else (20, 10, 50)
    seeds = range(seed, seed + (1 if quick else 5))
    operators = case.operators(guessed=not quick)
    runs = [(noise, name) for noise in noises for name in operators]
    rows: list[list[Any]] = [case.constant()]
    for noise, name in track(runs, TITLE):
        operator = operators[name]
        rows += parts.rows(
            f"{name}, {noise}",
            lambda noise=noise, name=name, operator=operator: case.rows(
                name, operator, noise, seeds
            ),
        )
    return StudyTable(
        TITLE,
        list(COLUMNS),
        rows,
        notes=[
            "Means over the seeds. Supplied matrix: the one that made the data (an inverse crime); "
            "ours: geometry only, conductivities homogeneous or guessed.",
            "The constant time is the median of the truth: an oracle, and no map at all.",
            "Tikhonov: λ at the L-curve's corner; both orders as transmembrane potentials, whose "
            "activation is the steepest rise.",
            "Coverage: share of nodes whose 90 % interval holds the truth. The intervals know "
            "nothing of errors of the matrix or the shape of the upstroke.",
        ],
    )


class _Case:
    def __init__(self, data: PathLike | None):
        path = dataset(data, FOLDER) / "normal_male.npz"
        self.heart = geometry.read_surface(path, name="heart")
        self.torso = geometry.read_surface(path, name="torso")
        with np.load(path, allow_pickle=False) as arrays:
            self.supplied = arrays["edl_matrix_wct"]
            self.truth = arrays["depolarization_bsp_ms"]
            self.clean = arrays["bsp_simulated_mV"][:, :QRS_MS]
        self.times_ms = np.arange(float(QRS_MS))

    def operators(self, *, guessed: bool) -> dict[str, ecgi.ObservationOperator]:
        found = {
            "supplied": ecgi.ObservationOperator(
                self.supplied, ecgi.Source.TRANSMEMBRANE, self.heart, self.torso
            )
        }
        for name, organs in guessed_organs(self.heart, self.torso).items():
            if guessed or not organs:
                found[name] = ecgi.double_layer_matrix(
                    self.heart, self.torso, self.torso, inclusions=organs
                )
        return found

    def constant(self) -> list[Any]:
        error = float(np.abs(self.truth - np.median(self.truth)).mean())
        return [None, None, "constant time (oracle)", None, error, *[None] * 5]

    def rows(
        self, matrix: str, operator: ecgi.ObservationOperator, noise_uv: int, seeds: range
    ) -> Iterator[list[Any]]:
        problems = [self.problem(operator, noise_uv, seed) for seed in seeds]
        first = [matrix, noise_uv]
        for order in (0, 2):
            found = [self.tikhonov(problem, order) for problem in problems]
            for k, how in enumerate(("steepest rise", "our estimator")):
                score = np.mean([self.score(times[k]) for times in found], axis=0)
                name = f"Tikhonov {order}, {how}"
                yield [*first, name, *map(float, score), None, None, None, len(seeds)]
        solutions = [ecgi.ActivationTimeImaging().estimate(problem) for problem in problems]
        for name, times in (
            ("first estimate (foci)", [s.initial_times_ms for s in solutions]),
            ("activation-time imaging", [s.times_ms for s in solutions]),
        ):
            score = np.mean([self.score(t) for t in times], axis=0)
            row = [*first, name, *map(float, score)]
            if times[0] is not solutions[0].times_ms:
                yield [*row, None, None, None, len(seeds)]
                continue
            inside = [
                ((s.interval_ms - self.truth[:, None]) * [1, -1] <= 0).all(axis=1).mean()
                for s in solutions
            ]
            spread = np.mean([s.standard_deviation_ms for s in solutions])
            gain = float(np.mean([s.gain for s in solutions]))
            yield [*row, gain, float(np.mean(inside)), float(spread), len(seeds)]

    def problem(
        self, operator: ecgi.ObservationOperator, noise_uv: int, seed: int
    ) -> ecgi.InverseProblem:
        noise = np.random.default_rng(seed).normal(size=self.clean.shape) * noise_uv / 1000
        # The supplied matrix has Wilson's reference, ours the mean of the torso.
        return ecgi.InverseProblem(
            operator,
            self.clean + noise,
            reference=ecgi.CommonAverage(),
            times_ms=self.times_ms,
        )

    def tikhonov(self, problem: ecgi.InverseProblem, order: int) -> tuple[Vector, Vector]:
        method = ecgi.Tikhonov(order=order, rule=ecgi.LCurve(), uncertainty=False)
        found = ecgi.reconstruct(problem, method).heart_potentials
        rising = activation_times(found, self.times_ms, method=SteepestUpstroke())
        ours = ecgi.estimate_activation(
            self.heart, found - found.min(axis=1, keepdims=True), None, self.times_ms
        )
        return rising, rising if ours.reconstruction is None else ours.reconstruction

    def score(self, times_ms: Vector) -> tuple[float, float, float]:
        correlation = float(np.corrcoef(times_ms, self.truth)[0, 1])
        error = float(np.abs(times_ms - self.truth).mean())
        ends = self.heart.vertices_mm[[times_ms.argmin(), self.truth.argmin()]]
        return correlation, error, math.dist(*ends)
