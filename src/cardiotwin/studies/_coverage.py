"""How often the 90 % bands hold the truth, on a simulated beat."""

import numpy as np

from .. import ecgi
from .._progress import track
from .._types import PathLike
from ._table import StudyTable


def coverage(data: PathLike | None = None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """Count the nodes and instants whose truth lies inside the band of each method.

    Args:
        data: not used, the case is simulated.
        quick: a small patient and one noise level.
        seed: of the noise.
    """
    del data
    if quick:
        case = ecgi.zoo.paper_like(heart_nodes=200, torso_nodes=150, n_times=200)
    else:
        case = ecgi.zoo.paper_like()
    rows = []
    for noise in track((0.05,) if quick else (0.01, 0.05, 0.1), "coverage"):
        problem = case.problem(noise, seed)
        for method in (ecgi.Tikhonov(order=2), ecgi.SpatioTemporal(), ecgi.TravelingWave()):
            found = ecgi.reconstruct(problem, method)
            if found.uncertainty is None:
                continue
            spread = found.uncertainty.standard_deviation
            error = np.abs(found.heart_potentials - case.truth)
            inside = error < ecgi.NINETY_PERCENT * spread
            name = type(method).__name__
            rows.append([noise, name, 100 * float(inside.mean()), float(spread.mean())])
    return StudyTable(
        "Simulated beat: truth inside the 90 % band",
        ["σ", "method", "inside (%)", "mean SD"],
        rows,
        notes=[
            "The bands are those of Gaussian models; a front is not Gaussian, so fewer than 90 % "
            "are inside even with the exact operator. Where it is not exact, expect far fewer.",
        ],
    )
