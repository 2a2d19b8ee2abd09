"""What goes to a backend and what comes back: batches of cases, pieces of the table."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

Signature = tuple[tuple[str, str, tuple[int, ...]], ...]


@dataclass(frozen=True, eq=False)
class Batch:
    """Some of the cases.

    Attributes:
        rows: places of the cases in the table, (n,).
        columns: their columns by name, (n,) each.
    """

    rows: np.ndarray
    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.rows)

    def halves(self) -> tuple["Batch", "Batch"]:
        """Cut the batch in two."""
        cut = len(self) // 2
        first, second = (
            Batch(self.rows[part], {name: values[part] for name, values in self.columns.items()})
            for part in (slice(None, cut), slice(cut, None))
        )
        return first, second

    def inputs(self, length: int | None = None) -> dict[str, np.ndarray]:
        """Return copies of the columns, the last row repeated up to ``length``."""
        picked = np.arange(len(self))
        if length is not None and length > len(self):
            picked = np.minimum(np.arange(length), len(self) - 1)
        return {name: values[picked] for name, values in self.columns.items()}


@dataclass(frozen=True, eq=False)
class Piece:
    """Results of some cases, and the errors of those that have none.

    Attributes:
        rows: places of the cases that have results, (n,).
        columns: results by name, (n,) or (n, k) each.
        failed: places of the cases that failed, (m,).
        errors: what they failed with, (m,).
    """

    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    failed: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    errors: np.ndarray = field(default_factory=lambda: np.zeros(0, "U1"))

    def __len__(self) -> int:
        return len(self.rows) + len(self.failed)

    @property
    def signature(self) -> Signature:
        """Names, kinds and shapes of the results, alike in all pieces of one table."""
        return tuple(
            (name, "text" if values.dtype.kind == "U" else "numbers", values.shape[1:])
            for name, values in sorted(self.columns.items())
        )


def failure(rows: np.ndarray, error: str) -> Piece:
    """Return the piece of cases that all failed with the same error."""
    return Piece(failed=rows, errors=np.full(len(rows), error))


def merge(pieces: Iterable[Piece]) -> Piece:
    """Return one piece in the order of the cases, the same in whichever order pieces arrive.

    A case that has results in any piece has not failed; of several errors the last one counts.
    Results whose names, kinds or shapes differ from those of the first case become failures.

    >>> late = Piece(rows=np.array([1]), columns={"a": np.array([2.0])})
    >>> early = Piece(np.array([0]), {"a": np.array([1.0])}, np.array([1]), np.array(["E: e"]))
    >>> merge([late, early]).columns["a"], merge([late, early]).failed.size
    (array([1., 2.]), 0)
    """
    pieces = list(pieces)
    found = [piece for piece in pieces if len(piece.rows)]
    errors = {
        row: error
        for piece in pieces
        for row, error in zip(piece.failed.tolist(), piece.errors.tolist(), strict=True)
    }
    rows, columns = np.zeros(0, np.int64), {}
    if found:
        first = min(found, key=lambda piece: int(piece.rows.min()))
        fitting = [piece for piece in found if piece.signature == first.signature]
        odd = [piece for piece in found if piece.signature != first.signature]
        errors |= {row: _unlike(piece, first) for piece in odd for row in piece.rows.tolist()}
        rows, order = np.unique(
            np.concatenate([piece.rows for piece in fitting]), return_index=True
        )
        columns = {
            name: np.concatenate([piece.columns[name] for piece in fitting])[order]
            for name in first.columns
        }
    failed = np.setdiff1d(np.array(list(errors), np.int64), rows)
    texts = np.array([errors[row] for row in failed.tolist()], dtype=np.str_)
    return Piece(rows, columns, failed, texts)


def _unlike(piece: Piece, first: Piece) -> str:
    def show(signature: Signature) -> str:
        return ", ".join(f"{name} ({kind}{list(shape) or ''})" for name, kind, shape in signature)

    return (
        f"InputError: results of the task: found {show(piece.signature) or 'none'}; expected "
        f"{show(first.signature) or 'none'}, as in case {int(first.rows.min())}"
    )
