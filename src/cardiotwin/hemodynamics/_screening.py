"""Candidates before a trial: their beats, and who is excluded for which reason."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from .._checks import freeze
from .._types import PathLike
from ..circulation import INDEX_NAMES, Circulation, CycleSolver
from ..compute import Backend, CaseTable, run_cases
from ._between import Between
from ._steady_batch import LANES, circulation_of, make_solve, parameter_columns
from ._transformations import Transformation, transform

NO_BEAT = "no periodic beat"
IMPOSSIBLE = "outside the limits of the model"


class Screened(NamedTuple):
    """Who is in.

    Attributes:
        rows: places of the enrolled among the candidates.
        baseline: index → (n,) of the enrolled.
        screened: candidates looked at, the last enrolled being the last of them.
        excluded: reason → how many.
        reasons: (screened,) why a candidate is excluded, empty for the others.
    """

    rows: Int[np.ndarray, " n"]
    baseline: Mapping[str, Float[np.ndarray, " n"]]
    screened: int
    excluded: Mapping[str, int]
    reasons: Shaped[np.ndarray, " screened"]


@dataclass(frozen=True)
class BaselineTask:
    """Beats of candidates, once the condition has struck them.

    Attributes:
        condition: transformations.
        solver: of the beats.
    """

    condition: tuple[Transformation, ...]
    solver: CycleSolver

    def __call__(self, columns: dict[str, np.ndarray]) -> dict[str, Any]:
        """Return the indices of a batch; where there are none, the reason as an error."""
        patients, lvad = transform(circulation_of(columns), *self.condition)
        found = make_solve(self.solver)(patients, lvad)
        return {**found.indices, "error": found.error}


def screen(
    candidates: Callable[[int], Circulation],
    condition: tuple[Transformation, ...],
    eligibility: tuple[Between, ...],
    n_wanted: int,
    n_most: int,
    *,
    solver: CycleSolver,
    backend: Backend,
    out: PathLike | None,
    quiet: bool,
) -> Screened:
    """Look at candidates in their order until so many are eligible.

    Rounds are of whole batches, so that the beats of a candidate do not depend on how many
    rounds there were.

    Args:
        candidates: the first so many of them.
        condition: transformations of all.
        eligibility: criteria, in the order in which they are checked.
        n_wanted: how many eligible ones are enough.
        n_most: candidates to look at.
        solver: of the beats.
        backend: where they are computed.
        out: folder that keeps what is finished.
        quiet: show no progress.
    """
    task = BaselineTask(condition, solver)
    reasons: list[Shaped[np.ndarray, " k"]] = []
    tables: list[CaseTable] = []
    done = eligible = 0
    while eligible < n_wanted and done < n_most:
        rate = max(eligible, 1) / done if done else 1.0
        more = -(-int(1.1 * (n_wanted - eligible) / rate if done else n_wanted) // LANES) * LANES
        upto = min(done + max(more, LANES), n_most)
        table = run_cases(
            task,
            parameter_columns(candidates(upto)[done:upto]),
            backend=backend,
            batch=LANES,
            out=None if out is None else Path(out) / f"round-{len(tables)}",
            quiet=quiet,
            label="screening",
        )
        reasons.append(_reasons(table, eligibility))
        tables.append(table)
        done = upto
        eligible += int((reasons[-1] == "").sum())
    every = np.concatenate(reasons)
    rows = np.flatnonzero(every == "")[:n_wanted]
    screened = int(rows[-1]) + 1 if len(rows) == n_wanted and n_wanted < n_most else len(every)
    baseline = {
        name: freeze(np.concatenate([_column(table, name) for table in tables])[rows])
        for name in INDEX_NAMES
    }
    looked_at = every[:screened]
    return Screened(rows, baseline, screened, _counted(looked_at.tolist()), looked_at)


def counted_by_patient(
    patient: Shaped[np.ndarray, " n"], reasons: Shaped[np.ndarray, " n"]
) -> dict[str, tuple[int, dict[str, int]]]:
    """Return label → (candidates, reason → how many of them are excluded).

    Args:
        patient: whose draws the candidates are.
        reasons: why each is excluded, empty where it is not.

    >>> counted_by_patient(np.array(["a", "b", "a"]), np.array(["", "", "late"]))
    {'a': (2, {'late': 1}), 'b': (1, {})}
    """
    every: dict[str, list[str]] = defaultdict(list)
    for label, reason in zip(patient.tolist(), reasons.tolist(), strict=True):
        every[label].append(reason)
    return {label: (len(own), _counted(own)) for label, own in every.items()}


def _counted(reasons: list[str]) -> dict[str, int]:
    return dict(Counter(own for own in reasons if own).most_common())


def _column(table: CaseTable, name: str) -> Float[np.ndarray, " n"]:
    # A table in which every row has failed knows no columns.
    return table.results.get(name, np.full(len(table), np.nan))


def _reasons(table: CaseTable, eligibility: tuple[Between, ...]) -> Shaped[np.ndarray, " n"]:
    """Return why each candidate is excluded, empty where it is not."""
    failed = [
        "" if not text else NO_BEAT if text.startswith("NumericsError") else IMPOSSIBLE
        for text in table.error.tolist()
    ]
    reasons = np.array(failed, dtype="<U200")
    indices = {name: _column(table, name) for name in INDEX_NAMES}
    for own in eligibility:
        missed = (reasons == "") & ~own.met(indices)
        reasons = np.where(missed, f"{own.text} not met", reasons)
    return reasons
