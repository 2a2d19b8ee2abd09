"""The inverse problem: an operator, what the leads measured, and against which reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from .._checks import check_array, check_indices, freeze
from .._errors import InputError
from .._types import ArrayLike, Potentials
from ..geometry import Surface
from ..signals import Electrodes, Recording
from ._operator import ObservationOperator, Source
from ._reference import AsRecorded, MeanOfLeads, Reference


@dataclass(frozen=True, eq=False)
class InverseProblem:
    """Find u with P y = P R u, where y are the leads, R the operator and P the reference.

    Args:
        operator: observation operator whose rows are torso nodes or leads; a plain
            (n_rows, n_nodes) matrix of epicardial potentials is wrapped.
        body_potentials: a `Recording`, or (n_leads, n_times) potentials.
        leads: where the leads are: None (lead i is row i of the operator), 0-based rows of the
            operator, or `Electrodes` on the operator's observed surface.
        reference: what the potentials are measured against; see `CommonAverage`.
        exclude: leads (numbers in the recording) that are left out, for instance bad ones.
        times_ms: (n_times,) instants; taken from the recording, otherwise sample numbers.

    Raises:
        InputError: shapes that do not fit, leads out of range or named twice, NaN, fewer than
            two leads left.

    >>> problem = InverseProblem(np.array([[0.6, 0.4], [0.3, 0.7]]), [[1.0], [0.0]])
    >>> problem
    InverseProblem(2 leads x 1 instants, 2 heart nodes, as recorded)
    """

    operator: ObservationOperator
    body_potentials: Potentials
    rows: Int[np.ndarray, " n_kept"] | Electrodes | None
    reference: Reference
    kept: Int[np.ndarray, " n_kept"]
    times_ms: Float[np.ndarray, " n_times"]

    def __init__(
        self,
        operator: ObservationOperator | ArrayLike,
        body_potentials: Recording | ArrayLike,
        *,
        leads: ArrayLike | Electrodes | None = None,
        reference: Reference | None = None,
        exclude: Sequence[int] = (),
        times_ms: ArrayLike | None = None,
    ):
        if not isinstance(operator, ObservationOperator):
            operator = ObservationOperator(operator, Source.EPICARDIAL)
        if isinstance(body_potentials, Recording):
            samples = body_potentials.samples
            times_ms = body_potentials.times_ms if times_ms is None else times_ms
        else:
            samples = check_array(
                body_potentials, "body_potentials", shape=("n_leads", "n_times")
            ).copy()
        rows, n_leads = _rows_of(operator, leads)
        if len(samples) != n_leads:
            raise InputError(
                "body_potentials",
                found=f"{len(samples)} channels",
                expected=f"{n_leads}, one for every "
                + ("row of the operator" if leads is None else "entry of leads"),
                advice="Say with leads= which row (torso node) each channel was measured at."
                if leads is None
                else "It looks transposed."
                if samples.shape[1] == n_leads
                else "",
            )
        dropped = check_indices(list(exclude), "exclude", upper=n_leads)
        kept = np.setdiff1d(np.arange(n_leads), dropped)
        if len(kept) < 2:
            raise InputError("exclude", found=f"{len(kept)} leads left", expected="at least two")
        times = np.arange(samples.shape[1], dtype=float) if times_ms is None else times_ms
        put = object.__setattr__
        put(self, "operator", operator)
        put(self, "body_potentials", freeze(samples))
        put(self, "rows", rows)
        put(self, "reference", AsRecorded() if reference is None else reference)
        put(self, "kept", kept)
        put(self, "times_ms", check_array(times, "times_ms", shape=(samples.shape[1],)))

    def __repr__(self) -> str:
        name = {"AsRecorded": "as recorded", "CommonAverage": "common average"}
        kind = type(self.reference).__name__
        return (
            f"InverseProblem({len(self.kept)} leads x {self.n_times} instants, "
            f"{self.n_nodes} heart nodes, {name.get(kind, kind)})"
        )

    @property
    def heart(self) -> Surface | None:
        """The heart surface of the operator, None for a bare matrix."""
        return self.operator.heart

    @property
    def n_nodes(self) -> int:
        """Number of heart nodes (unknowns an instant)."""
        return self.operator.n_sources

    @property
    def n_times(self) -> int:
        """Number of instants."""
        return self.body_potentials.shape[1]

    @cached_property
    def projection(self) -> Float[np.ndarray, "n_kept n_kept"]:
        """(n_kept, n_kept) P of the reference at the kept leads."""
        reference = self.reference
        if isinstance(reference, MeanOfLeads):
            reference = reference.among(self.kept)
        return freeze(reference.projection(len(self.kept)))

    @cached_property
    def lead_matrix(self) -> Float[np.ndarray, "n_kept n_nodes"]:
        """(n_kept, n_nodes) R: the operator at the kept leads, before the reference."""
        if self.rows is None:
            observed = self.operator.matrix
        elif isinstance(self.rows, Electrodes):
            observed = self.rows.interpolation_matrix @ self.operator.matrix
        else:
            observed = self.operator.matrix[self.rows]
        return freeze(np.asarray(observed)[self.kept])

    @cached_property
    def matrix(self) -> Float[np.ndarray, "n_kept n_nodes"]:
        """(n_kept, n_nodes) P R: the operator at the kept leads, referenced like the data."""
        return freeze(self.projection @ self.lead_matrix)

    @cached_property
    def data(self) -> Float[np.ndarray, "n_kept n_times"]:
        """(n_kept, n_times) P y: the kept leads against the reference."""
        return freeze(self.projection @ self.body_potentials[self.kept])

    def excluding(self, leads: Sequence[int]) -> "InverseProblem":
        """Return the same problem with more leads left out (numbers in the recording)."""
        keep = np.setdiff1d(self.kept, check_indices(list(leads), "leads", upper=self.n_leads))
        return self._changed(kept=keep)

    def with_data(self, body_potentials: ArrayLike) -> "InverseProblem":
        """Return the same leads and operator with other potentials (n_leads, n_times)."""
        samples = check_array(body_potentials, "body_potentials", shape=(self.n_leads, "n_times"))
        same = samples.shape[1] == self.n_times
        times = self.times_ms if same else np.arange(samples.shape[1], dtype=float)
        return self._changed(body_potentials=freeze(samples.copy()), times_ms=times)

    def with_operator(self, operator: ObservationOperator) -> "InverseProblem":
        """Return the same leads and data with another operator of the same shape."""
        check_array(operator.matrix, "operator", shape=self.operator.matrix.shape)
        return self._changed(operator=operator)

    @property
    def n_leads(self) -> int:
        """Number of channels in the recording, the excluded ones included."""
        return len(self.body_potentials)

    def _changed(self, **changes: object) -> "InverseProblem":
        other = object.__new__(InverseProblem)
        names = ("operator", "body_potentials", "rows", "reference", "kept", "times_ms")
        for name in names:
            object.__setattr__(other, name, changes.get(name, getattr(self, name)))
        return other


def _rows_of(
    operator: ObservationOperator, leads: ArrayLike | Electrodes | None
) -> tuple[np.ndarray | Electrodes | None, int]:
    if leads is None:
        return None, operator.n_observed
    if isinstance(leads, Electrodes):
        n_nodes = leads.n_nodes
        if n_nodes != operator.n_observed:
            raise InputError(
                "leads",
                found=f"electrodes on a surface of {n_nodes} nodes",
                expected=f"the operator's observed surface of {operator.n_observed} nodes",
                advice="Project the electrodes onto the torso the operator was made for.",
            )
        return leads, leads.n_leads
    rows = check_indices(leads, "leads", upper=operator.n_observed)
    values, counts = np.unique(rows, return_counts=True)
    if (counts > 1).any():
        raise InputError(
            "leads",
            found=f"row {int(values[counts > 1][0])} named {int(counts.max())} times",
            expected="different rows",
            advice="Average channels measured at the same place first.",
        )
    return rows, len(rows)
