"""What every optimizer offers to the training loop."""

from dataclasses import fields, is_dataclass, replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax

from ._objective import Problem
from ._schedules import Schedule, as_schedule


class Advance(NamedTuple):
    """What one step hands back.

    Attributes:
        parameters: after the step.
        state: of the optimizer, after the step.
        parts: L_name of every part before the step, on the same batch.
        info: further numbers by name, the same names at every step (learning rate, damping).
    """

    parameters: Any
    state: Any
    parts: dict[str, Any]
    info: dict[str, Any]


@runtime_checkable
class Optimizer(Protocol):
    """Frozen, hashable settings; all methods are pure JAX and may be batched over runs.

    An optimizer whose steps build on one another's loss (L-BFGS) has a class attribute
    ``one_batch = True``: the training then draws one batch and keeps it.
    """

    def init(self, parameters: Any) -> Any:
        """Return the state before the first step; its leaves are arrays."""
        ...

    def step(self, problem: Problem, parameters: Any, state: Any, batch: Any, step: Any) -> Advance:
        """Do step number ``step`` (0-based, the same for all runs)."""
        ...


def settle(optimizer: Any, steps: int) -> Any:
    """Return the optimizer with the lengths of its schedules settled for so many steps."""
    if not is_dataclass(optimizer):
        return optimizer
    values = {f.name: getattr(optimizer, f.name) for f in fields(optimizer)}
    open_ended = {k: v.over(steps) for k, v in values.items() if isinstance(v, Schedule)}
    return replace(optimizer, **open_ended)  # type: ignore[type-var]


def learning_rate(value: float | Schedule, step: Any) -> Any:
    """Return the rate of a step from a number or a schedule."""
    return as_schedule(value).rate(step)


def descend(parameters: Any, direction: Any, rate: Any) -> Any:
    """Return parameters − rate · direction, in the precision of the parameters."""
    return jax.tree.map(lambda p, d: p - (rate * d).astype(p.dtype), parameters, direction)
