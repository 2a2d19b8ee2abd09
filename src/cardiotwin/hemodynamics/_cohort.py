"""Virtual patients before a trial: who was screened, who is in, what they are like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from .._checks import check_array, check_choice, check_count, freeze
from .._errors import InputError
from .._types import PathLike
from ..circulation import FAST, INDEX_NAMES, Circulation, CycleSolver
from ..compute import Backend, ThisMachine
from ._between import Between, label_of
from ._priors import Unknowns
from ._screening import screen
from ._steady_batch import parameter_columns
from ._transformations import Transformation, transform
from ._what_if import LABELS

THIS_MACHINE = ThisMachine()
MOST_SCREENED = 50
"""So many screened for one enrolled, and the criteria are called too narrow."""


@dataclass(frozen=True)
class Strata:
    """Subgroups by a clinical index before the trial, [−∞, e₁), [e₁, e₂), …, [e_k, ∞).

    Attributes:
        index: a field of `Indices`.
        edges: increasing.

    Raises:
        InputError: no such index, no edge, or not increasing.

    >>> Strata("ef_percent", (20.0, 30.0)).names
    ('EF < 20 %', 'EF 20 to 30 %', 'EF ≥ 30 %')
    """

    index: str
    edges: tuple[float, ...]

    def __post_init__(self):
        check_choice(self.index, "index", INDEX_NAMES)
        edges = check_array(self.edges, "edges", shape=("n_edges",))
        if not len(edges) or (np.diff(edges) <= 0).any():
            raise InputError("edges", found=f"{edges.tolist()}", expected="some, increasing")
        object.__setattr__(self, "edges", tuple(edges.tolist()))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each subgroup."""
        short = {"ef_percent": "EF", "co_l_min": "CO", "lvedp_mmhg": "LVEDP", "edv_ml": "EDV"}
        label = short.get(self.index) or label_of(self.index)
        unit = f" {LABELS.get(self.index, ('', ''))[1]}".rstrip()
        edges = [f"{edge:g}" for edge in self.edges]
        between = [f"{label} {a} to {b}{unit}" for a, b in pairwise(edges)]
        return (f"{label} < {edges[0]}{unit}", *between, f"{label} ≥ {edges[-1]}{unit}")

    def members(self, cohort: "Cohort") -> dict[str, Shaped[np.ndarray, " n"]]:
        """Return who belongs to which subgroup, name → (n,) of truth values."""
        place = np.searchsorted(self.edges, cohort.baseline[self.index], side="right")
        return {name: place == number for number, name in enumerate(self.names)}


