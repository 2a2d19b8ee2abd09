"""Which zero the potentials are measured against.

Measured potentials are differences. A reference is a linear map P on the leads with P·1 = 0 (or
the identity); the inverse problem becomes P y = P R u, so model and data speak of the same
differences.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from .._checks import check_indices
from .._errors import InputError
from .._types import ArrayLike


@runtime_checkable
class Reference(Protocol):
    """Anything with a projection matrix for a number of leads."""

    def projection(self, n_leads: int) -> Float[np.ndarray, "n_leads n_leads"]:
        """Return P, to be applied to both the data and the rows of the operator."""
        ...


@dataclass(frozen=True)
class AsRecorded:
    """Body and heart potentials share one reference already: P = I.

    Right for simulated data and for an operator whose rows carry the recording's reference.

    >>> AsRecorded().projection(2)
    array([[1., 0.],
           [0., 1.]])
    """

    def projection(self, n_leads: int) -> Float[np.ndarray, "n_leads n_leads"]:
        """Return the identity."""
        return np.eye(n_leads)


@dataclass(frozen=True)
class CommonAverage:
    """Subtract the mean of the leads at every instant: P = I − 11ᵀ/m.

    The safe choice for measured data whose reference electrode is unknown or noisy. The
    spatial mean of the solution is then undetermined; compare after removing it.

    >>> CommonAverage().projection(2)
    array([[ 0.5, -0.5],
           [-0.5,  0.5]])
    """

    def projection(self, n_leads: int) -> Float[np.ndarray, "n_leads n_leads"]:
        """Return the centering matrix."""
        return np.eye(n_leads) - 1.0 / n_leads


@dataclass(frozen=True, eq=False)
class MeanOfLeads:
    """Subtract the mean of some leads: one reference electrode, or Wilson's terminal (RA, LA, LL).

    Args:
        leads: 0-based leads whose mean is zero by definition.

    Raises:
        InputError: when applied to fewer leads than it names.

    >>> MeanOfLeads([1]).projection(2)
    array([[ 1., -1.],
           [ 0.,  0.]])
    """

    leads: ArrayLike

    def projection(self, n_leads: int) -> Float[np.ndarray, "n_leads n_leads"]:
        """Return I − 1 wᵀ with w the weights of the mean."""
        chosen = check_indices(self.leads, "leads of the reference", upper=n_leads)
        if len(chosen) == 0:
            raise InputError("reference", found="no leads", expected="at least one")
        weights = np.bincount(chosen, minlength=n_leads) / len(chosen)
        return np.eye(n_leads) - weights

    def among(self, kept: Int[np.ndarray, " n_kept"]) -> "MeanOfLeads":
        """Return the same reference in the numbering of the leads that are kept.

        Raises:
            InputError: a lead of the reference is not kept.
        """
        chosen = check_indices(self.leads, "leads of the reference", upper=2**31)
        lost = np.setdiff1d(chosen, kept)
        if len(lost):
            raise InputError(
                "reference",
                found=f"lead {int(lost[0])}, which is excluded or not there",
                expected="leads that are kept",
                advice="Choose another reference, for instance CommonAverage().",
            )
        return MeanOfLeads(np.searchsorted(kept, chosen))
