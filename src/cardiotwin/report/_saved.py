"""A reconstruction as it lies in a result folder: arrays and facts, no code."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from .._provenance import Provenance
from .._types import Potentials
from ..ecgi._reconstruction import ParameterChoice, Uncertainty
from ..geometry import Surface


@dataclass(frozen=True, eq=False)
class SavedReconstruction:
    """What `save_reconstruction` keeps and `load_reconstruction` gives back.

    Attributes:
        title: one line for the head of the report.
        status: "solved", or advice.
        unit: unit of all potentials, "" where nobody stated it.
        quantity: what is on the heart: epicardial or transmembrane potential.
        heart: heart surface, None where only a matrix was given.
        torso: torso surface, None where there is none.
        times_ms: (n_times,) instants.
        heart_potentials: (n_nodes, n_times) reconstruction.
        truth: (n_nodes, n_times) measured or simulated heart potentials, where they exist.
        uncertainty: standard deviations, kind and assumptions, where the method can tell.
        activation_ms: (n_nodes,) activation times of the reconstruction, where computed.
        truth_activation_ms: (n_nodes,) activation times of the truth, where computed.
        activation_method: a sentence that says how the activation times were found.
        body_measured: (n_kept, n_times) leads used, against the problem's reference.
        body_predicted: (n_kept, n_times) the same from the reconstruction.
        lead_names: (n_kept,) names of these leads.
        electrodes_mm: (n_kept, 3) where they are, None where unknown.
        torso_potentials: (n_torso, n_times) for drawing, None where they are unknown.
        torso_potentials_are_measured: False where they are predicted from the reconstruction.
        body_residual: ‖Py − PRu‖ / ‖Py‖ over the beat.
        body_residual_by_time: (n_times,) the same at every instant.
        parameter: the choice of the regularization parameter, where there is one.
        metrics: numbers against the truth, by name.
        diagnostics: further numbers of the method, by name.
        notes: sentences that belong beside the result (inverse crime, guesses, warnings).
        problem: plain facts about the problem (operator, reference, leads left out).
        seconds: wall-clock time of the solve.
        provenance: version, settings, seed, time.
    """

    title: str
    status: str
    unit: str
    quantity: str
    heart: Surface | None
    torso: Surface | None
    times_ms: Float[np.ndarray, " n_times"]
    heart_potentials: Potentials
    truth: Potentials | None
    uncertainty: Uncertainty | None
    activation_ms: Float[np.ndarray, " n_nodes"] | None
    truth_activation_ms: Float[np.ndarray, " n_nodes"] | None
    body_measured: Float[np.ndarray, "n_kept n_times"]
    body_predicted: Float[np.ndarray, "n_kept n_times"]
    lead_names: tuple[str, ...]
    electrodes_mm: Float[np.ndarray, "n_kept 3"] | None
    torso_potentials: Float[np.ndarray, "n_torso n_times"] | None
    torso_potentials_are_measured: bool
    body_residual: float
    body_residual_by_time: Float[np.ndarray, " n_times"]
    parameter: ParameterChoice | None
    provenance: Provenance
    activation_method: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    diagnostics: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problem: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def __repr__(self) -> str:
        nodes, times = self.heart_potentials.shape
        return (
            f"SavedReconstruction({self.method_name}, {nodes} nodes x {times} instants, "
            f"{'with' if self.truth is not None else 'without'} truth, {self.status})"
        )

    @property
    def method_name(self) -> str:
        """Class name of the method."""
        return str(self.provenance.settings.get("name", "unnamed method"))

    @property
    def parameter_name(self) -> str:
        """What the regularization parameter of this method is."""
        names = {"TruncatedSVD": "rank", "ConjugateGradient": "iterations", "GMRES": "iterations"}
        return names.get(self.method_name, "λ")

    @property
    def error(self) -> Potentials | None:
        """(n_nodes, n_times) reconstruction minus truth on one reference, None without truth."""
        if self.truth is None:
            return None
        difference = self.heart_potentials - self.truth
        return difference if self.shares_reference else difference - difference.mean(axis=0)

    @property
    def shares_reference(self) -> bool:
        """Whether body and heart potentials are measured against the same zero."""
        reference = self.problem.get("reference")
        return isinstance(reference, dict) and reference.get("name") == "AsRecorded"

    def on_one_reference(self) -> "SavedReconstruction":
        """Return the result as it is to be looked at beside its truth.

        Where the references differ, the spatial mean is removed from both at every instant, and
        a note says so.
        """
        if self.truth is None or self.shares_reference:
            return self
        note = (
            "The references of heart and body differ: truth and reconstruction are shown after "
            "removing the spatial mean at every instant."
        )
        return replace(
            self,
            heart_potentials=self.heart_potentials - self.heart_potentials.mean(axis=0),
            truth=self.truth - self.truth.mean(axis=0),
            notes=(*self.notes, note),
        )

    @property
    def activation_pairs(self) -> Float[np.ndarray, "2 n_known"] | None:
        """(2, n_known) reconstructed and true times of nodes that have both, None without any."""
        if self.activation_ms is None or self.truth_activation_ms is None:
            return None
        pairs = np.stack([self.activation_ms, self.truth_activation_ms])
        known = np.isfinite(pairs).all(axis=0)
        return pairs[:, known] if known.any() else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything a reader has to know before believing the numbers."""
        found = list(self.notes)
        if self.status != "solved":
            found.append(f"Status of the solve: {self.status}")
        if self.parameter is not None and self.parameter.at_edge:
            found.append(
                f"The rule {self.parameter.rule} found no optimum inside the range of parameters "
                "that it looked at: the chosen value is the first or the last candidate. Judge "
                "the solution by another rule."
            )
        if not self.unit:
            found.append("The unit of the potentials was not stated.")
        return tuple(found)
