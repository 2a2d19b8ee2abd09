"""Virtual patients before a trial: who was screened, who is in, what they are like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from .._checks import check_array, check_count, freeze
from .._errors import InputError
from .._types import PathLike
from ..circulation import FAST, Circulation, CycleSolver
from ..compute import Backend, ThisMachine
from ._between import Between
from ._identification import Identification
from ._identified_patients import posterior_patients
from ._priors import Unknowns
from ._screening import counted_by_patient, screen
from ._steady_batch import parameter_columns
from ._transformations import Transformation, transform

THIS_MACHINE = ThisMachine()
MOST_SCREENED = 50
"""So many screened for one enrolled, and the criteria are called too narrow."""


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
        draws: label → (candidates, reason → how many of them are excluded) where several rows may
            be draws of one patient; empty where every row is a patient of its own.
    """

    circulation: Circulation
    patient: Shaped[np.ndarray, " n"]
    weight: Float[np.ndarray, " n"]
    baseline: Mapping[str, Float[np.ndarray, " n"]]
    screened: int
    excluded: Mapping[str, int]
    source: str
    criteria: tuple[Between, ...] = ()
    draws: Mapping[str, tuple[int, Mapping[str, int]]] = field(default_factory=dict)

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
        whose = np.array([str(label) for label in labels])
        draws = counted_by_patient(whose, found.reasons)
        return cls(
            circulation[found.rows],
            freeze(whose[found.rows]),
            freeze(weights[found.rows]),
            found.baseline,
            found.screened,
            found.excluded,
            source,
            tuple(eligibility),
            draws if len(draws) < n else {},
        )

    @classmethod
    def from_identifications(
        cls,
        identified: Identification | Sequence[Identification],
        n: int,
        seed: int = 0,
        *,
        patient: Sequence[str] | None = None,
        untrusted: bool = False,
        eligibility: Sequence[Between] = (),
        solver: CycleSolver = FAST,
        backend: Backend = THIS_MACHINE,
        out: PathLike | None = None,
        quiet: bool = True,
    ) -> "Cohort":
        """Draw virtual patients from the posteriors of identified ones, the same number of each.

        Rows keep whose draw they are: patients count the same, intervals are between patients, and
        where there is one patient only, intervals hold so many of the draws. More draws than an
        identification has effective ones repeat them and say nothing new.

        Args:
            identified: of one patient each, as `identify` returns them.
            n: draws of all patients together; where it cannot be shared out evenly, the first
                patients have one more, which counts the less.
            seed: of the draws.
            patient: labels, "patient 1", "patient 2" and so on by default.
            untrusted: take identifications that failed their own checks, and say so in `source`.
            eligibility: as in `from_priors`; draws that miss a criterion are not replaced.
            solver: of the beats.
            backend: where they are computed.
            out: folder that keeps what is finished.
            quiet: show no progress.

        Raises:
            InputError: no patient, labels that do not fit, an identification that is not to be
                trusted, fewer draws than patients, or nobody eligible.

        >>> from cardiotwin.hemodynamics import MaximumAPosteriori, Measurements, identify
        >>> clinic = [Measurements(edv_ml=edv, ef_percent=30) for edv in (200, 250)]
        >>> found = identify(clinic, method=MaximumAPosteriori())
        >>> cohort = Cohort.from_identifications(found, 10)
        >>> sorted(set(cohort.patient.tolist())), len(cohort)
        (['patient 1', 'patient 2'], 10)
        """
        drawn = posterior_patients(identified, patient, n, seed, untrusted)
        return cls.from_circulation(
            drawn.circulation,
            drawn.patient,
            drawn.weight,
            eligibility=eligibility,
            source=drawn.source,
            solver=solver,
            backend=backend,
            out=out,
            quiet=quiet,
        )
