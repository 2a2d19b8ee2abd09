"""One batch through the task; where that fails, its halves, down to the single failing cases."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import InputError
from ._piece import Batch, Piece, failure, merge

Task = Callable[[dict[str, np.ndarray]], Mapping[str, Any]]
RESERVED = ("status",)
MAX_ERROR = 500


class TaskError(InputError):
    """A task returns something that no case can make right: the run stops instead of splitting."""


@dataclass(frozen=True, eq=False)
class BatchRun:
    """The work that backends hand out: a batch in, its piece of the table out; it can be pickled.

    Attributes:
        task: from columns of cases to columns of results.
        length: rows of every call, the last one repeated; None calls with the rows there are.
    """

    task: Task
    length: int | None = None

    def __call__(self, batch: Batch) -> Piece:
        """Run the batch.

        Raises:
            TaskError: the task returns no columns, or columns of forbidden names.
        """
        pieces, left = [], [batch]
        while left:
            part = left.pop()
            try:
                pieces.append(self._results(part))
            except TaskError:
                raise
            except (Exception, SystemExit) as error:
                if len(part) == 1:
                    pieces.append(failure(part.rows, error_text(error)))
                else:
                    left += part.halves()
        return merge(pieces)

    def _results(self, batch: Batch) -> Piece:
        inputs = batch.inputs(self.length)
        length = len(next(iter(inputs.values())))
        returned = self.task(inputs)
        if not isinstance(returned, Mapping):
            raise TaskError(
                "task",
                found=f"a result of type {type(returned).__name__}",
                expected="a dictionary of columns, name → array",
            )
        columns = {
            name: _column(name, values, length, batch)[: len(batch)]
            for name, values in returned.items()
        }
        errors = columns.pop("error", np.full(len(batch), ""))
        if errors.dtype.kind != "U" or errors.ndim != 1:
            raise TaskError(
                "task: error",
                found=f"a column of {errors.dtype}",
                expected="texts, empty where a case went well",
            )
        bad = errors != ""
        return Piece(
            rows=batch.rows[~bad],
            columns={name: values[~bad] for name, values in columns.items()},
            failed=batch.rows[bad],
            errors=errors[bad],
        )


def error_text(error: BaseException) -> str:
    """Return type and message in one line.

    >>> error_text(ValueError("no solution"))
    'ValueError: no solution'
    """
    message = " ".join(str(error).split())
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return text if len(text) <= MAX_ERROR else text[: MAX_ERROR - 1] + "…"


def _column(name: Any, values: Any, length: int, batch: Batch) -> np.ndarray:
    if not isinstance(name, str) or not name or name in RESERVED or name in batch.columns:
        taken = "that of a column of the cases" if name in batch.columns else "taken or no text"
        raise TaskError(
            f"task: {name!r}",
            found=f"a column of results whose name is {taken}",
            expected="a name of its own, not 'status'",
        )
    array = np.asarray(values)
    if array.ndim not in (1, 2):
        raise TaskError(
            f"task: {name}",
            found=f"an array of {array.ndim} axes for {length} cases",
            expected=f"shape ({length},) or ({length}, k)",
        )
    if len(array) != length:
        raise InputError(
            f"result {name}", found=f"{len(array)} rows", expected=f"{length}, one a case"
        )
    if array.dtype.kind not in "biufU" or (array.dtype.kind == "U" and array.ndim == 2):
        raise InputError(
            f"result {name}",
            found=f"entries of type {array.dtype} in {array.ndim} axes",
            expected="real numbers, or texts in one axis",
        )
    return array
