"""What comes in from outside: checks, and arrays apart from settings."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import check_count
from .._errors import InputError
from ._block import Inputs, Recipe


def read_seeds(seed: int | Sequence[int], n_runs: int | None) -> list[int]:
    """Return one seed a run."""
    if isinstance(seed, (int, np.integer)):
        first = check_count(seed, "seed", at_least=0)
        many = 1 if n_runs is None else check_count(n_runs, "n_runs")
        return [first + i for i in range(many)]
    if n_runs is None or len(seed) != n_runs:
        raise InputError(
            "seed",
            found=f"{len(seed)} seeds",
            expected="one seed"
            if n_runs is None
            else f"one seed, or one for each of {n_runs} runs",
            advice="Say with n_runs= how many runs the parameters hold." if n_runs is None else "",
        )
    return [check_count(one, "seed", at_least=0) for one in seed]


def partition_parameters(parameters: Any, n_runs: int | None) -> tuple[Any, Any, Any]:
    """Return the trained arrays, the other arrays, and everything else."""
    parameters = jax.tree.map(
        lambda leaf: jnp.asarray(leaf) if isinstance(leaf, (np.ndarray, np.generic)) else leaf,
        parameters,
    )
    trained, rest = eqx.partition(parameters, eqx.is_inexact_array)
    kept, static = eqx.partition(rest, eqx.is_array)
    if not jax.tree.leaves(trained):
        raise InputError(
            "parameters",
            found="no array of real numbers",
            expected="a pytree with arrays to train",
            advice="Python numbers are settings; wrap them in jnp.array to train them.",
        )
    if n_runs is not None:
        for path, leaf in jax.tree_util.tree_leaves_with_path((trained, kept)):
            if leaf.ndim == 0 or leaf.shape[0] != n_runs:
                raise InputError(
                    f"parameters{jax.tree_util.keystr(path[1:])}",
                    found=f"shape {leaf.shape}",
                    expected=f"a leading axis of {n_runs} runs",
                    advice="Make the runs with jax.vmap or eqx.filter_vmap over their keys.",
                )
    return trained, kept, static


def partition_objective(objective: Any) -> tuple[Any, Any]:
    """Return the arrays of the objective and everything else."""
    for method in ("draw", "residuals"):
        if not callable(getattr(objective, method, None)):
            raise InputError(
                "objective",
                found=f"{type(objective).__name__} without {method}()",
                expected="an object with draw(key) and residuals(parameters, batch)",
            )
    if not jax.tree_util.all_leaves([objective]):
        objective = jax.tree.map(
            lambda leaf: jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, objective
        )
    return eqx.partition(objective, eqx.is_array)


def names_of_parts(recipe: Recipe, inputs: Inputs, trained: Any) -> tuple[str, ...]:
    """Return the names of the parts, after a look at what the objective returns."""
    objective = eqx.combine(inputs.objective, recipe.objective)

    def look(parameters: Any, model: Any, key: Any) -> Any:
        whole = eqx.combine(parameters, model, recipe.model)
        return objective.residuals(whole, objective.draw(key))

    arguments = (trained, inputs.model, inputs.keys)
    parts = jax.eval_shape(jax.vmap(look) if recipe.many else look, *arguments)
    if not isinstance(parts, dict) or not parts or not all(isinstance(n, str) for n in parts):
        raise InputError(
            "objective.residuals", found=type(parts).__name__, expected="a dictionary of parts"
        )
    for name, part in parts.items():
        real = hasattr(part, "dtype") and jnp.issubdtype(part.dtype, jnp.floating)
        if not real or name == "total":
            raise InputError(
                f"objective.residuals[{name!r}]",
                found="the reserved name" if real else str(getattr(part, "dtype", type(part))),
                expected="another name" if real else "an array of real numbers",
            )
    return tuple(parts)


def cut_and_batch(recipe: Recipe, inputs: Inputs) -> tuple[Any, Any]:
    """Return how the objective cuts a batch (None if it cannot) and the shapes of a batch."""
    objective = eqx.combine(inputs.objective, recipe.objective)
    return getattr(objective, "split", None), jax.eval_shape(objective.draw, inputs.keys)
