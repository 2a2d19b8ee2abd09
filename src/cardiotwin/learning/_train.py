"""The training loop: compiled blocks of steps, with everything a long run needs around them."""

import json
import math
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import check_count, check_number
from .._files import atomic_path
from .._types import PathLike
from . import _checkpoint as checkpoints
from ._block import Inputs, Recipe, Run, compiled_block, start_run
from ._borders import (
    cut_and_batch,
    names_of_parts,
    partition_objective,
    partition_parameters,
    read_seeds,
)
from ._display import make_display
from ._objective import Objective
from ._optimizer import Optimizer, settle
from ._sharing import mesh_for, on_all, on_first
from ._stopping import EarlyStop, KeepBest, seconds_left
from ._weights import FixedWeights, Weighting

Callback = Callable[[int, dict[str, Any], Any], Any]
SECONDS_BETWEEN_CHECKPOINTS = 30.0


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """Trained parameters and how they came about.

    Attributes:
        parameters: like the ones that were given, trained; JAX arrays.
        history: by name an array (n_steps,) or (n_steps, n_runs): every part's loss before the
            step, ``total`` (weighted), ``weight_<part>``, and the optimizer's own numbers.
        step: steps done.
        stopped: why the training ended, as a sentence.
        seconds: wall-clock time of all steps, earlier parts of a resumed training included.
        seconds_compiling: wall-clock time spent compiling, not included in ``seconds``.
        settings: plain description of what was trained and how, ready for JSON.
    """

    parameters: Any
    history: dict[str, np.ndarray]
    step: int
    stopped: str
    seconds: float
    seconds_compiling: float
    settings: dict[str, Any]


