"""Levenberg–Marquardt: Gauss–Newton steps whose damping follows how well they were predicted."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree

from .._checks import check_count, check_number
from ._gauss_newton import DenseNormalEquations, GaussNewtonSolver
from ._objective import Problem
from ._optimizer import Advance


class DampingState(NamedTuple):
    """Relative damping, and the factor by which the next refused step raises it."""

    damping: Any
    growth: Any


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Minimize the model ‖r + Jδ‖² + λ‖δ‖² and adapt λ by the gain ratio.

    (JᵀJ + λI) δ = −Jᵀr with λ = μ · (gᵀJᵀJg / gᵀg), g = Jᵀr: μ is relative to the curvature along
    the gradient and does not depend on units. Gain ratio ϱ = (true fall of the loss) / (fall of
    the model without damping). A step with ϱ > 0 is taken and μ ← μ · max(1/3, 1 − (2ϱ − 1)³);
    otherwise μ is raised by 2, 4, 8, … and the same system is solved again, up to ``tries``
    times; then the weights stay and the next step (with its own batch) goes on from there. Trial
    and model use the same batch.

    Args:
        solver: `DenseNormalEquations()` or `ConjugateGradient(steps=25)`.
        initial_damping: μ of the first step.
        smallest_damping: least μ.
        largest_damping: most μ.
        tries: most solves a step.

    Raises:
        InputError: a setting out of range.

    Source: Nielsen, Damping parameter in Marquardt's method, IMM-REP-1999-05 (the rule for μ);
    Madsen, Nielsen, Tingleff, Methods for non-linear least squares problems (2004), section 3.2.

    >>> LevenbergMarquardt().initial_damping
    0.001
    """

    solver: GaussNewtonSolver = field(default_factory=DenseNormalEquations)
    initial_damping: float = 1e-3
    smallest_damping: float = 1e-12
    largest_damping: float = 1e8
    tries: int = 6

    def __post_init__(self):
        check_number(self.smallest_damping, "smallest_damping", at_least=0)
        check_number(self.largest_damping, "largest_damping", above=self.smallest_damping)
        check_number(
            self.initial_damping,
            "initial_damping",
            at_least=self.smallest_damping,
            at_most=self.largest_damping,
        )
        check_count(self.tries, "tries")

    def init(self, parameters: Any) -> DampingState:
        """Return the damping before the first step."""
        kind = ravel_pytree(parameters)[0].dtype
        return DampingState(jnp.asarray(self.initial_damping, kind), jnp.asarray(2.0, kind))

    def step(
        self, problem: Problem, parameters: Any, state: DampingState, batch: Any, step: Any
    ) -> Advance:
        """Take one step, or stay if no try lowers the loss."""
        flat, unravel = ravel_pytree(parameters)
        system = self.solver.linearize(problem, parameters, batch)
        before = problem.total(system.parts)
        g = system.gradient
        tiny = jnp.finfo(flat.dtype).tiny
        curvature = jnp.vdot(g, system.multiply(g)) / jnp.maximum(jnp.vdot(g, g), tiny)
        curvature = jnp.maximum(curvature, tiny)

        def trying(carry: Any) -> Any:
            count, taken, _, _, _ = carry
            return (count < self.tries) & ~taken

        def attempt(carry: Any) -> Any:
            count, _, weights, state, _ = carry
            damping = state.damping * curvature
            delta = system.solve(damping)
            after = problem.loss(unravel(flat + delta), batch)[0]
            predicted = -jnp.vdot(g, delta) + damping * jnp.vdot(delta, delta)
            gain = (before - after) / jnp.maximum(predicted, tiny)
            # NaN (overflow, a failed factorization) compares false and is refused.
            taken = (gain > 0) & jnp.isfinite(after) & jnp.all(jnp.isfinite(delta))
            shrink = jnp.maximum(1 / 3, 1 - (2 * gain - 1) ** 3)
            damping = jnp.where(taken, state.damping * shrink, state.damping * state.growth)
            damping = jnp.clip(damping, self.smallest_damping, self.largest_damping)
            growth = jnp.where(taken, 2.0, jnp.minimum(2 * state.growth, 1e6))
            state = DampingState(
                damping.astype(state.damping.dtype), growth.astype(state.growth.dtype)
            )
            weights = jnp.where(taken, flat + delta, weights)
            return count + 1, taken, weights, state, jnp.where(taken, gain, 0.0).astype(flat.dtype)

        start = (jnp.int32(0), jnp.asarray(False), flat, state, jnp.zeros((), flat.dtype))
        count, _, weights, new_state, gain = lax.while_loop(trying, attempt, start)
        info = {"damping": state.damping, "gain_ratio": gain, "tries": count.astype(flat.dtype)}
        return Advance(unravel(weights), new_state, system.parts, info)
