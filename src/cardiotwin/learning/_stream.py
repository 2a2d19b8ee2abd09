"""Training on batches that come from outside: too much data for the memory, or made on the way."""

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import check_count, check_number
from .._errors import InputError, NumericsError
from .._types import PathLike
from . import _checkpoint as checkpoints
from ._borders import partition_parameters
from ._display import make_display
from ._objective import Problem
from ._optimizer import Advance, Optimizer, settle
from ._stopping import seconds_left
from ._train import SECONDS_BETWEEN_CHECKPOINTS, interrupts, joined, start_log, write_log

Losses = Callable[[Any, Any, Any], dict[str, Any]]
"""``losses(parameters, batch, key)``: parts by name whose sum is made small, pure JAX."""


@dataclass(frozen=True, eq=False)
class StreamResult:
    """What a training on a stream gave.

    Attributes:
        parameters: the running average at the best validation, or at the end without one.
        history: by name of a part (n_steps,) losses before each step.
        validation: rows (step, numbers by name) of every validation.
        best_step: steps behind the parameters that are returned.
        step: steps done.
        stopped: why the training ended, as a sentence.
        seconds: wall-clock time of all steps, those of earlier parts included.
        settings: plain description of what was trained and how, ready for JSON.
    """

    parameters: Any
    history: dict[str, np.ndarray]
    validation: list[tuple[int, dict[str, float]]]
    best_step: int
    step: int
    stopped: str
    seconds: float
    settings: dict[str, Any]


class _State(NamedTuple):
    """What a step changes: trained arrays, their running average, its best, the optimizer's."""

    trained: Any
    mean: Any
    best: Any
    optimizer: Any


class _Progress:
    """How far a training is and what it has seen."""

    def __init__(self) -> None:
        self.step, self.best_step, self.seconds = 0, 0, 0.0
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.losses: list[dict[str, np.ndarray]] = []

    def note(self, parts: list[dict[str, Any]]) -> dict[str, float]:
        """Keep the losses of some steps and return their means."""
        if not parts:
            return {}
        found = {name: np.array([float(p[name]) for p in parts]) for name in parts[0]}
        for name, values in found.items():
            if not np.isfinite(values).all():
                raise NumericsError(
                    f"The loss {name} is not finite before step {self.step}. Try a smaller "
                    "learning rate, a warm-up, or look for what is wrong in the batches."
                )
        self.losses.append(found)
        return {name: float(values.mean()) for name, values in found.items()}

    def history(self) -> dict[str, np.ndarray]:
        """Return the losses of all steps by name."""
        return joined(self.losses)

    def arrays(self) -> dict[str, Any]:
        """Return all of it for a checkpoint."""
        counters = {"step": self.step, "best_step": self.best_step, "seconds": self.seconds}
        rows = np.frombuffer(json.dumps(self.rows).encode(), np.uint8)
        history = {f"history_{name}": values for name, values in self.history().items()}
        return {**counters, "validation": rows, **history}

    @classmethod
    def read(cls, saved: dict[str, np.ndarray]) -> "_Progress":
        """Return what a checkpoint holds."""
        found, prefix = cls(), "history_"
        found.step, found.best_step = int(saved["step"]), int(saved["best_step"])
        found.seconds = float(saved["seconds"])
        rows = json.loads(bytes(saved["validation"]).decode())
        found.rows = [(int(step), numbers) for step, numbers in rows]
        history = {k.removeprefix(prefix): v for k, v in saved.items() if k.startswith(prefix)}
        found.losses = [history] if history else []
        return found


@dataclass(frozen=True, eq=False)
class _Sum(Problem):
    """The sum of the parts, for optimizers that need no more than its gradient.

    Attributes:
        losses: parts of parameters, batch and key.
        static: what is not trained.
        key: of this step.
        largest: norm to which the gradient is shortened.
    """

    losses: Losses = lambda parameters, batch, key: {}
    static: Any = None
    key: Any = None
    largest: float = 1.0

    def gradient(self, parameters: Any, batch: Any) -> tuple[Any, Any, Any]:
        def total(trained: Any) -> tuple[Any, Any]:
            parts = self.losses(eqx.combine(trained, self.static), batch, self.key)
            return jnp.sum(jnp.stack(list(parts.values()))), parts

        (value, parts), slope = jax.value_and_grad(total, has_aux=True)(parameters)
        norm = jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(slope)))
        shorter = jnp.minimum(1.0, self.largest / (norm + 1e-12))
        return value, parts, jax.tree.map(lambda leaf: shorter * leaf, slope)