def train(
    objective: Objective,
    parameters: Any,
    optimizer: Optimizer,
    *,
    steps: int,
    seed: int | Sequence[int],
    weights: Mapping[str, float] | Weighting | None = None,
    n_runs: int | None = None,
    callbacks: Sequence[Callback] = (),
    log: PathLike | None = None,
    checkpoint: PathLike | None = None,
    budget_s: float | None = None,
    stop: EarlyStop | None = None,
    keep_best: KeepBest | None = None,
    report_every: int = 50,
    quiet: bool = False,
    label: str = "training",
) -> TrainingResult:
    """Minimize Σ_name weight_name · L_name(parameters) over random batches.

    Batches are drawn inside the compiled code, from the seed folded with the step number: batch
    k is the same however the training is cut into parts. Precision follows the parameters; call
    inside ``jax.enable_x64(True)`` for float64. The same seed gives the same bits on a CPU.

    Ctrl-C ends the training after the running block, with checkpoint and result as if it had
    ended by itself; a second Ctrl-C raises KeyboardInterrupt at once. (Only the main thread can
    take note of Ctrl-C.) A loss that is not finite ends the training too, and the result holds the
    last parameters whose loss was finite; with many runs the others go on.

    Args:
        objective: residuals in named parts.
        parameters: any pytree; its real arrays are trained, everything else (functions,
            settings, integer arrays of an equinox module) is handed through.
        optimizer: `Adam`, `SOAP`, `LBFGS`, `LevenbergMarquardt`.
        steps: steps in all, earlier parts of a resumed training included.
        seed: of the batches; with ``n_runs`` run i has seed + i, or give one seed a run.
        weights: by name of a part (1 where none is given), or a strategy.
        n_runs: number of runs side by side; every array of ``parameters`` then has a leading
            axis of that length, and so have the results.
        callbacks: called after every block with (step, losses, parameters); a callback that
            returns a sentence ends the training with it.
        log: JSONL file, one row a block: step, seconds, mean losses over the block.
        checkpoint: folder; where it holds an unfinished part of this training, that is resumed,
            and the numbers are those of an uninterrupted training, bit for bit on a CPU.
        budget_s: wall-clock seconds for this call, compiling included.
        stop: when to end early.
        keep_best: return the best instead of the last parameters.
        report_every: steps a block, between two looks from outside.
        quiet: show no progress.
        label: what the progress display calls it.

    Returns:
        The trained parameters and their history.

    Raises:
        InputError: settings out of range, parts or runs that do not fit, a checkpoint of
            something else.
        FileFormatError: a damaged checkpoint.

    >>> import jax.numpy as jnp
    >>> from cardiotwin.learning import Adam, train
    >>> class Line:
    ...     def draw(self, key):
    ...         return jax.random.uniform(key, (32,))
    ...     def residuals(self, parameters, x):
    ...         return {"data": (parameters["slope"] * x - 3.0 * x) / jnp.sqrt(x.size)}
    >>> found = train(Line(), {"slope": jnp.array(0.0)}, Adam(0.05), steps=300, seed=0, quiet=True)
    >>> round(float(found.parameters["slope"]), 2)
    3.0
    """
    begun = time.perf_counter()
    steps = check_count(steps, "steps")
    report_every = min(check_count(report_every, "report_every"), steps)
    budget = math.inf if budget_s is None else check_number(budget_s, "budget_s", above=0)
    seeds = read_seeds(seed, n_runs)
    trained, kept, static = partition_parameters(parameters, n_runs)
    arrays, objective_static = partition_objective(objective)
    weighting = weights if isinstance(weights, Weighting) else FixedWeights(dict(weights or {}))
    optimizer = settle(optimizer, steps)
    recipe = Recipe(
        objective_static, static, optimizer, weighting, keep_best, n_runs is not None, report_every
    )
    keys = jax.vmap(jax.random.key)(jnp.asarray(seeds, jnp.uint32))
    inputs = Inputs(arrays, kept, keys if n_runs is not None else keys[0])
    names = names_of_parts(recipe, inputs, trained)
    for watcher in (stop, keep_best):
        if watcher is not None:
            watcher.check_names(names)
    mesh = None if recipe.many else mesh_for(*cut_and_batch(recipe, inputs))
    recipe, inputs = recipe._replace(mesh=mesh), on_all(mesh, inputs)
    run = on_all(mesh, start_run(recipe, trained, weighting.initial(names)))
    settings = checkpoints.describe_recipe(
        parameters=checkpoints.shapes_of(run.parameters),
        optimizer=optimizer,
        weights=weighting,
        objective=[type(objective).__qualname__, objective],
        keep_best=keep_best,
        seed=seeds,
        n_runs=n_runs,
        **({} if mesh is None else {"devices": mesh.size}),
    )
    step, seconds, blocks = 0, 0.0, []
    if checkpoint is not None:
        saved = checkpoints.begin(checkpoint, settings)
        if saved is not None:
            run = on_all(mesh, checkpoints.unpack(run, saved, checkpoint))
            step, seconds = int(saved["step"]), float(saved["seconds"])
            prefix = "history_"
            blocks = [{k.removeprefix(prefix): v for k, v in saved.items() if k.startswith(prefix)}]
    if log is not None:
        start_log(Path(log), step)

    def save() -> None:
        if checkpoint is not None:
            history = {f"history_{k}": v for k, v in joined(blocks).items()}
            counters = {"step": step, "seconds": seconds}
            checkpoints.save(checkpoint, {**checkpoints.pack(run), **history, **counters})

    stopped = _why_over(step, steps, run, blocks, stop)
    compiling, last_save = 0.0, time.perf_counter()
    first_step, first_seconds = step, seconds
    with make_display(label, steps, step, quiet) as display, interrupts() as interrupted:
        block: Any = None
        if stopped is None:
            block, compiling = compiled_block(recipe, run, inputs)
        while stopped is None:
            started = time.perf_counter()
            count = min(report_every, steps - step)
            left = budget - (started - begun)
            if step > first_step and math.isfinite(left):
                # The last block is as short as the budget demands.
                count = min(count, int(left * (step - first_step) / (seconds - first_seconds)))
            if left <= 0 or count < 1:
                stopped = f"the budget of {budget:g} s is used up"
                break
            run, rows, done = block(run, inputs, jnp.int32(step), jnp.int32(count))
            done = int(done)
            rows = {name: np.asarray(values)[:done] for name, values in rows.items()}
            seconds += time.perf_counter() - started
            step += done
            blocks.append(rows)
            means = {name: float(np.mean(values)) for name, values in rows.items()}
            remaining = seconds_left(step - first_step, steps - first_step, seconds - first_seconds)
            display.show(step, {name: means[name] for name in names}, remaining)
            if log is not None:
                write_log(Path(log), step, seconds, means)
            stopped = _why_over(step, steps, run, blocks, stop)
            if stopped is None and interrupted.is_set():
                stopped = f"interrupted after step {step}"
            now = on_first(mesh, run.parameters)
            stopped = _call_back(callbacks, step, means, now, kept, static, stopped)
            if stopped or time.perf_counter() - last_save > SECONDS_BETWEEN_CHECKPOINTS:
                save()
                last_save = time.perf_counter()
        save()
    final = run.parameters if keep_best is None else run.best
    return TrainingResult(
        parameters=eqx.combine(on_first(mesh, final), kept, static),
        history=joined(blocks),
        step=step,
        stopped=str(stopped),
        seconds=seconds,
        seconds_compiling=compiling,
        settings={**settings, "steps": steps, "report_every": report_every},
    )


