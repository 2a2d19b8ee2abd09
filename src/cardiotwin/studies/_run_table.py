"""Runs of a study as rows of a CSV file that fills over time, whoever computes them and when."""

import csv
import io
import json
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from .._errors import FileFormatError
from .._files import atomic_path
from .._types import PathLike

COLUMNS = {
    "study": "study",
    "cell": "cell",
    "truth": "truth",
    "method": "method",
    "sigma": "sigma",
    "budget": "budget",
    "seed": "seed",
    "relative_error": "RE",
    "correlation": "CC",
    "mse": "MSE",
    "data_loss": "L_D",
    "physics_loss": "L_EP",
    "seconds": "seconds",
    "version": "version",
    "created": "created",
    "recipe": "recipe",
    "status": "status",
    "details": "details",
}
"""Field of a `Run` → column of the file."""
_KEY = ("study", "cell", "budget", "seed")


@dataclass(frozen=True)
class Run:
    """One run: which cell of which study, which seed, and what came out.

    Two runs are the same run if study, cell, budget and seed are. Line breaks in texts become
    spaces, so that a row is a line.

    Attributes:
        study: name of the study.
        cell: name of the cell in it: it says everything about the settings but budget and seed.
        seed: of the noise and of everything random in the method.
        budget: size of the case and length of the training.
        truth: which case it was.
        method: what solved it.
        sigma: standard deviation of the noise.
        relative_error: RE.
        correlation: CC of Eq. 20.
        mse: mean of squared errors.
        data_loss: L_D at the end (Eq. 5), where the method has one.
        physics_loss: L_EP at the end (Eq. 9), unweighted.
        seconds: wall-clock time of the solve.
        version: of cardiotwin, when it was run.
        created: UTC time.
        recipe: fingerprint of version, seed and settings.
        status: what the method said.
        details: further numbers by name.
        others: columns of the file that this version does not know, as text.
    """

    study: str
    cell: str
    seed: int
    budget: str = "full"
    truth: str = ""
    method: str = ""
    sigma: float | None = None
    relative_error: float | None = None
    correlation: float | None = None
    mse: float | None = None
    data_loss: float | None = None
    physics_loss: float | None = None
    seconds: float | None = None
    version: str = ""
    created: str = ""
    recipe: str = ""
    status: str = ""
    details: dict[str, float] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, str):
                object.__setattr__(self, item.name, " ".join(value.split()))

    @property
    def key(self) -> tuple[str, str, str, int]:
        """(study, cell, budget, seed)."""
        return self.study, self.cell, self.budget, self.seed

    @property
    def succeeded(self) -> bool:
        """Whether there is a finite RE."""
        return self.relative_error is not None and math.isfinite(self.relative_error)


