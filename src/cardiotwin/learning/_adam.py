"""Adam, the first-order method to compare with."""

from dataclasses import dataclass
from typing import Any

import jax
import optax

from .._checks import check_number
from ._objective import Problem
from ._optimizer import Advance, learning_rate
from ._schedules import Schedule, as_schedule


@dataclass(frozen=True)
class Adam:
    """Follow the gradient, each weight scaled by its running root mean square.

    m ← b1·m + (1−b1)·g, v ← b2·v + (1−b2)·g², θ ← θ − η·(m̂/(√v̂ + ε) + decay·θ), where m̂ and
    v̂ are m and v without the bias of their start at zero.

    Args:
        learning_rate: η, a number or a schedule.
        b1: memory of the gradient.
        b2: memory of its square.
        epsilon: ε, against division by zero.
        weight_decay: decoupled decay of the weights.

    Raises:
        InputError: a setting out of range.

    Source: Kingma and Ba, ICLR 2015; decoupled decay: Loshchilov and Hutter, ICLR 2019. The
    computation is optax's.

    >>> Adam(learning_rate=1e-3).b1
    0.9
    """

    learning_rate: float | Schedule = 3e-3
    b1: float = 0.9
    b2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self):
        as_schedule(self.learning_rate)
        check_number(self.b1, "b1", at_least=0, below=1)
        check_number(self.b2, "b2", at_least=0, below=1)
        check_number(self.epsilon, "epsilon", above=0)
        check_number(self.weight_decay, "weight_decay", at_least=0)

    def init(self, parameters: Any) -> Any:
        """Return m = v = 0."""
        return self._transformation().init(parameters)

    def step(self, problem: Problem, parameters: Any, state: Any, batch: Any, step: Any) -> Advance:
        """Take one step along the scaled gradient."""
        _, parts, gradient = problem.gradient(parameters, batch)
        direction, state = self._transformation().update(gradient, state, parameters)
        rate = learning_rate(self.learning_rate, step)
        parameters = jax.tree.map(
            lambda p, d: p - (rate * d).astype(p.dtype), parameters, direction
        )
        return Advance(parameters, state, parts, {"learning_rate": rate})

    def _transformation(self) -> optax.GradientTransformation:
        adam = optax.scale_by_adam(self.b1, self.b2, self.epsilon)
        if self.weight_decay == 0:
            return adam
        return optax.chain(adam, optax.add_decayed_weights(self.weight_decay))