def _why_over(
    step: int, steps: int, run: Run, blocks: list[Any], stop: EarlyStop | None
) -> str | None:
    dead = ~np.asarray(run.alive)
    if dead.all():
        return (
            f"the loss or its gradient was not finite at step {step - 1}; the parameters are the "
            "last good ones. Try a smaller learning rate, a warm-up, or other weights of the parts"
        )
    reason = stop.reason(joined(blocks)) if stop is not None and blocks else None
    if reason is None and step >= steps:
        reason = f"all {steps} steps done"
        if dead.any():
            reason += f"; {dead.sum()} of {dead.size} runs ended early, their loss not finite"
    return reason


def _call_back(
    callbacks: Sequence[Callback],
    step: int,
    losses: dict[str, float],
    trained: Any,
    kept: Any,
    static: Any,
    stopped: str | None,
) -> str | None:
    if not callbacks:
        return stopped
    # Copies: the next block writes over these buffers.
    current = eqx.combine(jax.tree.map(jnp.copy, trained), kept, static)
    for callback in callbacks:
        try:
            wish = callback(step, dict(losses), current)
        except KeyboardInterrupt:
            wish = f"interrupted after step {step}"
        if stopped is None and isinstance(wish, str) and wish:
            stopped = wish
    return stopped


@contextmanager
def interrupts() -> Any:
    """Turn the first Ctrl-C into a flag; a second one interrupts as usual."""
    flag = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: Any) -> None:
        if flag.is_set():
            raise KeyboardInterrupt
        flag.set()

    signal.signal(signal.SIGINT, note)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, before)


def joined(blocks: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the losses of blocks in a row, by name."""
    names = blocks[0] if blocks else {}
    return {name: np.concatenate([block[name] for block in blocks]) for name in names}


def start_log(path: Path, step: int) -> None:
    """Keep the rows up to the step that is resumed from."""
    rows = path.read_text(encoding="utf-8").splitlines() if step and path.exists() else []
    with atomic_path(path) as temporary:
        kept = [row for row in rows if row and json.loads(row)["step"] <= step]
        temporary.write_text("".join(row + "\n" for row in kept), encoding="utf-8")


def write_log(path: Path, step: int, seconds: float, means: dict[str, float]) -> None:
    row = {"step": step, "seconds": round(seconds, 3)}
    row |= {name: value if math.isfinite(value) else None for name, value in means.items()}
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")