class RunTable:
    """The runs of one file; a new run is in the file the moment it is added.

    A line that an interrupt cut short is dropped. Of two lines for the same run the first counts.
    Rows and columns written by another version are kept as they are.

    Args:
        path: CSV file; None keeps the runs in memory only.

    Raises:
        FileFormatError: not a table of runs, or a row that cannot be read.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "s.csv"
    >>> RunTable(path).add(Run("s", "a", seed=0, relative_error=0.25))
    True
    >>> table = RunTable(path)
    >>> table.add(Run("s", "a", seed=0, relative_error=0.5)), table.runs[0].relative_error
    (False, 0.25)
    """

    def __init__(self, path: PathLike | None = None):
        self.path = None if path is None else Path(path)
        self._columns: list[str] = []
        self._runs: dict[tuple[Any, ...], Run] = {}
        self.reload()

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs, in the order of the file."""
        return tuple(self._runs.values())

    def find(self, study: str, cell: str, budget: str, seed: int) -> Run | None:
        """Return a run, None where it is missing."""
        return self._runs.get((study, cell, budget, seed))

    def of(self, study: str, cell: str, budget: str) -> list[Run]:
        """Return all runs of a cell, whatever their seed, by seed."""
        found = [run for run in self.runs if run.key[:3] == (study, cell, budget)]
        return sorted(found, key=lambda run: run.seed)

    def add(self, run: Run) -> bool:
        """Append a run; False, and nothing written, where it is there already."""
        # Somebody else may be filling the same table.
        whole = self.reload()
        if run.key in self._runs:
            return False
        self._runs[run.key] = run
        if self.path is None:
            return True
        needed = [*COLUMNS.values(), *run.others]
        if not whole or any(name not in self._columns for name in needed):
            self._columns += [name for name in needed if name not in self._columns]
            self._rewrite(self.path)
            return True
        line = _lines([_as_row(run, self._columns)]).encode()
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            # In one call, so that lines of two programs do not mix.
            os.write(handle, line)
            os.fsync(handle)
        finally:
            os.close(handle)
        return True

    def reload(self) -> bool:
        """Read the file again; tell whether it is there and ends with a whole line."""
        if self.path is None or not self.path.exists():
            return False
        content = self.path.read_bytes()
        # Cut before decoding: the interrupt may have split a letter.
        end = content.rfind(b"\n") + 1
        try:
            text = content[:end].decode()
            rows = list(csv.reader(io.StringIO(text, newline="")))
        except (UnicodeDecodeError, csv.Error):
            raise FileFormatError(
                str(self.path), found="no UTF-8 table", expected="a CSV file of runs"
            ) from None
        if not rows:
            return False
        header = rows[0]
        missing = [COLUMNS[name] for name in _KEY if COLUMNS[name] not in header]
        if missing or len(set(header)) != len(header):
            raise FileFormatError(
                str(self.path),
                found=f"a first line of {', '.join(header[:4])}…",
                expected=f"the columns of a run table, {', '.join(missing) or 'each once'} too",
                advice="Move this file away, or name another folder with --runs.",
            )
        self._columns = header
        self._runs = {}
        for number, row in enumerate(rows[1:], 2):
            run = _as_run(row, header, f"{self.path}, line {number}")
            self._runs.setdefault(run.key, run)
        return end == len(content)

    def _rewrite(self, path: Path) -> None:
        rows = [_as_row(run, self._columns) for run in self.runs]
        with atomic_path(path) as temporary:
            temporary.write_bytes(_lines([self._columns, *rows]).encode())


def _lines(rows: Iterable[list[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _as_row(run: Run, columns: list[str]) -> list[str]:
    values = {column: _as_text(getattr(run, name)) for name, column in COLUMNS.items()}
    values |= run.others
    return [values.get(column, "") for column in columns]


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True) if value else ""
    # repr gives every digit that is needed to read the same number again.
    return repr(float(value)) if isinstance(value, float) else str(value)


def _as_run(row: list[str], header: list[str], where: str) -> Run:
    if len(row) != len(header):
        raise FileFormatError(
            where,
            found=f"{len(row)} entries",
            expected=f"{len(header)}, one a column",
            advice="Delete this line: the run will be done again.",
        )
    entries = dict(zip(header, row, strict=True))
    run = Run("", "", 0)
    changes: dict[str, Any] = {}
    for name, column in COLUMNS.items():
        text = entries.pop(column, "")
        try:
            changes[name] = _as_value(text, name, getattr(run, name))
        except ValueError:
            raise FileFormatError(
                where,
                found=f"{text!r} in the column {column}",
                expected="a number" if name != "details" else "a JSON object of numbers",
                advice="Delete this line: the run will be done again.",
            ) from None
    return replace(run, **changes, others=entries)


def _as_value(text: str, name: str, default: Any) -> Any:
    if name == "seed":
        return int(text)
    if name == "details":
        found = json.loads(text or "{}")
        if not isinstance(found, dict):
            raise ValueError(text)
        return {key: float(value) for key, value in found.items()}
    if isinstance(default, str):
        return text
    return float(text) if text else None
