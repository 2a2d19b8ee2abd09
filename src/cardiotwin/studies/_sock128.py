"""Measured torso tank: every method × every rule, scored against the measured heart."""

from .. import ecgi
from .._types import PathLike
from ._compare import Case, compare
from ._data import dataset
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
    """Read the tank's recording, leads and measured heart, with the supplied matrix.

    The supplied matrix is used, so that numbers compare with what others publish on these data.
    """
    path = dataset(data, FOLDER) / "sock128_tank192.npz"
    case = ecgi.read_case(
        f"{path}:torso_potentials_mV",
        geometry=path,
        matrix=f"{path}:forward_matrix",
        leads=f"{path}:torso_lead_node",
        reference=ecgi.CommonAverage(),
    )
    truth = ecgi.read_potentials(f"{path}:heart_potentials_mV")
    return Case(case.problem, truth.samples, remove_mean=True)
