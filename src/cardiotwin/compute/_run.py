"""The verb: many independent cases through one task."""

import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import numpy as np

from .._checks import check_count
from .._provenance import make_provenance
from .._types import PathLike
from ._backend import Backend
from ._batch import BatchRun, Task
from ._cases import CaseTable, make_table, read_cases
from ._display import make_display
from ._fingerprint import describe_task, fingerprint_columns
from ._piece import Batch, Piece, merge
from ._store import Store
from ._this_machine import ThisMachine

THIS_MACHINE = ThisMachine()


def run_cases(
    task: Task,
    cases: Mapping[str, Any],
    *,
    backend: Backend = THIS_MACHINE,
    batch: int = 256,
    same_length: bool = False,
    out: PathLike | None = None,
    retry_failed: bool = False,
    quiet: bool = False,
    label: str = "cases",
) -> CaseTable:
    """Run a task over every case, and keep what fails as rows with their error.

    The row of a case depends on that case alone, as long as the task sees to it: then the table is
    the same on every backend, with any batch, in one go or in parts. (A compiled task may round
    differently for another number of rows: ``same_length`` prevents that, at one ``batch``.)
    Random numbers come from seeds in a column of the cases.

    If the task raises an error for a batch, the halves of the batch are run by themselves, and so
    on down to the single cases that fail. The same is done where results do not have one row a
    case, or hold neither numbers nor texts. A task that can tell which cases failed returns a
    column ``error`` of texts, empty where all is well, and saves the splitting. Numbers that are
    not finite are results like others: whether NaN is a failure, the task must say.

    Ctrl-C raises KeyboardInterrupt once the batches under way have ended here (a cluster drops
    them); what is finished is in ``out``, and the same call goes on from there.

    Args:
        task: takes the columns of a batch, name → array (n,), and returns columns of results, (n,)
            or (n, k), k the same for all cases. A function of a module or a frozen dataclass with
            ``__call__``. JAX tasks carry their own precision switch, it holds for one thread.
        cases: columns, name → values, one row a case; NaN is allowed.
        backend: where to run: `ThisMachine` or `DaskCluster`.
        batch: cases a call of the task.
        same_length: call the task with ``batch`` rows always, the last case repeated where there
            are fewer: a task compiled by JAX is then compiled once.
        out: folder that keeps every finished batch. Where it holds some of this very table, only
            the rest is run.
        retry_failed: run the failed cases of ``out`` again.
        quiet: show no progress.
        label: what the progress display calls it.

    Returns:
        The table, its rows in the order of ``cases``.

    Raises:
        InputError: cases that are no table; a task that returns no columns, or columns named like
            those of the cases; an ``out`` of another task, other cases or another version.
        FileFormatError: a damaged file in ``out``.
        MissingDependencyError: the backend needs an optional library.

    >>> import numpy as np
    >>> def flow(columns):
    ...     if (columns["resistance"] <= 0).any():
    ...         raise ValueError("resistance must be positive")
    ...     return {"flow": columns["pressure"] / columns["resistance"]}
    >>> table = run_cases(
    ...     flow, {"pressure": [90.0, 80.0, 85.0], "resistance": [1.0, 0.0, 2.0]}, quiet=True
    ... )
    >>> table["flow"].tolist(), table.counts()
    ([90.0, nan, 42.5], {'ok': 2, 'failed': 1})
    >>> str(table["error"][1])
    'ValueError: resistance must be positive'
    """
    begun = time.perf_counter()
    batch = check_count(batch, "batch")
    columns = read_cases(cases)
    n_cases = len(next(iter(columns.values())))
    recipe = {
        "task": describe_task(task),
        "cases": {
            "rows": n_cases,
            "columns": sorted(columns),
            "sha256": fingerprint_columns(columns),
        },
    }
    provenance = make_provenance(recipe)
    store = None
    pieces: list[Piece] = []
    if out is not None:
        store = Store(out, {"version": provenance.version, **recipe})
        pieces = store.read(n_cases)
    known = merge(pieces)
    finished = known.rows if retry_failed else np.concatenate([known.rows, known.failed])
    missing = np.setdiff1d(np.arange(n_cases), finished)
    batches = [_batch(columns, missing[k : k + batch]) for k in range(0, len(missing), batch)]
    work = BatchRun(task, batch if same_length else None)
    failed = 0 if retry_failed else len(known.failed)
    with make_display(label, n_cases, n_cases - len(missing), failed, quiet) as display:
        # Where nothing is missing nobody is asked, so that no cluster has to be there.
        if batches:
            with closing(backend.run(work, batches)) as arriving:
                for piece in arriving:
                    if store is not None:
                        store.add(piece)
                    pieces.append(piece)
                    display.add(len(piece), len(piece.failed))
    return make_table(columns, merge(pieces), time.perf_counter() - begun, provenance)


def _batch(columns: dict[str, np.ndarray], rows: np.ndarray) -> Batch:
    return Batch(rows, {name: values[rows] for name, values in columns.items()})
