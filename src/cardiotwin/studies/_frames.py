"""A network of frames: what each loss teaches it, what it costs, how it bears mismatch."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from .. import ecgi
from .._progress import track
from .._types import PathLike
from ._resume import FinishedParts
from ._table import StudyTable

NOISE = (0.01, 0.1)
SEEDS = 3
MARGIN_MM = 20.0

LOSSES: dict[str, dict[str, float]] = {
    "data + physics": {"supervision_weight": 0.0},
    "supervision": {"data_weight": 0.0, "physics_weight": 0.0},
    "supervision + data": {"physics_weight": 0.0},
    "all three": {},
}
"""Weights that differ from the default, which has all three losses."""

MISMATCH = ("displaced 10 mm", "other ionic model", "two sites")
"""Rows of `ecgi.zoo.mismatch_cases`, trained on what the inversion believes."""


@dataclass(frozen=True)
class _Size:
    heart_nodes: int
    torso_nodes: int
    n_times: int
    beats: int
    settings: ecgi.FrameNetwork


def frames(
    data: PathLike | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    parts: FinishedParts | None = None,
) -> StudyTable:
    """Train networks of frames and compare them with the traveling wave.

    Args:
        data: not used, the case is simulated.
        quick: a small patient and a short training.
        seed: of the beats and the training, and the first of the noise.
        parts: cells that an interrupted run has finished.
    """
    del data
    parts = FinishedParts() if parts is None else parts
    size = _size(quick)
    cases = ecgi.zoo.mismatch_cases(
        heart_nodes=size.heart_nodes, torso_nodes=size.torso_nodes, n_times=size.n_times
    )
    jobs = [("matched", noise, name) for noise in NOISE for name in LOSSES]
    jobs += [("matched", noise, "all three, sites anywhere") for noise in NOISE]
    jobs += [(case, NOISE[0], "all three") for case in MISMATCH]
    rows: list[list[Any]] = []
    for job in track(jobs, "networks of frames"):
        rows += parts.rows(" ".join(map(str, job)), lambda j=job: _network(cases, size, *j, seed))
    for case, noise in dict.fromkeys(job[:2] for job in jobs):
        rows += parts.rows(
            f"{case} {noise} wave", lambda c=case, s=noise: _wave(cases[c], c, s, seed)
        )
    columns = ["case", "σ", "method", "RE", "SD", "CC", "90 % bands hold", "held-out RE"]
    columns += ["seeds", "training s", "reconstruction ms"]
    return StudyTable(
        "Networks of frames, which take no coordinates",
        columns,
        rows,
        notes=[
            "Trained on beats of the same tissue model and operator that the inversion believes "
            "in: in the matched rows an inverse crime, and more of one than for other methods.",
            f"No pacing site within {MARGIN_MM:g} mm of those of the case, but in the rows that "
            "say so.",
            f"{size.beats} simulated beats; one training a row, {SEEDS} noise seeds; wall-clock "
            "times, the reconstruction after a first call that compiles.",
        ],
    )


def _size(quick: bool) -> _Size:
    settings = ecgi.FrameNetwork(quiet=True)
    if quick:
        short = replace(settings, width=32, layers=3, steps=200, windows=16, physics_windows=4)
        return _Size(100, 60, 200, 32, short)
    return _Size(1094, 352, 661, 256, settings)


def _network(
    cases: dict[str, ecgi.zoo.MismatchCase],
    size: _Size,
    case: str,
    noise: float,
    name: str,
    seed: int,
) -> Iterator[list[Any]]:
    row = cases[case]
    first = row.problem(noise, seed)
    beats = ecgi.RandomBeats(exclude_mm=_sites(row), margin_mm=MARGIN_MM, diffusion=row.diffusion)
    if name.endswith("anywhere"):
        beats = replace(beats, exclude_mm=None)
    losses = LOSSES[name.removesuffix(", sites anywhere")]
    begun = time.perf_counter()
    trained = replace(size.settings, beats=beats, **losses).train(
        first, noise_sd=noise, beats=size.beats, n_times=size.n_times, seed=seed
    )
    seconds = time.perf_counter() - begun
    trained.solve(first)
    held_out = trained.summary["held_out_relative_error"]
    yield _row(row, case, noise, f"frames: {name}", trained, seed, held_out, seconds)


def _wave(row: ecgi.zoo.MismatchCase, case: str, noise: float, seed: int) -> Iterator[list[Any]]:
    yield _row(row, case, noise, "traveling wave", ecgi.TravelingWave(), seed, None, None)


def _row(
    row: ecgi.zoo.MismatchCase,
    case: str,
    noise: float,
    label: str,
    method: ecgi.InverseMethod,
    seed: int,
    held_out: float | None,
    training: float | None,
) -> list[Any]:
    scores, covered, seconds = [], [], []
    for k in range(seed, seed + SEEDS):
        found = ecgi.reconstruct(row.problem(noise, k), method)
        scores.append(ecgi.evaluate(found.heart_potentials, row.truth))
        seconds.append(found.seconds)
        if found.uncertainty is not None:
            limit = ecgi.NINETY_PERCENT * found.uncertainty.standard_deviation
            covered.append(np.mean(abs(found.heart_potentials - row.truth) <= limit))
    errors = [score.relative_error for score in scores]
    return [
        case,
        noise,
        label,
        float(np.mean(errors)),
        float(np.std(errors, ddof=1)),
        float(np.mean([score.correlation for score in scores])),
        float(np.mean(covered)) if covered else None,
        held_out,
        SEEDS,
        training,
        1e3 * float(np.median(seconds)),
    ]


def _sites(row: ecgi.zoo.MismatchCase) -> Float[np.ndarray, "n_excited 3"]:
    """Return the nodes that are excited at the start, where the inversion takes them to be."""
    heart = row.operator.heart
    vertices = row.bodies.human.heart.vertices_mm if heart is None else heart.vertices_mm
    return vertices[row.truth[:, 0] > 0.99]