def train_on_stream(
    losses: Losses,
    parameters: Any,
    optimizer: Optimizer,
    batches: Callable[[int], Any],
    *,
    steps: int,
    seed: int,
    average: float = 0.999,
    largest_gradient: float = 1.0,
    validate: Callable[[Any], dict[str, float]] | None = None,
    validate_every: int = 500,
    select: str | None = None,
    workers: int = 1,
    checkpoint: PathLike | None = None,
    log: PathLike | None = None,
    report_every: int = 20,
    quiet: bool = False,
    label: str = "training",
    recipe: Mapping[str, Any] | None = None,
) -> StreamResult:
    """Minimize the sum of parts over batches that are made or read while the last is trained on.

    Batch k is ``batches(k)`` and nothing else, so that a training that was interrupted goes on
    exactly. Parameters are averaged over the steps, θ̄ ← a θ̄ + (1 − a) θ with a rising to
    ``average``; the average is what is validated and returned. Validation chooses among those
    averages; a test set must have no part in it.

    Args:
        losses: ``losses(parameters, batch, key)``, parts by name; the key is for augmentation.
        parameters: any pytree; its real arrays are trained.
        optimizer: `Adam` or `SOAP`.
        batches: from the number of a step to a batch of arrays, always of the same shapes; called
            in other threads.
        steps: in all, those of earlier parts of a resumed training included.
        seed: of the keys.
        average: a, memory of the running average.
        largest_gradient: gradients with a greater norm are shortened to it.
        validate: from parameters to numbers by name.
        validate_every: steps between two validations.
        select: name of the number that shall be small; needed with ``validate``.
        workers: threads that make batches ahead.
        checkpoint: folder; what it holds of this training is resumed.
        log: JSONL file of steps, losses and validations.
        report_every: steps between two looks at the losses.
        quiet: show no progress.
        label: what the progress display calls it.
        recipe: further settings that a checkpoint must agree in, ready for JSON: what changes the
            batches, for example, which are not looked at.

    Raises:
        InputError: settings out of range, a checkpoint of something else, or a number to select
            by that the validation does not give.
        NumericsError: a loss that is not finite.

    >>> import jax.numpy as jnp
    >>> from cardiotwin.learning import Adam, train_on_stream
    >>> def losses(slope, x, key):
    ...     return {"data": jnp.mean((slope * x - 3.0 * x) ** 2)}
    >>> def batch(step):
    ...     return np.random.default_rng(step).random(8, np.float32)
    >>> found = train_on_stream(
    ...     losses, jnp.array(0.0), Adam(0.05), batch, steps=400, seed=0, average=0.9, quiet=True
    ... )
    >>> round(float(found.parameters), 1)
    3.0
    """
    steps = check_count(steps, "steps")
    average = check_number(average, "average", at_least=0, below=1)
    check_number(largest_gradient, "largest_gradient", above=0)
    if (validate is None) != (select is None):
        raise InputError(
            "select", found=repr(select), expected="the name of a number, with validate only"
        )
    trained, kept, static = partition_parameters(parameters, None)
    rest = eqx.combine(kept, static)
    optimizer = settle(optimizer, steps)
    # Copies, since a step writes over the arrays of the one before.
    again = partial(jax.tree.map, jnp.copy)
    state = _State(again(trained), again(trained), again(trained), optimizer.init(trained))
    settings = checkpoints.describe_recipe(
        parameters=checkpoints.shapes_of(trained),
        optimizer=optimizer,
        losses=losses,
        seed=seed,
        average=average,
        largest_gradient=largest_gradient,
        recipe=dict(recipe or {}),
    )
    progress = _Progress()
    if checkpoint is not None:
        saved = checkpoints.begin(checkpoint, settings)
        if saved is not None:
            state = _State(*checkpoints.unpack(tuple(state), saved, checkpoint))
            progress = _Progress.read(saved)
    if log is not None:
        start_log(Path(log), progress.step)
    advance = _compiled(losses, rest, optimizer, average, largest_gradient)
    root = jax.random.key(seed)

    def save() -> None:
        if checkpoint is not None:
            checkpoints.save(checkpoint, {**checkpoints.pack(tuple(state)), **progress.arrays()})

    def look(state: _State) -> _State:
        if validate is None or select is None:
            return state
        numbers = {k: float(v) for k, v in validate(eqx.combine(state.mean, rest)).items()}
        if select not in numbers:
            raise InputError("select", found=repr(select), expected=f"one of {sorted(numbers)}")
        progress.rows.append((progress.step, numbers))
        if log is not None:
            write_log(Path(log), progress.step, progress.seconds, {"validation": 1.0, **numbers})
        if numbers[select] <= min(row[select] for _, row in progress.rows):
            progress.best_step = progress.step
            return state._replace(best=again(state.mean))
        return state

    first, begun, last_save = progress.step, time.perf_counter(), time.perf_counter()
    earlier, stopped = progress.seconds, f"all {steps} steps done"
    with (
        make_display(label, steps, first, quiet) as display,
        interrupts() as interrupted,
        ThreadPoolExecutor(workers) as pool,
    ):
        ahead = {k: pool.submit(batches, k) for k in range(first, min(first + 2 * workers, steps))}
        pending: list[dict[str, Any]] = []
        while progress.step < steps:
            step = progress.step
            batch = ahead.pop(step).result()
            if step + 2 * workers < steps:
                ahead[step + 2 * workers] = pool.submit(batches, step + 2 * workers)
            state, parts = advance(state, batch, jax.random.fold_in(root, step), jnp.int32(step))
            pending.append(parts)
            progress.step += 1
            progress.seconds = earlier + time.perf_counter() - begun
            due = progress.step % validate_every == 0 or progress.step == steps
            if len(pending) == report_every or due:
                means = progress.note(pending)
                pending = []
                left = seconds_left(
                    progress.step - first, steps - first, progress.seconds - earlier
                )
                display.show(progress.step, means, left)
                if log is not None:
                    write_log(Path(log), progress.step, progress.seconds, means)
                if due:
                    state = look(state)
            if interrupted.is_set():
                stopped = f"interrupted after step {progress.step}"
                break
            if time.perf_counter() - last_save > SECONDS_BETWEEN_CHECKPOINTS:
                save()
                last_save = time.perf_counter()
        for waiting in ahead.values():
            waiting.cancel()
        progress.note(pending)
        save()
    final = state.mean if validate is None or not progress.rows else state.best
    return StreamResult(
        parameters=eqx.combine(final, rest),
        history=progress.history(),
        validation=progress.rows,
        best_step=progress.best_step if progress.rows else progress.step,
        step=progress.step,
        stopped=stopped,
        seconds=progress.seconds,
        settings={**settings, "steps": steps},
    )


def _no_residuals(parameters: Any, batch: Any) -> dict[str, Any]:
    raise InputError(
        "optimizer",
        found="one that needs residuals",
        expected="Adam or SOAP, which need no more than the gradient of a loss",
    )


def _compiled(
    losses: Losses, rest: Any, optimizer: Optimizer, average: float, largest: float
) -> Callable[..., tuple[_State, dict[str, Any]]]:
    """Return one step, compiled."""

    @partial(jax.jit, donate_argnums=0)
    def advance(state: _State, batch: Any, key: Any, step: Any) -> tuple[_State, dict[str, Any]]:
        problem = _Sum(_no_residuals, {}, losses=losses, static=rest, key=key, largest=largest)
        found: Advance = optimizer.step(problem, state.trained, state.optimizer, batch, step)
        # Early on the average would remember the start for too long.
        memory = jnp.minimum(average, (1.0 + step) / (10.0 + step))
        mean = jax.tree.map(
            lambda m, p: (memory * m + (1.0 - memory) * p).astype(p.dtype),
            state.mean,
            found.parameters,
        )
        return _State(found.parameters, mean, state.best, found.state), found.parts

    return advance
