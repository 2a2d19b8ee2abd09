"""Cells of a table, filled run by run, and the table that is made of what has been run."""

import hashlib
import json
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__, ecgi
from .._errors import CardiotwinError
from .._progress import track
from .._provenance import describe
from .._types import PathLike
from ._published import Published
from ._run_table import Run, RunTable


@dataclass(frozen=True)
class Budget:
    """How large the simulated case is and how long networks are trained.

    Runs of another budget are other runs: they never mix in a table.

    Args:
        name: short name, kept with every run.
        heart_nodes: number of heart nodes.
        torso_nodes: number of torso nodes.
        n_times: number of instants.
        steps: training steps of networks, None for what each preset recommends.
    """

    name: str = "full"
    heart_nodes: int = 1094
    torso_nodes: int = 352
    n_times: int = 661
    steps: int | None = None

    @cached_property
    def cases(self) -> dict[str, ecgi.zoo.MismatchCase]:
        """The matched case and all mismatched ones, nothing computed yet."""
        return ecgi.zoo.mismatch_cases(
            heart_nodes=self.heart_nodes, torso_nodes=self.torso_nodes, n_times=self.n_times
        )


FULL = Budget()
QUICK = Budget("quick", 150, 120, 120, steps=60)


@dataclass(frozen=True, eq=False)
class Setting:
    """What a method is made for: the case, the noise, the seed and the budget."""

    case: ecgi.zoo.MismatchCase
    noise_sd: float
    seed: int
    budget: Budget


Build = Callable[[Setting], ecgi.InverseMethod]


@dataclass(frozen=True, eq=False)
class Cell:
    """One cell of a table: everything but budget and seed.

    Attributes:
        case: name of the case in `Budget.cases`.
        method: what the table calls the method.
        noise_sd: σ.
        build: makes the method; may look at the truth only where ``method`` says "oracle".
        published: numbers of the source paper, None where there are none.
        columns: further columns of the table, by name (they belong to the cell's name).
    """

    case: str
    method: str
    noise_sd: float
    build: Build
    published: Published | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """One line that names the cell for ever: `case | method | σ | further columns`."""
        more = [f"{key}={value}" for key, value in self.columns.items()]
        return " | ".join([self.case, self.method, f"σ={self.noise_sd:g}", *more])


Keep = Callable[[Cell, Run, ecgi.Reconstruction, Setting], None]


