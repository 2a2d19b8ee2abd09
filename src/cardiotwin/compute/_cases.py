"""The table: a row a case, with its results or with the error it failed with."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import check_choice, freeze
from .._errors import InputError
from .._files import atomic_path
from .._provenance import Provenance
from .._types import ArrayLike, Mask, PathLike
from ._piece import Piece


@dataclass(frozen=True, eq=False)
class CaseTable:
    """Cases and their results, row by row in the order in which the cases were given.

    A failed row has no results: NaN where there are numbers (whole numbers and truth values become
    floating-point numbers in a column with such rows), an empty text where there are texts. A NaN
    in a row that is "ok" is what the task returned.

    Attributes:
        cases: columns of the cases by name, (n_cases,) each.
        results: columns of the results by name, (n_cases,) or (n_cases, k) each.
        status: "ok" or "failed", (n_cases,).
        error: "TypeName: message" where a case failed, otherwise empty, (n_cases,).
        seconds: wall-clock time of the call that made the table, earlier parts not included.
        provenance: version, task and fingerprint of the cases.

    >>> from cardiotwin.compute import run_cases
    >>> table = run_cases(lambda c: {"root": c["x"] ** 0.5}, {"x": [4.0, 9.0]}, quiet=True)
    >>> len(table), table["root"].tolist(), table.counts()
    (2, [2.0, 3.0], {'ok': 2, 'failed': 0})
    """

    cases: Mapping[str, np.ndarray]
    results: Mapping[str, np.ndarray]
    status: np.ndarray
    error: np.ndarray
    seconds: float
    provenance: Provenance

    def __len__(self) -> int:
        return len(self.status)

    def __getitem__(self, name: str) -> np.ndarray:
        columns = self.columns
        return columns[check_choice(name, "column", columns)]

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """All columns by name: of the cases, of the results, ``status``, ``error``."""
        return {**self.cases, **self.results, "status": self.status, "error": self.error}

    @property
    def failed(self) -> Mask:
        """Where cases failed, (n_cases,)."""
        return self.status == "failed"

    def counts(self) -> dict[str, int]:
        """Return how many cases are of each status."""
        failed = int(self.failed.sum())
        return {"ok": len(self) - failed, "failed": failed}

    def select(self, rows: ArrayLike) -> "CaseTable":
        """Return the table of some rows.

        Args:
            rows: a mask (n_cases,), as ``table.failed``, or places in the table.

        Raises:
            InputError: neither of them.

        >>> from cardiotwin.compute import run_cases
        >>> table = run_cases(lambda c: {"y": 1 / c["x"]}, {"x": [1.0, 2.0]}, quiet=True)
        >>> table.select(table["y"] < 1)["x"]
        array([2.])
        """
        chosen = np.asarray(rows)
        try:
            places = np.arange(len(self))[chosen.astype(int) if chosen.size == 0 else chosen]
            if places.ndim != 1:
                raise IndexError
        except IndexError:
            raise InputError(
                "rows",
                found=f"{chosen.dtype} of shape {chosen.shape}",
                expected=f"a mask of shape ({len(self)},) or places below {len(self)}",
            ) from None

        def pick(columns: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
            return frozen_columns({name: values[places] for name, values in columns.items()})

        return CaseTable(
            pick(self.cases),
            pick(self.results),
            freeze(self.status[places]),
            freeze(self.error[places]),
            self.seconds,
            self.provenance,
        )

    def write_csv(self, path: PathLike) -> None:
        """Write the table, a line a case, every digit that is needed to read the same number.

        A column of shape (n_cases, k) is written as name_0 … name_{k-1}. The results of failed
        cases are empty.
        """
        failed = self.failed
        lines: dict[str, list[Any]] = {}
        for name, values in self.columns.items():
            wide = values.ndim == 2
            for k, column in enumerate(values.T if wide else [values]):
                entries = column.tolist()
                if name in self.results:
                    for row in np.flatnonzero(failed):
                        entries[row] = ""
                lines[f"{name}_{k}" if wide else name] = entries
        with (
            atomic_path(path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as stream,
        ):
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(lines)
            writer.writerows(zip(*lines.values(), strict=True))


def read_cases(cases: Any) -> dict[str, np.ndarray]:
    """Return the columns of the cases as arrays of the same length.

    Raises:
        InputError: no columns, no rows, more than one axis, other lengths, neither numbers nor
            texts, a name that the table uses itself.
    """
    if not isinstance(cases, Mapping) or not cases:
        raise InputError(
            "cases",
            found=f"{type(cases).__name__} without columns",
            expected="columns, name → values, one row a case",
        )
    columns: dict[str, np.ndarray] = {}
    for name, values in cases.items():
        if not isinstance(name, str) or name in ("", "status", "error"):
            raise InputError(
                "cases", found=f"a column {name!r}", expected="a text other than status and error"
            )
        try:
            array = np.array(values)
        except ValueError:
            array = np.array(values, dtype=object)
        if array.dtype.kind not in "biufU" or array.ndim != 1:
            raise InputError(
                f"cases[{name!r}]",
                found=f"entries of type {array.dtype} in shape {array.shape}",
                expected="real numbers or texts in one axis, (n_cases,)",
                advice="Give each component a column of its own." if array.ndim == 2 else "",
            )
        columns[name] = freeze(array)
        first = next(iter(columns))
        if len(array) != len(columns[first]) or not len(array):
            raise InputError(
                f"cases[{name!r}]",
                found=f"{len(array)} rows",
                expected=f"{len(columns[first])}, as in {first!r}" if len(array) else "some rows",
            )
    return columns


def make_table(
    cases: dict[str, np.ndarray], piece: Piece, seconds: float, provenance: Provenance
) -> CaseTable:
    """Spread the results over the rows of all cases."""
    n_cases = len(next(iter(cases.values())))
    status = np.full(n_cases, "ok", dtype="U6")
    status[piece.failed] = "failed"
    error = np.full(n_cases, "", dtype=piece.errors.dtype)
    error[piece.failed] = piece.errors
    results = {}
    for name, values in piece.columns.items():
        kind = values.dtype.kind
        whole = kind in "biu" and len(piece.failed)
        full = np.zeros((n_cases, *values.shape[1:]), dtype=np.float64 if whole else values.dtype)
        if len(piece.failed):
            full[piece.failed] = "" if kind == "U" else np.nan
        full[piece.rows] = values
        results[name] = full
    columns = frozen_columns(cases), frozen_columns(results)
    return CaseTable(*columns, freeze(status), freeze(error), seconds, provenance)


def frozen_columns(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return columns that nobody can change."""
    return {name: freeze(values) for name, values in columns.items()}
