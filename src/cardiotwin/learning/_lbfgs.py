"""L-BFGS with a line search, for batches that stay the same."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import optax

from .._checks import check_count
from ._objective import Problem
from ._optimizer import Advance


@dataclass(frozen=True)
class LBFGS:
    """Follow limited-memory BFGS directions with a zoom line search (strong Wolfe conditions).

    The curvature is learned from differences of gradients, so they must be of the same loss: the
    training draws one batch and keeps it (draw the full data), and weights should be fixed.

    Args:
        memory: pairs of differences kept.
        line_search_steps: most evaluations of loss and gradient in one line search.

    Raises:
        InputError: a setting out of range.

    Source: Nocedal and Wright, Numerical Optimization (2006), algorithms 7.4, 3.5 and 3.6. The
    computation is optax's.

    >>> LBFGS(memory=20).line_search_steps
    20
    """

    memory: int = 10
    line_search_steps: int = 20

    one_batch = True

    def __post_init__(self):
        check_count(self.memory, "memory")
        check_count(self.line_search_steps, "line_search_steps")

    def init(self, parameters: Any) -> Any:
        """Return an empty memory."""
        return self._transformation().init(parameters)

    def step(self, problem: Problem, parameters: Any, state: Any, batch: Any, step: Any) -> Advance:
        """Take one step with its line search."""
        # Evaluated anew rather than taken from the line search, which keeps no single parts and
        # does not know when the weights have changed.
        total, parts, gradient = problem.gradient(parameters, batch)
        update, state = self._transformation().update(
            gradient,
            state,
            parameters,
            value=total,
            grad=gradient,
            value_fn=lambda p: problem.loss(p, batch)[0],
        )
        length = jnp.asarray(state[-1].learning_rate)
        return Advance(optax.apply_updates(parameters, update), state, parts, {"step_size": length})

    def _transformation(self) -> Any:
        search = optax.scale_by_zoom_linesearch(
            max_linesearch_steps=self.line_search_steps, initial_guess_strategy="one"
        )
        return optax.lbfgs(memory_size=self.memory, linesearch=search)
