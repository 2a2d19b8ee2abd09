"""What the best run of a cell looked like: one map and one electrogram, in a small file a cell."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from .. import ecgi
from .._files import atomic_path
from ._cells import Cell, Runner, Setting
from ._run_table import Run


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One instant and one node of a run.

    Attributes:
        seed: which run.
        map: (n_nodes,) potentials at the instant of `moment`.
        trace: (n_times,) potentials of the node of `moment`.
    """

    seed: int
    map: Float[np.ndarray, " n_nodes"]
    trace: Float[np.ndarray, " n_times"]


def moment(truth: Float[np.ndarray, "n_nodes n_times"]) -> tuple[int, int]:
    """Return the node and the instant that are shown: chosen from the truth, the same for all.

    The instant is the first at which half of the nodes have been excited; the node is the one that
    three quarters of the nodes precede.
    """
    excited = truth > 0.5
    ever = np.maximum.accumulate(excited, axis=1).mean(axis=0)
    # Where fewer than half are ever excited (short beats), the last instant.
    instant = int(np.argmax(ever >= min(0.5, ever[-1])))
    first = np.where(excited.any(axis=1), excited.argmax(axis=1), truth.shape[1])
    node = int(np.argsort(first, kind="stable")[(3 * int(excited.any(axis=1).sum())) // 4 - 1])
    return node, instant


class Snapshots:
    """Snapshots of the best runs, in a folder beside the run table, or in memory.

    Args:
        runner: whose runs they are.
    """

    def __init__(self, runner: Runner):
        self.runner = runner
        path = runner.table.path
        self.folder = None if path is None else path.with_name(f"{path.stem}-best")
        self._kept: dict[str, Snapshot] = {}

    def keep(self, cell: Cell, run: Run, found: ecgi.Reconstruction, setting: Setting) -> None:
        """Keep a new run if it is the best of its cell so far."""
        errors = [other.relative_error for other in self.runner.runs(cell) if other.succeeded]
        best = min((error for error in errors if error is not None), default=np.inf)
        if run.relative_error is not None and run.relative_error < best:
            self._put(cell, run.seed, found.heart_potentials, setting)

    def best(self, cell: Cell) -> tuple[Run, Snapshot] | None:
        """Return the best run with its snapshot, repeating the run if the snapshot is lost."""
        runs = [run for run in self.runner.runs(cell) if run.succeeded]
        if not runs:
            return None
        run = min(runs, key=lambda run: (run.relative_error, run.seed))
        kept = self._get(cell)
        if kept is None or kept.seed != run.seed:
            budget = self.runner.budget
            setting = Setting(budget.cases[cell.case], cell.noise_sd, run.seed, budget)
            problem = setting.case.problem(cell.noise_sd, run.seed)
            again = ecgi.reconstruct(problem, cell.build(setting))
            kept = self._put(cell, run.seed, again.heart_potentials, setting)
        return run, kept

    def _put(
        self,
        cell: Cell,
        seed: int,
        potentials: Float[np.ndarray, "n_nodes n_times"],
        setting: Setting,
    ) -> Snapshot:
        node, instant = moment(setting.case.truth)
        snapshot = Snapshot(seed, potentials[:, instant], potentials[node])
        self._kept[cell.name] = snapshot
        if self.folder is not None:
            with atomic_path(self._path(cell)) as temporary:
                np.savez_compressed(
                    temporary,
                    seed=seed,
                    map=snapshot.map.astype(np.float32),
                    trace=snapshot.trace.astype(np.float32),
                )
        return snapshot

    def _get(self, cell: Cell) -> Snapshot | None:
        if cell.name in self._kept:
            return self._kept[cell.name]
        if self.folder is None or not self._path(cell).exists():
            return None
        with np.load(self._path(cell), allow_pickle=False) as file:
            return Snapshot(
                int(file["seed"]), file["map"].astype(float), file["trace"].astype(float)
            )

    def _path(self, cell: Cell) -> Path:
        folder = Path() if self.folder is None else self.folder
        plain = cell.name.replace("σ=", "sigma").replace("λ", "lambda")
        return folder / (re.sub(r"[^A-Za-z0-9.]+", "-", plain).strip("-") + ".npz")
