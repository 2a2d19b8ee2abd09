"""The verb: an in-silico trial, on this machine or a cluster, resumable, nobody dropped."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._types import PathLike
from ..circulation import INDEX_NAMES, CycleSolver
from ..compute import Backend, ThisMachine, run_cases
from ._arms import Arm
from ._steady_batch import LANES, circulation_of, make_solve, parameter_columns
from ._trial import Trial
from ._trial_result import TrialResult

THIS_MACHINE = ThisMachine()


@dataclass(frozen=True)
class TrialTask:
    """Patients in their arms, a row an allocation; it can be sent to other processes.

    Attributes:
        arms: of the trial.
        solver: of the beats.
    """

    arms: tuple[Arm, ...]
    solver: CycleSolver

    def __call__(self, columns: dict[str, np.ndarray]) -> dict[str, Any]:
        """Return speed and indices of a batch; where there are none, the reason as an error."""
        solve, n = make_solve(self.solver), len(columns["arm"])
        speed, error = np.full(n, np.nan), np.full(n, "", dtype="<U400")
        results = {name: np.full(n, np.nan) for name in INDEX_NAMES}
        for arm in self.arms:
            rows = np.flatnonzero(columns["arm"] == arm.name)
            if not len(rows):
                continue
            patients = circulation_of({name: own[rows] for name, own in columns.items()})
            speed[rows], found = arm.outcome(patients, solve)
            error[rows] = found.error
            for name, values in found.indices.items():
                results[name][rows] = values
        return {"speed_rpm": speed, **results, "error": error}


def run_trial(
    trial: Trial,
    *,
    backend: Backend = THIS_MACHINE,
    out: PathLike | None = None,
    retry_failed: bool = False,
    quiet: bool = False,
) -> TrialResult:
    """Compute the beat of every patient in every arm that they are allocated to.

    Rows are computed in batches of a fixed size, whatever the backend, so that a trial that was
    interrupted, or whose workers died, has the same rows as one that was not.

    Args:
        trial: who, what, and what is looked at.
        backend: where to run: `ThisMachine` or `DaskCluster`.
        out: folder that keeps every finished batch; run again, the trial goes on from there.
        retry_failed: run the failed rows of ``out`` again.
        quiet: show no progress.

    Raises:
        InputError: an ``out`` of another trial.
        MissingDependencyError: the backend needs an optional library.

    >>> from cardiotwin.circulation import Circulation
    >>> from cardiotwin.hemodynamics import Cohort, FixedSpeed
    >>> cohort = Cohort.from_circulation(Circulation(emax=[0.5, 0.7, 0.9]))
    >>> trial = Trial(cohort, (Arm("no pump"), Arm("pump", speed=FixedSpeed(10000.0))))
    >>> result = run_trial(trial, quiet=True)
    >>> bool((result.values("co_l_min")[1] > result.values("co_l_min")[0]).all())
    True
    """
    allocation = trial.design.allocation(trial.cohort, len(trial.arms))
    arm, row = np.nonzero(allocation)
    patients = parameter_columns(trial.cohort.circulation)
    cases = {
        "number": row,
        "patient": trial.cohort.patient[row],
        "arm": np.array([own.name for own in trial.arms])[arm],
        **{name: own[row] for name, own in patients.items()},
    }
    table = run_cases(
        TrialTask(trial.arms, trial.solver),
        cases,
        backend=backend,
        batch=LANES,
        out=None if out is None else Path(out),
        retry_failed=retry_failed,
        quiet=quiet,
        label=trial.title,
    )
    return TrialResult(trial, table, allocation)
