"""A patient's body-surface map: judged by predicting leads that were left out."""

import numpy as np

from .. import ecgi
from .._types import PathLike
from ._data import dataset
from ._table import StudyTable

FOLDER = "ecgi_human_bspm_subject1"


def subject1(data: PathLike | None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """Predict every lead of a measured body-surface map from all others.

    λ is chosen inside: for each left-out lead, by leaving out each of the remaining ones in turn
    (nested leave-one-out), or by another rule that sees the remaining leads only.

    Args:
        data: folder that holds ``ecgi_human_bspm_subject1``.
        quick: every fourth instant only.
        seed: not used, nothing is random.
    """
    del seed
    problem = read_subject1(data)
    if quick:
        problem = problem.with_data(problem.body_potentials[:, ::4])
    rules = {
        "nested leave-one-out": ecgi.LeaveOneLeadOut(),
        "checked GCV": ecgi.CheckedGCV(),
        "L-curve": ecgi.LCurve(),
        "CRESO": ecgi.CRESO(),
        "GCV": ecgi.GCV(),
    }
    rows = [["mean of the other leads", None, *_score(problem, _mean_of_others(problem)), None]]
    for order in (0, 1, 2):
        for name, rule in rules.items():
            left_out = ecgi.cross_validate_leads(problem, ecgi.Tikhonov(order=order, rule=rule))
            score = _score(problem, left_out.predicted)
            rows.append([f"Tikhonov {order}", name, *score, float(np.median(left_out.parameters))])
    return StudyTable(
        "Patient, left-ventricular pacing: every lead predicted from the others",
        ["method", "rule", "CC", "RE", "median λ"],
        rows,
        notes=[
            "No invasive truth exists for this patient: the score says how well the leads are "
            "explained, not how right the heart is.",
            "The heart surface has a tunnel (Euler number 0); the supplied matrix is used.",
        ],
    )


def read_subject1(data: PathLike | None) -> ecgi.InverseProblem:
    """Read the patient's map, heart and matrix through the package's readers.

    The data set states neither unit nor rate; its README takes mV and 2 kHz as probable.
    """
    path = dataset(data, FOLDER) / "subject1.npz"
    case = ecgi.read_case(
        f"{path}:bspm_qrs",
        geometry=path,
        matrix=f"{path}:forward_matrix",
        potential_unit="mV",
        rate_hz=2000.0,
    )
    return case.problem


def _mean_of_others(problem: ecgi.InverseProblem) -> np.ndarray:
    y = problem.data
    return (y.sum(axis=0) - y) / (len(y) - 1)


def _score(problem: ecgi.InverseProblem, predicted: np.ndarray) -> list[float]:
    measured = problem.data
    error = np.linalg.norm(predicted - measured) / np.linalg.norm(measured)
    correlation = np.corrcoef(predicted.ravel(), measured.ravel())[0, 1]
    return [float(correlation), float(error)]
