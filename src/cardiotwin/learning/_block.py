"""The compiled heart of the training: many steps in one call, all runs side by side."""

import time
from collections import OrderedDict
from dataclasses import replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh

from .._errors import InputError
from ._objective import Problem
from ._sharing import on_every_device
from ._stopping import KeepBest
from ._weights import FixedWeights


class Run(NamedTuple):
    """What a run carries from step to step.

    Attributes:
        parameters: trainable arrays.
        optimizer: state of the optimizer.
        weights: weight by part.
        good: the last parameters whose loss was finite.
        alive: False after the first loss that is not finite.
        best: parameters with the lowest loss so far, None where they are not kept.
        best_loss: that loss.
        smooth: exponential average of the loss.
    """

    parameters: Any
    optimizer: Any
    weights: Any
    good: Any
    alive: Any
    best: Any
    best_loss: Any
    smooth: Any


class Recipe(NamedTuple):
    """Everything that decides what is compiled, besides shapes; hashable."""

    objective: Any
    model: Any
    optimizer: Any
    weighting: Any
    keep_best: KeepBest | None
    many: bool
    length: int
    mesh: Mesh | None = None


class Inputs(NamedTuple):
    """Arrays that a block reads: of the objective, of the model (not trained), keys of the runs."""

    objective: Any
    model: Any
    keys: Any


def start_run(recipe: Recipe, parameters: Any, weights: dict[str, float]) -> Run:
    """Return the state before the first step; with many runs every leaf has a leading axis."""

    def one(parameters: Any) -> Run:
        kind = jnp.result_type(*jax.tree.leaves(parameters), jnp.float32)
        best = parameters if recipe.keep_best else None
        loss = jnp.asarray(jnp.inf, kind) if recipe.keep_best else None
        return Run(
            parameters=parameters,
            optimizer=recipe.optimizer.init(parameters),
            weights={name: jnp.asarray(value, kind) for name, value in weights.items()},
            good=parameters,
            alive=jnp.asarray(True),
            best=best,
            best_loss=loss,
            smooth=None if loss is None else jnp.zeros_like(loss),
        )

    run = (jax.vmap(one) if recipe.many else one)(parameters)
    # Own buffers for every leaf: the block gives its inputs' memory to its outputs.
    return jax.tree.map(jnp.copy, run)


def one_step(recipe: Recipe, inputs: Inputs, run: Run, step: Any) -> tuple[Run, dict[str, Any]]:
    """Do one step of one run and report its losses (pure JAX)."""
    objective = eqx.combine(inputs.objective, recipe.objective)

    def residuals(parameters: Any, batch: Any) -> dict[str, Any]:
        return objective.residuals(eqx.combine(parameters, inputs.model, recipe.model), batch)

    draw = 0 if getattr(recipe.optimizer, "one_batch", False) else step
    batch = objective.draw(jax.random.fold_in(inputs.keys, draw))
    split = getattr(objective, "split", None)
    before = Problem(residuals, run.weights, split, recipe.mesh)
    weights = recipe.weighting.update(run.weights, before, run.parameters, batch, step)
    problem = replace(before, weights=weights)
    after = recipe.optimizer.step(problem, run.parameters, run.optimizer, batch, step)
    total = problem.total(after.parts)
    fine = jnp.isfinite(total)
    for leaf in jax.tree.leaves(after.parameters):
        fine &= jnp.all(jnp.isfinite(leaf))
    going = run.alive & fine
    good = _where(run.alive & jnp.isfinite(total), run.parameters, run.good)
    best, best_loss, smooth = run.best, run.best_loss, run.smooth
    if recipe.keep_best is not None:
        memory = recipe.keep_best.memory
        part = recipe.keep_best.part
        loss = (total if part is None else after.parts[part]).astype(smooth.dtype)
        smooth = memory * smooth + (1 - memory) * loss
        level = smooth / (1 - memory ** (step + 1))
        better = going & (level < best_loss)
        best = _where(better, run.parameters, best)
        best_loss = jnp.where(better, level, best_loss)
    alive = run.alive
    report = {**after.parts, "total": total, **after.info}
    report |= {f"weight_{name}": weights[name] for name in after.parts}
    run = Run(
        _where(going, after.parameters, good),
        after.state, weights, good, going, best, best_loss, smooth,
    )  # fmt: skip
    return run, {name: jnp.where(alive, value, jnp.nan) for name, value in report.items()}


