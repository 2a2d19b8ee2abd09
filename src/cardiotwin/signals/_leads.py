"""Lead systems: differences of electrode potentials, the 12-lead ECG among them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import sparse

from .._checks import check_array, freeze
from .._errors import InputError
from .._types import ArrayLike
from ._electrodes import Electrodes
from ._recording import Recording, check_names

Names = Electrodes | Recording | Sequence[str]

# American and European (IEC) names of the same places.
_SYNONYMS = {
    "RA": ("RA", "R"),
    "LA": ("LA", "L"),
    "LL": ("LL", "F"),
    **{f"V{i}": (f"V{i}", f"C{i}") for i in range(1, 7)},
}
_LIMB = ("RA", "LA", "LL")
_LIMB_WEIGHTS = {
    "I": (-1.0, 1.0, 0.0),
    "II": (-1.0, 0.0, 1.0),
    "III": (0.0, -1.0, 1.0),
    "aVR": (1.0, -0.5, -0.5),
    "aVL": (-0.5, 1.0, -0.5),
    "aVF": (-0.5, -0.5, 1.0),
}


@dataclass(frozen=True, eq=False)
class LeadSystem:
    """Leads as weighted sums of electrode potentials: v = weights @ φ.

    Rows that add up to 0 do not depend on the reference of the potentials.

    Args:
        names: one name a lead.
        electrodes: one name an electrode, in the order of the columns.
        weights: (n_leads, n_electrodes).

    Raises:
        InputError: shapes that do not fit the names, or names that repeat.

    >>> bipolar = LeadSystem(["A-B"], ["A", "B"], [[1, -1]])
    >>> (bipolar.weights @ [5.0, 3.0]).tolist()
    [2.0]
    """

    names: tuple[str, ...]
    electrodes: tuple[str, ...]
    weights: Float[np.ndarray, "n_leads n_electrodes"]

    def __init__(self, names: Sequence[str], electrodes: Sequence[str], weights: ArrayLike):
        shape = (len(names), len(electrodes))
        object.__setattr__(self, "names", check_names(names, shape[0], "names"))
        object.__setattr__(self, "electrodes", check_names(electrodes, shape[1], "electrodes"))
        values = check_array(weights, "weights", shape=shape)
        object.__setattr__(self, "weights", freeze(values.copy()))

    @property
    def n_leads(self) -> int:
        """Number of leads."""
        return len(self.names)

    def apply(self, recording: Recording) -> Recording:
        """Return the leads of a recording that has a channel for every electrode of the system.

        Raises:
            InputError: a channel is missing.
        """
        rows = recording.indices(self.electrodes)
        kept = dict(zip(self.electrodes, np.any(self.weights != 0, axis=0), strict=True))
        absent = {name for name in recording.missing if kept.get(name)}
        hit = [
            lead
            for lead, row in zip(self.names, self.weights, strict=True)
            if any(w and name in absent for w, name in zip(row, self.electrodes, strict=True))
        ]
        return Recording(
            self.weights @ recording.samples[rows],
            recording.rate_hz,
            recording.unit,
            self.names,
            recording.start_ms,
            hit,
            recording.notes,
        )

    def node_matrix(self, electrodes: Electrodes) -> sparse.csr_array:
        """(n_leads, n_nodes) matrix from node potentials of the surface straight to the leads.

        Raises:
            InputError: an electrode of the system is not among ``electrodes``.
        """
        rows = electrodes.indices(self.electrodes)
        return sparse.csr_array(
            sparse.csr_array(self.weights) @ electrodes.interpolation_matrix[rows]
        )


def limb_leads(electrodes: Names) -> LeadSystem:
    """Return I, II, III, aVR, aVL and aVF from the electrodes RA, LA and LL.

    I = LA − RA, II = LL − RA, III = LL − LA (Einthoven); aVR = RA − (LA + LL)/2 and so on
    (Goldberger).

    Args:
        electrodes: electrodes, a recording, or names; others than the three get weight 0. The
            European names R, L and F are understood.

    Returns:
        The six leads, with one column for every electrode given.

    Raises:
        InputError: one of the three is missing.

    >>> limb_leads(["RA", "LA", "LL"]).weights[0].tolist()
    [-1.0, 1.0, 0.0]
    """
    names = _electrode_names(electrodes)
    columns = _find(names, _LIMB)
    weights = np.zeros((len(_LIMB_WEIGHTS), len(names)))
    weights[:, columns] = list(_LIMB_WEIGHTS.values())
    return LeadSystem(tuple(_LIMB_WEIGHTS), names, weights)


def wilson_central_terminal(electrodes: Names) -> Float[np.ndarray, " n_electrodes"]:
    """Return the weights of Wilson's central terminal, (RA + LA + LL)/3.

    Args:
        electrodes: electrodes, a recording, or names.

    Raises:
        InputError: one of the three is missing.

    >>> wilson_central_terminal(["V1", "LL", "RA", "LA"]).round(3).tolist()
    [0.0, 0.333, 0.333, 0.333]
    """
    names = _electrode_names(electrodes)
    weights = np.zeros(len(names))
    weights[_find(names, _LIMB)] = 1 / 3
    return weights


def standard_12_lead(electrodes: Names) -> LeadSystem:
    """Return the 12-lead ECG: the six limb leads, and V1 to V6 against Wilson's terminal.

    Args:
        electrodes: electrodes, a recording, or names that hold RA, LA, LL and V1 to V6 (or R, L,
            F and C1 to C6); others get weight 0.

    Returns:
        I, II, III, aVR, aVL, aVF, V1 … V6, with one column for every electrode given.

    Raises:
        InputError: one of the nine is missing.

    >>> ecg = standard_12_lead(["RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6"])
    >>> ecg.weights.shape, bool(abs(ecg.weights.sum(axis=1)).max() < 1e-15)
    ((12, 9), True)
    """
    chest = tuple(f"V{i}" for i in range(1, 7))
    columns = _find(_electrode_names(electrodes), (*_LIMB, *chest))[len(_LIMB) :]
    limb = limb_leads(electrodes)
    weights = np.tile(-wilson_central_terminal(limb.electrodes), (len(chest), 1))
    weights[np.arange(len(chest)), columns] += 1
    return LeadSystem(limb.names + chest, limb.electrodes, np.concatenate([limb.weights, weights]))


def _electrode_names(electrodes: Names) -> tuple[str, ...]:
    if isinstance(electrodes, (Electrodes, Recording)):
        return electrodes.names
    return check_names(electrodes, len(electrodes), "electrodes")


def _find(names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    place = {name.upper(): i for i, name in enumerate(names)}
    found = [next((place[s] for s in _SYNONYMS[w] if s in place), None) for w in wanted]
    absent = [w for w, i in zip(wanted, found, strict=True) if i is None]
    if absent:
        raise InputError(
            "electrodes",
            found="no electrode called " + ", ".join(absent),
            expected="electrodes called " + ", ".join(wanted),
            advice="Name them with electrodes.renamed({'17': 'RA', …}).",
        )
    return [i for i in found if i is not None]