@dataclass(frozen=True, eq=False)
class Runner:
    """Fills cells and reads them.

    Attributes:
        study: name of the study whose runs these are.
        table: where they are kept.
        budget: of new runs, and which runs are read.
        first_seed: the first seed.
        n_seeds: how many seeds a cell should have; 0 reads only.
    """

    study: str
    table: RunTable
    budget: Budget = FULL
    first_seed: int = 0
    n_seeds: int = 10

    @classmethod
    def make(
        cls,
        study: str,
        runs: PathLike | None,
        *,
        quick: bool,
        seed: int,
        seeds: int | None,
        usual: int = 10,
        budget: Budget | None,
    ) -> "Runner":
        """Open the table of a study; quick runs have a file of their own.

        Args:
            study: name of the study.
            runs: folder of the tables, None keeps the runs in memory.
            quick: whether the small case is meant.
            seed: the first seed.
            seeds: how many; None for the usual number, two if quick.
            usual: the usual number.
            budget: another size than full or quick.
        """
        budget = budget or (QUICK if quick else FULL)
        suffix = ".csv" if budget.name == FULL.name else f".{budget.name}.csv"
        path = None if runs is None else Path(runs) / f"{study}{suffix}"
        wanted = (2 if quick else usual) if seeds is None else seeds
        return cls(study, RunTable(path), budget, seed, wanted)

    @property
    def seeds(self) -> range:
        """Seeds that every cell should have."""
        return range(self.first_seed, self.first_seed + self.n_seeds)

    def runs(self, cell: Cell) -> list[Run]:
        """Return what has been run of a cell, by whatever seed."""
        return self.table.of(self.study, cell.name, self.budget.name)

    def fill(
        self,
        cells: Sequence[Cell],
        *,
        measure: Callable[[Cell, Setting], Run] | None = None,
        keep: Keep | None = None,
    ) -> None:
        """Do the missing runs, all cells of the first seed first.

        What another study has run with the same settings on the same data is copied from its table.

        Args:
            cells: what to fill.
            measure: what a run is; by default reconstruct and score.
            keep: called with the reconstruction of every new run.
        """
        missing = [
            (seed, cell)
            for seed in self.seeds
            for cell in cells
            if self.table.find(self.study, cell.name, self.budget.name, seed) is None
        ]
        for seed, cell in track(missing, self.study, lambda item: f"{item[1].name}, {item[0]}"):
            # Another program may have done it in the meantime.
            self.table.reload()
            if self.table.find(self.study, cell.name, self.budget.name, seed) is not None:
                continue
            setting = Setting(self.budget.cases[cell.case], cell.noise_sd, seed, self.budget)
            if measure is None:
                run = self._reconstruct(cell, setting, keep)
            else:
                run = measure(cell, setting)
            self.table.add(run)

    def blank(self, cell: Cell, seed: int, **numbers: Any) -> Run:
        """Return a run of a cell with these numbers."""
        return Run(
            self.study,
            cell.name,
            seed,
            self.budget.name,
            cell.case,
            cell.method,
            cell.noise_sd,
            version=__version__,
            created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            **numbers,
        )

    def _done_elsewhere(
        self, cell: Cell, setting: Setting, method: ecgi.InverseMethod
    ) -> Run | None:
        if self.table.path is None:
            return None
        names = {"study": self.study, "cell": cell.name, "method": cell.method}
        wanted = (cell.case, cell.noise_sd, setting.seed, self.budget.name, __version__)
        same = recipe(method)
        for path in sorted(self.table.path.parent.glob("*.csv")):
            if path == self.table.path:
                continue
            for run in RunTable(path).runs:
                found = (run.truth, run.sigma, run.seed, run.budget, run.version)
                if run.succeeded and run.recipe == same and found == wanted:
                    return replace(run, **names)
        return None

    def _reconstruct(self, cell: Cell, setting: Setting, keep: Keep | None) -> Run:
        problem = setting.case.problem(cell.noise_sd, setting.seed)
        try:
            method = cell.build(setting)
            # Maps are kept of runs that are done, not of copies.
            copy = self._done_elsewhere(cell, setting, method) if keep is None else None
            if copy is not None:
                return copy
            found = ecgi.reconstruct(problem, method)
        except CardiotwinError as error:
            # A failure is a result too; delete its line to try again.
            return self.blank(
                cell, setting.seed, relative_error=math.nan, status=f"failed: {error}"
            )
        score = ecgi.evaluate(
            found.heart_potentials,
            setting.case.truth,
            times_ms=problem.times_ms,
            surface=setting.case.case.human.heart,
        )
        told = {name: float(value) for name, value in found.diagnostics.items()}
        run = self.blank(
            cell,
            setting.seed,
            data_loss=told.pop("data_loss", None),
            physics_loss=told.pop("physics_loss", None),
            details=short(told | _more(score, found)),
            **outcome(found, score),
        )
        if keep is not None:
            keep(cell, run, found, setting)
        return run


def outcome(found: ecgi.Reconstruction, score: ecgi.Metrics) -> dict[str, Any]:
    """Return what the row of every run says: its score, time, settings and status."""
    return {
        "relative_error": score.relative_error,
        "correlation": score.correlation,
        "mse": score.mse,
        "seconds": found.seconds,
        "recipe": recipe(found.method),
        "status": found.status,
    }


def _more(score: ecgi.Metrics, found: ecgi.Reconstruction) -> dict[str, float]:
    names = ("activation_error_ms", "activation_correlation", "earliest_distance_mm")
    more = {name: getattr(score, name) for name in names}
    more["body_residual"] = found.body_residual
    if found.parameter is not None:
        more["parameter"] = float(np.median(found.parameter.value))
    return {name: float(value) for name, value in more.items() if value is not None}