def _where(condition: Any, new: Any, old: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)


def _step_of_all(recipe: Recipe) -> Any:
    def step(inputs: Inputs, run: Run, number: Any) -> Any:
        return one_step(recipe, inputs, run, number)

    if not recipe.many:
        return step
    return jax.vmap(step, in_axes=(Inputs(None, 0, 0), 0, None))  # type: ignore[arg-type]


def _block(recipe: Recipe) -> Any:
    """Return the function that does up to ``recipe.length`` steps.

    The number of steps is an argument: short blocks run the very same compiled code as long
    ones, so that a training that was cut anywhere gives the same bits as one in a piece.
    """
    step = _step_of_all(recipe)

    def block(run: Run, inputs: Inputs, start: Any, count: Any) -> Any:
        shapes = jax.eval_shape(step, inputs, run, start)[1]
        rows = {
            name: jnp.full((recipe.length, *s.shape), jnp.nan, s.dtype)
            for name, s in shapes.items()
        }

        def going(carry: Any) -> Any:
            i, run, _ = carry
            return (i < count) & jnp.any(run.alive)

        def body(carry: Any) -> Any:
            i, run, rows = carry
            run, report = step(inputs, run, start + i)
            rows = {name: lax.dynamic_update_index_in_dim(rows[name], report[name], i, 0)
                    for name in rows}  # fmt: skip
            return i + 1, run, rows

        done, run, rows = lax.while_loop(going, body, (jnp.int32(0), run, rows))
        return run, rows, done

    return on_every_device(recipe.mesh, block)


_COMPILED: OrderedDict[Any, Any] = OrderedDict()
_REMEMBERED = 16


def compiled_block(recipe: Recipe, run: Run, inputs: Inputs) -> tuple[Any, float]:
    """Return the compiled block and the seconds that compiling took (0 where it was known)."""
    number = jnp.int32(0)
    leaves, structure = jax.tree.flatten((run, inputs))
    shapes = tuple((leaf.shape, leaf.dtype, leaf.sharding) for leaf in leaves)
    # Fixed weights are data to the compiled code: other values need no other code.
    fixed = isinstance(recipe.weighting, FixedWeights)
    static = recipe._replace(weighting=FixedWeights if fixed else recipe.weighting)
    static = tuple(jax.tree.flatten(part) for part in static)
    key = tuple((tuple(map(_identity, part)), tree) for part, tree in static)
    key = (key, structure, shapes, jax.config.read("jax_enable_x64"))
    try:
        hash(key)
    except TypeError as error:
        raise InputError(
            "objective, parameters or optimizer",
            found=f"a setting that cannot be hashed ({error})",
            expected="frozen, hashable settings; arrays as leaves of a pytree",
            advice="Use tuples instead of lists, and frozen dataclasses.",
        ) from None
    if key in _COMPILED:
        _COMPILED.move_to_end(key)
        return _COMPILED[key], 0.0
    start = time.perf_counter()
    block = jax.jit(_block(recipe), donate_argnums=0)
    _COMPILED[key] = block.lower(run, inputs, number, number).compile()
    while len(_COMPILED) > _REMEMBERED:
        _COMPILED.popitem(last=False)
    return _COMPILED[key], time.perf_counter() - start


def latest_program() -> Any:
    """Return the compiled program of the training that began last, to see what it needs."""
    return next(reversed(_COMPILED.values()))


class _Same:
    """Compare by identity, and keep the object alive so that its identity is not given away."""

    def __init__(self, value: Any):
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value


def _identity(leaf: Any) -> Any:
    return leaf if isinstance(leaf, (str, int, float, bool, type)) else _hashed(leaf)


def _hashed(leaf: Any) -> Any:
    """Frozen settings compare by value, everything else (objectives, functions) by identity."""
    parameters = getattr(type(leaf), "__dataclass_params__", None)
    by_value = parameters is not None and parameters.frozen and parameters.eq
    if by_value:
        try:
            hash(leaf)
        except TypeError:
            return _Same(leaf)
        return leaf
    return _Same(leaf)
