"""How often the 90 % bands hold the truth, on a simulated beat."""

from collections.abc import Iterator

from .. import ecgi
from .._progress import track
from .._types import PathLike
from ._resume import FinishedParts
from ._table import StudyTable


def coverage(
    data: PathLike | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    parts: FinishedParts | None = None,
) -> StudyTable:
    """Count the nodes and instants whose truth lies inside the band of each method.

    Args:
        data: not used, the case is simulated.
        quick: a small patient, one noise level and no network.
        seed: of the noise.
        parts: cells that an interrupted run has finished.
    """
    del data
    parts = FinishedParts() if parts is None else parts
    if quick:
        case = ecgi.zoo.paper_like(heart_nodes=200, torso_nodes=150, n_times=200)
    else:
        case = ecgi.zoo.paper_like()
    cells = [
        (noise, name, method)
        for noise in ((0.05,) if quick else (0.01, 0.05, 0.1))
        for name, method in _methods(quick)
    ]
    rows = []
    for noise, name, method in track(cells, "coverage", lambda cell: f"{cell[1]}, σ {cell[0]}"):
        rows += parts.rows(
            f"{name} {noise} {type(method).__name__}",
            lambda s=noise, n=name, m=method: [_row(case, s, seed, n, m)],
        )
    columns = ["σ", "method", "error bars from", "RE", "inside (%)"]
    columns += ["inside within 5 ms of the front (%)", "mean width", "CRPS"]
    return StudyTable(
        "Simulated beat: truth inside the 90 % band",
        columns,
        rows,
        notes=[
            "Exact operator (an inverse crime), one seed. Where it is not exact, expect less.",
            "The bands of the Gaussian models are too narrow because a front is not Gaussian; the "
            "spread over perturbed data, because a method errs also without noise. A twin "
            "experiment measures the error itself, on a simulated beat that resembles the answer.",
        ],
    )


def _methods(quick: bool) -> Iterator[tuple[str, ecgi.InverseMethod]]:
    yield "Tikhonov 2", ecgi.Tikhonov(order=2)
    yield "spatio-temporal", ecgi.SpatioTemporal()
    yield "traveling wave", ecgi.TravelingWave()
    yield "traveling wave", ecgi.TwinExperiment(ecgi.TravelingWave(uncertainty=False))
    if not quick:
        yield "network, best()", ecgi.TwinExperiment(ecgi.presets.best(quiet=True))


def _row(
    case: ecgi.zoo.SimulatedCase, noise: float, seed: int, name: str, method: ecgi.InverseMethod
) -> list[float | str]:
    found = ecgi.reconstruct(case.problem(noise, seed), method)
    assert found.uncertainty is not None
    score = ecgi.evaluate_uncertainty(
        found.heart_potentials, found.uncertainty.standard_deviation, case.truth, found.times_ms
    )
    error = ecgi.evaluate(found.heart_potentials, case.truth).relative_error
    bars = [100 * score.coverage, 100 * score.front_coverage, score.width, score.crps]
    return [noise, name, found.uncertainty.kind, error, *bars]