@dataclass(frozen=True, eq=False)
class Cohort:
    """Virtual patients, each with the beat that they have before anything is done.

    Attributes:
        circulation: batch (n,).
        patient: (n,) whose circulation it is; several rows may be draws of one patient.
        weight: (n,) how much a row counts.
        baseline: clinical index → (n,) before the trial.
        screened: how many candidates were looked at.
        excluded: reason → how many; screened = n + all excluded.
        source: one line: where the candidates come from.
        criteria: what everybody had to meet.
    """

    circulation: Circulation
    patient: Shaped[np.ndarray, " n"]
    weight: Float[np.ndarray, " n"]
    baseline: Mapping[str, Float[np.ndarray, " n"]]
    screened: int
    excluded: Mapping[str, int]
    source: str
    criteria: tuple[Between, ...] = ()

    def __len__(self) -> int:
        return len(self.patient)

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """Everything by name, a row a virtual patient: patient, weight, parameters, baseline."""
        baseline = {f"baseline_{name}": own for name, own in self.baseline.items()}
        own = {"patient": self.patient, "weight": self.weight}
        return {**own, **parameter_columns(self.circulation), **baseline}

    @classmethod
    def from_priors(
        cls,
        n: int,
        seed: int = 0,
        *,
        unknowns: Unknowns | None = None,
        condition: Sequence[Transformation] = (),
        eligibility: Sequence[Between] = (),
        solver: CycleSolver = FAST,
        backend: Backend = THIS_MACHINE,
        out: PathLike | None = None,
        quiet: bool = True,
    ) -> "Cohort":
        """Draw candidates from priors, one after the other, until n are eligible.

        Args:
            n: patients to be enrolled.
            seed: of the draws; the first k candidates are the same for every n.
            unknowns: free parameters with their priors; those of adults by default.
            condition: what all candidates suffer from, with the same severity: transformations.
            eligibility: bounds on indices before the trial, checked in this order; the first that
                a candidate misses is the reason of its exclusion.
            solver: of the beats.
            backend: where they are computed.
            out: folder that keeps what is finished, as in `run_cases`.
            quiet: show no progress.

        Raises:
            InputError: n is no count, or fewer than one candidate in 50 is eligible.

        Candidates without a periodic beat, or whom the condition would take out of the limits of
        the model, are excluded with that reason.

        >>> from cardiotwin.hemodynamics import SystolicFailure
        >>> cohort = Cohort.from_priors(
        ...     8, condition=[SystolicFailure(0.5)], eligibility=[Between("ef_percent", at_most=25)]
        ... )
        >>> len(cohort), cohort.screened == 8 + sum(cohort.excluded.values())
        (8, True)
        """
        check_count(n, "n")
        check_count(seed, "seed", at_least=0)
        unknowns = Unknowns.of() if unknowns is None else unknowns
        found = screen(
            lambda count: unknowns.circulation(unknowns.draw(count, seed)),
            tuple(condition),
            tuple(eligibility),
            n,
            MOST_SCREENED * n,
            solver=solver,
            backend=backend,
            out=out,
            quiet=quiet,
        )
        if len(found.rows) < n:
            reasons = ", ".join(f"{own}: {count}" for own, count in found.excluded.items())
            raise InputError(
                "eligibility",
                found=f"{len(found.rows)} eligible of {found.screened} ({reasons})",
                expected=f"{n}",
                advice="Widen the criteria, or give a condition that meets them.",
            )
        candidates = unknowns.circulation(unknowns.draw(int(found.rows[-1]) + 1, seed))[found.rows]
        source = f"drawn from the priors of {len(unknowns.names)} parameters, seed {seed}"
        if condition:
            source += ", with " + ", ".join(type(own).__name__ for own in condition)
        return cls(
            transform(candidates, *condition)[0],
            freeze(np.array([f"{row:07d}" for row in found.rows])),
            freeze(np.ones(n)),
            found.baseline,
            found.screened,
            found.excluded,
            source,
            tuple(eligibility),
        )

    @classmethod
    def from_circulation(
        cls,
        circulation: Circulation,
        patient: Any = None,
        weight: Any = None,
        *,
        eligibility: Sequence[Between] = (),
        source: str = "circulations given by the caller",
        solver: CycleSolver = FAST,
        backend: Backend = THIS_MACHINE,
        out: PathLike | None = None,
        quiet: bool = True,
    ) -> "Cohort":
        """Take circulations as they are: of identified patients, or draws of their posteriors.

        Args:
            circulation: batch (n,).
            patient: (n,) labels; rows of one label are draws of one patient, and intervals are
                between patients then. By default every row is a patient.
            weight: (n,) > 0 how much a row counts, as of importance sampling; 1 by default.
            eligibility: as in `from_priors`.
            source: one line for the report.
            solver: of the beats.
            backend: where they are computed.
            out: folder that keeps what is finished.
            quiet: show no progress.

        Raises:
            InputError: not a batch with one axis, other lengths, weights that are not positive,
                or nobody eligible.

        >>> weak = Circulation(emax=[0.5, 1.0, 2.0])
        >>> Cohort.from_circulation(weak, ["a", "b", "c"]).baseline["ef_percent"].round(1).tolist()
        [22.2, 37.9, 55.0]
        """
        if len(circulation.shape) != 1 or not circulation.shape[0]:
            raise InputError(
                "circulation", found=f"shape {circulation.shape}", expected="a batch (n,)"
            )
        n = circulation.shape[0]
        labels = [f"{row:07d}" for row in range(n)] if patient is None else list(patient)
        if len(labels) != n:
            raise InputError("patient", found=f"{len(labels)} labels", expected=f"{n}")
        weights = np.ones(n) if weight is None else check_array(weight, "weight", shape=(n,))
        if (weights <= 0).any():
            raise InputError("weight", found=f"{weights.min():g}", expected="numbers > 0")
        found = screen(
            lambda count: circulation[:count],
            (),
            tuple(eligibility),
            n,
            n,
            solver=solver,
            backend=backend,
            out=out,
            quiet=quiet,
        )
        if not len(found.rows):
            raise InputError(
                "eligibility", found=f"nobody eligible: {found.excluded}", expected="some"
            )
        return cls(
            circulation[found.rows],
            freeze(np.array([str(label) for label in labels])[found.rows]),
            freeze(weights[found.rows]),
            found.baseline,
            found.screened,
            found.excluded,
            source,
            tuple(eligibility),
        )
