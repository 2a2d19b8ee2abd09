"""How the parts of a loss are weighted against each other: fixed, or balanced while training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import lax

from .._checks import check_count, check_number
from .._errors import InputError
from ._objective import Problem


@runtime_checkable
class Weighting(Protocol):
    """A frozen, hashable strategy whose state is a dictionary of one number a part."""

    def initial(self, names: tuple[str, ...]) -> dict[str, float]:
        """Return the weights before the first step."""
        ...

    def update(
        self, weights: dict[str, Any], problem: Problem, parameters: Any, batch: Any, step: Any
    ) -> dict[str, Any]:
        """Return the weights for this step (pure JAX)."""
        ...


@dataclass(frozen=True)
class FixedWeights:
    """Give every part a constant weight; parts that are not named have weight 1.

    Args:
        values: weight by name of the part, none negative.

    Raises:
        InputError: a negative weight; when used: a name that no part has.

    >>> FixedWeights({"physics": 0.1}).initial(("data", "physics"))
    {'data': 1.0, 'physics': 0.1}
    """

    values: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self):
        checked = {
            name: check_number(value, f"weights[{name!r}]", at_least=0)
            for name, value in self.values.items()
        }
        object.__setattr__(self, "values", checked)

    def __hash__(self) -> int:
        return hash(tuple(sorted(self.values.items())))

    def initial(self, names: tuple[str, ...]) -> dict[str, float]:
        """Return the constants."""
        unknown = sorted(set(self.values) - set(names))
        if unknown:
            raise InputError(
                "weights",
                found=f"a weight for {unknown[0]!r}",
                expected="names of parts of the loss: " + ", ".join(map(repr, names)),
            )
        return {name: self.values.get(name, 1.0) for name in names}

    def update(
        self, weights: dict[str, Any], problem: Problem, parameters: Any, batch: Any, step: Any
    ) -> dict[str, Any]:
        """Return the weights as they are."""
        return weights


@dataclass(frozen=True)
class GradientNormBalance:
    """Weight the parts so that their gradients are equally long, averaged over time.

    Every ``refresh_every`` steps, ŵ_i = ‖∇L_ref‖ / ‖∇L_i‖ and w_i ← m·w_i + (1−m)·ŵ_i. The
    reference keeps weight 1. A part whose gradient vanishes is limited to ``largest``.

    Wang, Teng and Perdikaris divide the largest entry of the reference's gradient by the mean
    absolute entry of the other's; we take Euclidean norms of both, which makes
    the weighted gradients equally long and does not depend on one extreme weight.

    Args:
        reference: part whose weight is 1; the first part where None.
        memory: m of the exponential average; 0 for none.
        refresh_every: steps between two measurements (each costs one gradient a part).
        largest: bound of every weight, its inverse too.

    Raises:
        InputError: a setting out of range; when used: a reference that no part has.

    Source: Wang, Teng, Perdikaris, SIAM J Sci Comput 2021;43:A3055, algorithm 1.

    >>> GradientNormBalance(reference="data").initial(("data", "physics"))
    {'data': 1.0, 'physics': 1.0}
    """

    reference: str | None = None
    memory: float = 0.9
    refresh_every: int = 50
    largest: float = 1e6

    def __post_init__(self):
        check_number(self.memory, "memory", at_least=0, below=1)
        check_count(self.refresh_every, "refresh_every")
        check_number(self.largest, "largest", above=1)

    def initial(self, names: tuple[str, ...]) -> dict[str, float]:
        """Return ones."""
        if self.reference is not None and self.reference not in names:
            raise InputError(
                "reference",
                found=repr(self.reference),
                expected="a part of the loss: " + ", ".join(map(repr, names)),
            )
        return dict.fromkeys(names, 1.0)

    def update(
        self, weights: dict[str, Any], problem: Problem, parameters: Any, batch: Any, step: Any
    ) -> dict[str, Any]:
        """Return the averaged weights, measured anew where the step is due."""

        def measure(weights: dict[str, Any]) -> dict[str, Any]:
            norms = gradient_norms(problem, parameters, batch)
            reference = norms[self.reference or next(iter(norms))]
            tiny = jnp.finfo(reference.dtype).tiny
            # The first measurement replaces the ones: they mean nothing.
            memory = jnp.where(step == 0, 0.0, self.memory).astype(reference.dtype)
            return {
                name: memory * weights[name]
                + (1 - memory)
                * jnp.clip(reference / jnp.maximum(norm, tiny), 1 / self.largest, self.largest)
                for name, norm in norms.items()
            }

        # The step number is the same for all runs, so this stays a branch under vmap.
        return lax.cond(step % self.refresh_every == 0, measure, lambda same: same, weights)


def gradient_norms(problem: Problem, parameters: Any, batch: Any) -> dict[str, Any]:
    """Return ‖∇L_name‖ of every unweighted part, by one forward pass and one backward a part."""
    parts, pull_back = jax.vjp(lambda p: problem.parts(p, batch), parameters)
    norms = {}
    for name in parts:
        seed = {other: jnp.full_like(part, other == name) for other, part in parts.items()}
        leaves = jax.tree.leaves(pull_back(seed)[0])
        norms[name] = jnp.sqrt(jnp.stack([jnp.vdot(leaf, leaf) for leaf in leaves]).sum())
    return norms
