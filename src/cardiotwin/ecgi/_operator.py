"""What the body surface sees of the heart: a matrix that knows what stands on either side."""

import enum
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float

from .._checks import check_array, check_indices, freeze
from .._errors import InputError
from .._types import ArrayLike, Matrix
from ..geometry import Surface
from ..signals import Electrodes


class Source(enum.Enum):
    """Which quantity on the heart surface an observation operator starts from."""

    EPICARDIAL = "epicardial potential"
    """Extracellular potential on the closed heart surface (mV, or the unit of the recording)."""

    TRANSMEMBRANE = "transmembrane potential"
    """Transmembrane potential: an equivalent double layer, seen only up to a constant."""


@dataclass(frozen=True, eq=False)
class ObservationOperator:
    """A linear map from heart-surface potentials to observed potentials: y = R u.

    Made by `transfer_matrix` and `double_layer_matrix`, or from any matrix at hand. The surfaces
    are optional: a given matrix needs none, and where they are given they may have any genus.

    Args:
        matrix: (n_observed, n_sources) the map R.
        source: what u is; see `Source`.
        heart: surface that carries u, one node a column of the matrix.
        observed: surface that carries y; one node a row of the matrix, unless ``leads`` is given.
        description: one line for reports.
        leads: (n_observed, n_nodes of ``observed``) sparse interpolation that picked the rows.

    Raises:
        InputError: not a finite matrix, or a size that contradicts the surfaces.

    >>> given = ObservationOperator([[0.5, 0.5], [0.25, 0.75]], Source.EPICARDIAL)
    >>> given.observe([1]).apply([2.0, 4.0])
    array([3.5])
    """

    matrix: Matrix
    source: Source
    heart: Surface | None = None
    observed: Surface | None = None
    description: str = field(default="")
    leads: sp.csr_array | None = field(default=None, repr=False)

    def __init__(
        self,
        matrix: ArrayLike,
        source: Source,
        heart: Surface | None = None,
        observed: Surface | None = None,
        description: str = "",
        leads: sp.csr_array | None = None,
    ):
        if not isinstance(source, Source):
            raise InputError(
                "source",
                found=repr(source),
                expected="Source.EPICARDIAL or Source.TRANSMEMBRANE",
            )
        array = check_array(
            matrix,
            "matrix",
            shape=("n_observed", "n_sources"),
            advice="Rows are observed potentials, columns are heart nodes.",
        )
        if not array.size:
            raise InputError("matrix", found=f"shape {array.shape}", expected="entries")
        _check_side("heart", heart, "columns", array.shape[1], array.shape[0])
        if leads is None:
            _check_side("observed", observed, "rows", array.shape[0], array.shape[1])
        elif _shape(leads)[0] != array.shape[0] or (
            observed is not None and _shape(leads)[1] != observed.n_nodes
        ):
            raise InputError(
                "leads",
                found=f"shape {leads.shape}",
                expected=f"{array.shape[0]} rows and one column a node of observed",
            )
        object.__setattr__(self, "matrix", freeze(array.copy()))
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "heart", heart)
        object.__setattr__(self, "observed", observed)
        object.__setattr__(self, "description", description)
        object.__setattr__(self, "leads", leads)

    def __repr__(self) -> str:
        label = f", {self.description!r}" if self.description else ""
        return (
            f"ObservationOperator({self.n_observed} observed ← {self.n_sources} "
            f"{self.source.value}s{label})"
        )

    @property
    def n_observed(self) -> int:
        """Number of rows: observed potentials."""
        return self.matrix.shape[0]

    @property
    def n_sources(self) -> int:
        """Number of columns: heart nodes."""
        return self.matrix.shape[1]

    def apply(self, potentials: ArrayLike) -> Float[np.ndarray, "n_observed ..."]:
        """Return the observed potentials R u.

        Args:
            potentials: (n_sources, n_times), or (n_sources,) for one instant.

        Returns:
            (n_observed, n_times) or (n_observed,), in the unit of ``potentials``.

        Raises:
            InputError: another number of rows than heart nodes, or values that are not finite.
        """
        one_instant = np.ndim(potentials) == 1
        shape = (self.n_sources,) if one_instant else (self.n_sources, "n_times")
        return self.matrix @ check_array(potentials, "potentials", shape=shape)

    def observe(self, rows: Electrodes | ArrayLike | sp.csr_array) -> "ObservationOperator":
        """Return the operator seen by leads instead of by all rows.

        Args:
            rows: 0-based row numbers (n_leads,), an `Electrodes` object on the observed surface,
                or a matrix (n_leads, n_observed) that interpolates rows.

        Returns:
            The operator with one row a lead; it remembers the observed surface.

        Raises:
            InputError: row numbers out of range, or a matrix that does not fit.
        """
        chosen: Any = rows.interpolation_matrix if isinstance(rows, Electrodes) else rows
        if sp.issparse(chosen) or np.ndim(chosen) == 2:
            chosen = sp.csr_array(chosen, dtype=np.float64)
        else:
            numbers = check_indices(chosen, "rows", upper=self.n_observed)
            ones = np.ones(len(numbers))
            chosen = sp.csr_array(
                (ones, (np.arange(len(numbers)), numbers)), shape=(len(numbers), self.n_observed)
            )
        if _shape(chosen)[1] != self.n_observed:
            raise InputError(
                "rows",
                found=f"an interpolation matrix of shape {chosen.shape}",
                expected=f"{self.n_observed} columns, one a row of the operator",
                advice="Make the electrodes on the surface that this operator observes.",
            )
        before = self.leads
        return replace(
            self, matrix=chosen @ self.matrix, leads=chosen if before is None else chosen @ before
        )


def _shape(matrix: Any) -> tuple[int, int]:
    return matrix.shape


def _check_side(where: str, surface: Surface | None, axis: str, size: int, other: int) -> None:
    if surface is None or surface.n_nodes == size:
        return
    raise InputError(
        where,
        found=f"a surface of {surface.n_nodes} nodes for a matrix of {size} {axis}",
        expected="one node each",
        advice="The matrix looks transposed." if surface.n_nodes == other else "",
    )
