"""Time steppers: how the state goes from one instant to the next, and how far at most."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np
import scipy.sparse as sp
from jax import Array
from jaxtyping import Float

from .._checks import check_number
from .._errors import InputError
from ._diffusion import EdgeDiffusion, edge_diffusion
from ._models import IonicModel


class State(NamedTuple):
    """The tissue at one instant.

    Attributes:
        u: (n_nodes,) potential.
        v: (n_nodes,) recovery variable or gate.
    """

    u: Float[Array | np.ndarray, "*times n_nodes"]
    v: Float[Array | np.ndarray, "*times n_nodes"]


@runtime_checkable
class Stepper(Protocol):
    """What every time stepper offers.

    ``prepare`` runs once a geometry in NumPy; ``advance`` is pure JAX.
    """

    @property
    def step_tu(self) -> float | None:
        """Step asked for, None for automatic."""
        ...

    def steps_per_sample(
        self, sample_step_tu: float, *, diffusion_rate: float, reaction_rate: float
    ) -> int:
        """Return how many equal steps fill one sample step, or say why the step cannot be used."""
        ...

    def prepare(self, matrix: sp.csr_array, step_tu: float) -> Any:
        """Turn the diffusion matrix into what `advance` needs (a JAX pytree)."""
        ...

    def advance(
        self, model: IonicModel, diffusion: Any, state: State, current: Any, step_tu: Any
    ) -> State:
        """Return the state one step later (pure JAX)."""
        ...

    def recipe(self) -> "Stepper":
        """Return the method without its step: what a compiled program depends on."""
        ...


def right_hand_side(
    model: IonicModel, diffusion: EdgeDiffusion, state: State, current: Any = 0.0
) -> State:
    """Time derivative of the tissue, du/dt = ∇·(D∇u) + reaction + current (pure JAX).

    Args:
        model: ionic model.
        diffusion: the operator ∇·(D∇), from `make_diffusion`.
        state: potentials and recovery variables.
        current: (n_nodes,) stimulus or a number, potential per time unit.

    Returns:
        (du/dt, dv/dt) as a `State`.
    """
    du, dv = model.reaction(state.u, state.v)
    return State(du + diffusion.apply(state.u) + current, dv)


@dataclass(frozen=True)
class _Explicit:
    """The common part of the explicit Runge–Kutta methods: the stability check."""

    step_tu: float | None = None

    order: ClassVar[int]
    stability_interval: ClassVar[float]
    safety: ClassVar[float] = 0.5

    def __post_init__(self):
        if self.step_tu is not None:
            object.__setattr__(self, "step_tu", check_number(self.step_tu, "step_tu", above=0))

    def steps_per_sample(
        self, sample_step_tu: float, *, diffusion_rate: float, reaction_rate: float
    ) -> int:
        """Return the number of steps in a sample step.

        Without a step of its own the method takes the largest one that divides the sample step
        and stays below half the limit (so the front is also accurate).

        Raises:
            InputError: the step is unstable, or does not divide the sample step.
        """
        rate = diffusion_rate + reaction_rate
        limit = self.stability_interval / rate if rate > 0 else float("inf")
        if self.step_tu is None:
            return steps_below(sample_step_tu, self.safety * limit)
        if self.step_tu > limit:
            largest = sample_step_tu / steps_below(sample_step_tu, limit)
            raise InputError(
                "step_tu",
                found=f"{self.step_tu:g} time units",
                expected=f"at most {limit:.4g}, the stability limit of {type(self).__name__} "
                f"({self.stability_interval:g} / ({diffusion_rate:.4g} fastest diffusion rate + "
                f"{reaction_rate:.4g} fastest reaction rate))",
                advice=f"The largest stable step that divides the sample step of "
                f"{sample_step_tu:g} is {largest:.6g}. Short edges or a large D cause the limit: "
                "ImplicitDiffusion has none from diffusion; step_tu=None chooses by itself.",
            )
        return whole_steps(sample_step_tu, self.step_tu)

    def prepare(self, matrix: sp.csr_array, step_tu: float) -> EdgeDiffusion:
        """Return the table of neighbors; the step plays no part."""
        del step_tu
        return edge_diffusion(matrix)

    def recipe(self) -> Any:
        """Return the method without its step: what a compiled program depends on."""
        return replace(self, step_tu=None)


@dataclass(frozen=True)
class ExplicitEuler(_Explicit):
    """Forward Euler, order 1: y + h f(y).

    Args:
        step_tu: time step in time units; None takes the largest that divides the sample step
            and is below half the stability limit.

    >>> ExplicitEuler(0.05).order
    1
    """

    order: ClassVar[int] = 1
    stability_interval: ClassVar[float] = 2.0

    def advance(
        self, model: IonicModel, diffusion: Any, state: State, current: Any, step_tu: Any
    ) -> State:
        """Return the state one step later (pure JAX)."""
        slope = right_hand_side(model, diffusion, state, current)
        return moved(state, slope, step_tu)


@dataclass(frozen=True)
class ExplicitHeun(_Explicit):
    """Heun's method, order 2: y + h/2 (f(y) + f(y + h f(y))).

    Args:
        step_tu: time step in time units; None takes the largest that divides the sample step
            and is below half the stability limit.

    >>> ExplicitHeun().order
    2
    """

    order: ClassVar[int] = 2
    stability_interval: ClassVar[float] = 2.0

    def advance(
        self, model: IonicModel, diffusion: Any, state: State, current: Any, step_tu: Any
    ) -> State:
        """Return the state one step later (pure JAX)."""
        return heun(lambda y: right_hand_side(model, diffusion, y, current), state, step_tu)


@dataclass(frozen=True)
class RungeKutta4(_Explicit):
    """The classical Runge–Kutta method, order 4.

    Args:
        step_tu: time step in time units; None takes the largest that divides the sample step
            and is below half the stability limit.

    >>> RungeKutta4().order
    4
    """

    order: ClassVar[int] = 4
    stability_interval: ClassVar[float] = 2.78

    def advance(
        self, model: IonicModel, diffusion: Any, state: State, current: Any, step_tu: Any
    ) -> State:
        """Return the state one step later (pure JAX)."""
        first = right_hand_side(model, diffusion, state, current)
        second = right_hand_side(model, diffusion, moved(state, first, 0.5 * step_tu), current)
        third = right_hand_side(model, diffusion, moved(state, second, 0.5 * step_tu), current)
        fourth = right_hand_side(model, diffusion, moved(state, third, step_tu), current)
        u, v = (
            y + step_tu / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            for y, k1, k2, k3, k4 in zip(state, first, second, third, fourth, strict=True)
        )
        return State(u, v)


def heun(slope: Callable[[State], State], state: State, step: Any) -> State:
    first = slope(state)
    second = slope(moved(state, first, step))
    return moved(moved(state, first, 0.5 * step), second, 0.5 * step)


def moved(state: State, slope: State, step: Any) -> State:
    return State(state.u + step * slope.u, state.v + step * slope.v)


def steps_below(sample_step_tu: float, limit: float) -> int:
    return max(1, math.ceil(sample_step_tu / limit * (1 - 1e-12)))


def whole_steps(sample_step_tu: float, step_tu: float) -> int:
    # Steps given with a few digits (0.0333) are meant: the exact quotient is used.
    count = round(sample_step_tu / step_tu)
    if count < 1 or abs(count * step_tu - sample_step_tu) > 1e-4 * sample_step_tu:
        near = sample_step_tu / steps_below(sample_step_tu, step_tu)
        raise InputError(
            "step_tu",
            found=f"{step_tu:g} time units",
            expected=f"a step that divides the sample step of {sample_step_tu:g}",
            advice=f"The next smaller one is {near:.6g}.",
        )
    return count
