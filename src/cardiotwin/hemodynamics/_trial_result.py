"""What came out of a trial: rows, accounting, outcomes with intervals, subgroups."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from .._checks import check_choice
from .._types import PathLike
from ..circulation import INDEX_NAMES
from ..compute import CaseTable
from ._trial import Trial
from ._trial_statistics import Estimate, difference, estimate


class ArmAccount(NamedTuple):
    """Where the patients of one arm are.

    Attributes:
        arm: its name.
        allocated: rows that belong to it.
        analysed: rows with a periodic beat.
        infeasible: rows for which the speed rule found no speed.
        failed: rows that failed otherwise; allocated = analysed + infeasible + failed.
        errors: error → rows, of the infeasible and the failed.
    """

    arm: str
    allocated: int
    analysed: int
    infeasible: int
    failed: int
    errors: dict[str, int]


class PatientAccount(NamedTuple):
    """Where the draws of one identified patient are.

    Attributes:
        patient: label.
        screened: draws that were looked at.
        excluded: reason → draws; screened = enrolled + all excluded.
        enrolled: rows of the cohort.
        analysed: arm → rows with a periodic beat.
        missing: arm → rows without a result; allocated = analysed + missing.
    """

    patient: str
    screened: int
    excluded: dict[str, int]
    enrolled: int
    analysed: dict[str, int]
    missing: dict[str, int]


class Accounting(NamedTuple):
    """Where everybody is, after CONSORT 2010.

    Attributes:
        screened: candidates.
        excluded: reason → candidates; screened = enrolled + all excluded.
        enrolled: rows of the cohort.
        patients: different patients among them.
        arms: one account an arm.
        by_patient: one account a patient where rows are draws of identified patients.
    """

    screened: int
    excluded: dict[str, int]
    enrolled: int
    patients: int
    arms: tuple[ArmAccount, ...]
    by_patient: tuple[PatientAccount, ...] = ()


class Outcome(NamedTuple):
    """One outcome in one arm.

    Attributes:
        arm: name.
        index: of `Indices`.
        after: the index in this arm.
        change: from before the trial.
        effect: difference to the first arm.
        to_treat: the same with those who have no result counted as unchanged from before.
    """

    arm: str
    index: str
    after: Estimate
    change: Estimate
    effect: Estimate
    to_treat: Estimate


class SubgroupOutcome(NamedTuple):
    """The main outcome of one arm in one subgroup.

    Attributes:
        subgroup: name.
        arm: name.
        before: the index before the trial.
        after: in this arm.
        effect: difference to the first arm.
    """

    subgroup: str
    arm: str
    before: Estimate
    after: Estimate
    effect: Estimate


@dataclass(frozen=True, eq=False)
class TrialResult:
    """A trial with its rows.

    Attributes:
        trial: as it was defined.
        table: a row an allocation: number in the cohort, patient, arm, parameters before the
            arm, speed (0 without a pump), every index, status and error.
        allocation: (n_arms, n) who got which arm.
    """

    trial: Trial
    table: CaseTable
    allocation: Bool[np.ndarray, "n_arms n"]

    def values(self, name: str) -> Float[np.ndarray, "n_arms n"]:
        """Return an index, or ``speed_rpm``, by arm and row of the cohort; NaN where there is none.

        Args:
            name: the column.

        Raises:
            InputError: no such index.
        """
        check_choice(name, "index", (*INDEX_NAMES, "speed_rpm"))
        found = np.full(self.allocation.shape, np.nan)
        # Rows stand arm by arm, as the allocation does.
        if name in self.table.results:
            found[self.allocation] = self.table.results[name]
        return found

    @cached_property
    def accounting(self) -> Accounting:
        """Where everybody is."""
        cohort, arms = self.trial.cohort, []
        for arm in self.trial.arms:
            errors = self.table.error[self.table.cases["arm"] == arm.name].tolist()
            told = Counter(text for text in errors if text)
            infeasible = sum(n for text, n in told.items() if text.startswith("Infeasible"))
            arms.append(
                ArmAccount(
                    arm.name,
                    allocated=len(errors),
                    analysed=len(errors) - told.total(),
                    infeasible=infeasible,
                    failed=told.total() - infeasible,
                    errors=dict(told.most_common()),
                )
            )
        people = len(np.unique(cohort.patient))
        excluded = dict(cohort.excluded)
        return Accounting(
            cohort.screened, excluded, len(cohort), people, tuple(arms), self._by_patient()
        )

    def _by_patient(self) -> tuple[PatientAccount, ...]:
        cohort, cases = self.trial.cohort, self.table.cases
        lost = (self.table.error != "").tolist()
        rows = Counter(zip(cases["patient"].tolist(), cases["arm"].tolist(), lost, strict=True))
        enrolled = Counter(cohort.patient.tolist())
        arms = [arm.name for arm in self.trial.arms]
        return tuple(
            PatientAccount(
                label,
                drawn,
                dict(excluded),
                enrolled[label],
                analysed={arm: rows[label, arm, False] for arm in arms},
                missing={arm: rows[label, arm, True] for arm in arms},
            )
            for label, (drawn, excluded) in cohort.draws.items()
        )

    @cached_property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Every outcome of the trial in every arm, the main one first."""
        trial = self.trial
        names = [trial.primary, *(own for own in trial.outcomes if own != trial.primary)]
        return tuple(own for name in names for own in self._outcomes(name))

    @cached_property
    def subgroups(self) -> tuple[SubgroupOutcome, ...]:
        """The main outcome by subgroup and arm; subgroups without members are left out."""
        trial, name = self.trial, self.trial.primary
        values, before = self.values(name), trial.cohort.baseline[name]
        found = []
        for strata in trial.subgroups:
            for subgroup, members in strata.members(trial.cohort).items():
                if not members.any():
                    continue
                for arm, after in zip(trial.arms, values, strict=True):
                    found.append(
                        SubgroupOutcome(
                            subgroup,
                            arm.name,
                            self._estimate(np.where(members, before, np.nan)),
                            self._estimate(np.where(members, after, np.nan)),
                            self._effect(np.where(members, after, np.nan), values[0]),
                        )
                    )
        return tuple(found)

    def outcome(self, arm: str, index: str) -> Outcome:
        """Return one outcome in one arm.

        Args:
            arm: its name.
            index: of `Indices`.

        Raises:
            InputError: no such arm or index.
        """
        names = [own.name for own in self.trial.arms]
        place = names.index(check_choice(arm, "arm", names))
        return self._outcomes(check_choice(index, "index", INDEX_NAMES))[place]

    def write(self, folder: PathLike) -> list[Any]:
        """Write rows.csv, cohort.csv, trial.json and trial.md; each appears whole or not at all.

        Args:
            folder: made where it is missing.

        Returns:
            The paths.
        """
        from ._trial_writing import write_trial

        return write_trial(self, folder)

    def _outcomes(self, name: str) -> list[Outcome]:
        trial, values = self.trial, self.values(name)
        before = trial.cohort.baseline[name]
        treated = np.where(self.allocation & ~np.isfinite(values), before, values)
        return [
            Outcome(
                arm.name,
                name,
                self._estimate(values[place]),
                self._estimate(values[place] - before),
                self._effect(values[place], values[0]),
                self._effect(treated[place], treated[0]),
            )
            for place, arm in enumerate(trial.arms)
        ]

    def _estimate(self, values: Float[np.ndarray, " n"]) -> Estimate:
        cohort = self.trial.cohort
        return estimate(values, cohort.weight, cohort.patient, self.trial.confidence)

    def _effect(
        self, values: Float[np.ndarray, " n"], control: Float[np.ndarray, " n"]
    ) -> Estimate:
        cohort = self.trial.cohort
        return difference(values, control, cohort.weight, cohort.patient, self.trial.confidence)