def short(numbers: Mapping[str, float]) -> dict[str, float]:
    """Return the numbers with six digits."""
    return {name: float(f"{value:.6g}") for name, value in numbers.items()}


def recipe(method: object) -> str:
    """Return a fingerprint of a method's settings, the same for every seed and every truth."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if k not in ("seed", "sha256")}
        return [plain(item) for item in value] if isinstance(value, list) else value

    # Functions are described by where they lie in memory, too.
    text = re.sub(" at 0x[0-9a-f]+", "", json.dumps(plain(describe(method)), sort_keys=True))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def spread(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    """Return mean and standard deviation of the numbers that are there, None for too few.

    >>> spread([1.0, 3.0, None]), spread([1.0]), spread([])
    ((2.0, 1.4142135623730951), (1.0, None), (None, None))
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return None, None
    return float(np.mean(known)), float(np.std(known, ddof=1)) if len(known) > 1 else None


COLUMNS = ["truth", "σ", "method"]
NUMBERS = ["RE", "SD", "median RE", "published RE", "CC", "published CC", "MSE", "published MSE"]
NUMBERS += ["seconds", "seeds"]


def rows(runner: Runner, cells: Sequence[Cell]) -> tuple[list[str], list[list[Any]]]:
    """Return the columns and one row a cell: mean and SD over the seeds that have been run."""
    more = list(dict.fromkeys(name for cell in cells for name in cell.columns))
    table = []
    for cell in cells:
        runs = [run for run in runner.runs(cell) if run.succeeded]
        error, deviation = spread([run.relative_error for run in runs])
        beside = cell.published or Published()
        table.append(
            [
                cell.case,
                cell.noise_sd,
                cell.method,
                *(cell.columns.get(name) for name in more),
                error,
                deviation,
                _median([run.relative_error for run in runs]),
                _beside(beside.re),
                spread([run.correlation for run in runs])[0],
                _beside(beside.cc),
                spread([run.mse for run in runs])[0],
                _beside(beside.mse),
                _median([run.seconds for run in runs]),
                len(runs),
            ]
        )
    return [*COLUMNS, *more, *NUMBERS], table


def _beside(number: tuple[float, float | None] | None) -> str | None:
    if number is None:
        return None
    mean, deviation = number
    return f"{mean:.4f}" if deviation is None else f"{mean:.4f} ± {deviation:.4f}"


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def notes(runner: Runner, cells: Sequence[Cell]) -> list[str]:
    """Say what must stand beside the table: crimes, seeds, versions, failures, what is missing."""
    return [
        "A simulated beat. Rows of the case 'matched' are an inverse crime: the operator and the "
        "tissue model that made the data invert them, as in the paper.",
        *_about_runs(runner, cells),
    ]


def _about_runs(runner: Runner, cells: Sequence[Cell]) -> Iterator[str]:
    found = [runner.runs(cell) for cell in cells]
    counts = [len(runs) for runs in found]
    few, many = min(counts, default=0), max(counts, default=0)
    seeds = f"{few}" if few == many else f"{few} to {many}"
    yield (
        f"Mean ± SD over {seeds} seeds a cell (each its own noise and its own start); budget "
        f"'{runner.budget.name}'. Seconds: median wall-clock time of a run, as the machine was."
    )
    if few < runner.n_seeds:
        empty = sum(count < runner.n_seeds for count in counts)
        yield f"{empty} of {len(cells)} cells have fewer than the {runner.n_seeds} seeds wanted."
    flat = [run for runs in found for run in runs]
    versions = sorted({run.version for run in flat if run.version != __version__})
    if versions:
        yield (
            f"{sum(run.version in versions for run in flat)} runs are by version "
            f"{', '.join(version or 'unknown' for version in versions)}; this is {__version__}."
        )
    mixed = sum(len({run.recipe for run in runs}) > 1 for runs in found)
    if mixed:
        yield f"{mixed} cells mix runs of different settings: see the column 'recipe' of the file."
    failed = [run for run in flat if not run.succeeded and run.status.startswith("failed")]
    if failed:
        yield f"{len(failed)} runs failed, for instance {failed[0].cell}: {failed[0].status}"
