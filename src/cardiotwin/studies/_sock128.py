"""Measured torso tank: every method × every rule, scored against the measured heart."""

import numpy as np

from .. import ecgi, geometry, signals
from .._types import PathLike
from ._compare import Case, compare
from ._resume import FinishedParts
from ._table import StudyTable

FOLDER = "ecgi_utah_tank_sock128"
TITLE = "Utah tank, 128-electrode sock: measured truth, means removed"


def sock128(
    data: PathLike | None,
    *,
    quick: bool = False,
    seed: int = 0,
    parts: FinishedParts | None = None,
) -> StudyTable:
    """Reconstruct the measured sock potentials from the measured tank potentials.

    Both references are unknown, so means are removed everywhere. The zero solution is the row to
    beat.

    Args:
        data: folder that holds ``ecgi_utah_tank_sock128``.
        quick: every eighth instant only.
        seed: not used, nothing is random.
        parts: methods that an interrupted run has finished.
    """
    del seed
    case = read_sock128(data)
    if quick:
        case = case.every(8)
    table = compare(case, title=TITLE, parts=parts)
    table.notes.append(
        "The heart is scored after removing the spatial mean at every instant; the oracle rule "
        "sees the truth and is a bound, not a method."
    )
    return table


def read_sock128(data: PathLike | None) -> Case:
    """Read the tank recording through the package's readers, with our own transfer matrix's rival.

    The supplied matrix is used, so that numbers compare with what others publish on these data.
    """
    from ._data import dataset

    path = dataset(data, FOLDER) / "sock128_tank192.npz"
    heart = geometry.read_surface(path, name="heart")
    torso = geometry.read_surface(path, name="torso")
    with np.load(path, allow_pickle=False) as arrays:
        nodes, supplied = arrays["torso_lead_node"], arrays["forward_matrix"]
    tank = signals.read_recording(path, key="torso_potentials_mV")
    sock = signals.read_recording(path, key="heart_potentials_mV")
    operator = ecgi.ObservationOperator(
        supplied, ecgi.Source.EPICARDIAL, heart, torso, "supplied with the recording"
    )
    problem = ecgi.InverseProblem(operator, tank, leads=nodes, reference=ecgi.CommonAverage())
    return Case(problem, sock.samples, remove_mean=True)
