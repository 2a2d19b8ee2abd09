"""Many steps in one compiled loop, as a pure function that can be differentiated and batched."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from .._errors import InputError
from .._types import ArrayLike
from ..geometry import Surface
from ._diffusion import EdgeDiffusion, SurfaceLaplacian, diffusion_matrix
from ._implicit import DensePropagator, SparsePropagator
from ._models import IonicModel
from ._steppers import State, Stepper


class Drive(NamedTuple):
    """Stimuli laid out for the loop: which pattern acts in which step.

    Attributes:
        currents: (n_stimuli, n_nodes) potential per time unit.
        shares: (n_steps, n_stimuli) covered part of each step.
        values: (n_excitations, n_nodes) potential that is set; NaN where none is.
        hits: (n_steps, n_excitations) whether it is set at the end of the step.
    """

    currents: Float[Array | np.ndarray, "n_stimuli n_nodes"]
    shares: Float[Array | np.ndarray, "n_steps n_stimuli"]
    values: Float[Array | np.ndarray, "n_excitations n_nodes"]
    hits: Float[Array | np.ndarray, "n_steps n_excitations"]


def make_diffusion(
    surface: Surface,
    *,
    diffusion: ArrayLike,
    laplacian: SurfaceLaplacian,
    stepper: Stepper,
    step_tu: float,
) -> EdgeDiffusion | DensePropagator | SparsePropagator:
    """Make the diffusion operator that a stepper works with, once a geometry.

    Args:
        surface: nodes in mm.
        diffusion: D in mm² per time unit, a number or one value a node.
        laplacian: `PaperLaplacian()` or `CotangentLaplacian()`.
        stepper: the time stepper.
        step_tu: its step in time units.

    Returns:
        `EdgeDiffusion` for the explicit steppers (its `scaled` and `edge_averaged` give
        gradients with respect to D), a propagator for the implicit one.
    """
    return stepper.prepare(diffusion_matrix(surface, diffusion, laplacian), step_tu)


def make_step(
    stepper: Stepper, diffusion: Any, step_tu: Any
) -> Callable[[IonicModel, State, Any], State]:
    """Make the pure function that carries the tissue over one time step.

    Args:
        stepper: the time stepper.
        diffusion: the operator from `make_diffusion` (a JAX pytree, may be traced).
        step_tu: step in time units.

    Returns:
        ``step(model, state, current) -> state``: pure JAX, made for `jax.jit`, `jax.grad`,
        `jax.vmap` and `jax.lax.scan`. Call it inside ``with jax.enable_x64(True)`` for float64.
    """

    def step(model: IonicModel, state: State, current: Any = 0.0) -> State:
        return stepper.advance(model, diffusion, state, current, step_tu)

    return step


def rollout(
    model: IonicModel,
    diffusion: Any,
    initial: State,
    *,
    stepper: Stepper,
    step_tu: Any,
    n_times: int,
    steps_per_sample: int = 1,
    drive: Drive | None = None,
) -> State:
    """Integrate the tissue and return it at equally spaced instants (pure JAX).

    This is the function that `simulate_beat` compiles. It may be differentiated with respect to
    the initial state, the model's parameters and the diffusion operator, and batched with
    `jax.vmap` over any of them. Reverse mode stores one state a sample and recomputes the steps
    in between (memory 2 · n_times · n_nodes numbers). Precision follows the inputs: enter
    ``jax.enable_x64(True)`` and give float64 arrays.

    Args:
        model: ionic model (a pytree of its parameters).
        diffusion: operator from `make_diffusion`.
        initial: state at the first instant.
        stepper: time stepper; static.
        step_tu: its step.
        n_times: number of instants, the first included; static.
        steps_per_sample: steps between two instants; static.
        drive: stimuli, from `make_drive`.

    Returns:
        State whose arrays are (n_times, n_nodes).

    Raises:
        InputError: the operator works outside JAX (a mesh too large for the dense matrix).

    >>> from cardiotwin.geometry import PaperLaplacian, zoo
    >>> from cardiotwin.tissue import AlievPanfilov, ExplicitHeun
    >>> heart = zoo.sphere(162, radius_mm=30.0)
    >>> with jax.enable_x64(True):
    ...     heun = ExplicitHeun()
    ...     operator = make_diffusion(
    ...         heart, diffusion=10.0, laplacian=PaperLaplacian(), stepper=heun, step_tu=0.05
    ...     )
    ...     def energy(u0):
    ...         start = State(u0, jnp.zeros_like(u0))
    ...         beat = rollout(
    ...             AlievPanfilov(), operator, start, stepper=heun, step_tu=0.05, n_times=5
    ...         )
    ...         return (beat.u**2).sum()
    ...     gradient = jax.grad(energy)(0.5 * jnp.ones(162))
    >>> gradient.shape
    (162,)
    """
    if isinstance(diffusion, SparsePropagator):
        raise InputError(
            "diffusion",
            found="sparse factors, which work step by step outside JAX",
            expected="an operator that JAX can run",
            advice="Use an explicit stepper, or raise ImplicitDiffusion(dense_up_to=...).",
        )
    step = make_step(stepper, diffusion, step_tu)

    def one_step(state: State, inputs: Any) -> tuple[State, None]:
        current = inputs[0] @ drive.currents if drive is not None else 0.0
        state = step(model, state, current)
        if drive is not None and drive.values.shape[0]:
            state = State(set_potentials(state.u, drive.values, inputs[1]), state.v)
        return state, None

    @jax.checkpoint
    def one_sample(state: State, inputs: Any) -> tuple[State, State]:
        state, _ = lax.scan(
            one_step, state, inputs, length=steps_per_sample, unroll=steps_per_sample <= 2
        )
        return state, state

    inputs = None
    if drive is not None:
        shape = (n_times - 1, steps_per_sample)
        inputs = tuple(jnp.reshape(x, (*shape, x.shape[1])) for x in (drive.shares, drive.hits))
    _, samples = lax.scan(one_sample, initial, inputs, length=n_times - 1)
    u, v = (
        jnp.concatenate([start[None], later]) for start, later in zip(initial, samples, strict=True)
    )
    return State(u, v)


def set_potentials(u: Any, values: Any, hits: Any) -> Any:
    """Set potentials where an excitation hits and its value is not NaN (pure JAX)."""
    for index in range(values.shape[0]):
        here = (hits[index] > 0) & ~jnp.isnan(values[index])
        u = jnp.where(here, jnp.nan_to_num(values[index]), u)
    return u


compiled_rollout = partial(jax.jit, static_argnames=("stepper", "n_times", "steps_per_sample"))(
    rollout
)


def rollout_by_steps(
    model: IonicModel,
    diffusion: SparsePropagator,
    initial: State,
    *,
    stepper: Any,
    step_tu: float,
    n_times: int,
    steps_per_sample: int,
    drive: Drive | None,
) -> State:
    """Do what `rollout` does with the solves of diffusion outside JAX, for large meshes."""
    react = _react(stepper)
    u, v = (np.empty((n_times, len(part))) for part in initial)
    u[0], v[0] = state = State(*(np.asarray(part) for part in initial))
    for step in range((n_times - 1) * steps_per_sample):
        current = 0.0 if drive is None else np.asarray(drive.shares[step] @ drive.currents)
        state = react(model, state, current, step_tu)
        state = State(diffusion.propagate(np.asarray(state.u)), state.v)
        if stepper.order == 2:
            state = react(model, state, current, step_tu)
        if drive is not None and np.any(drive.hits[step]):
            state = State(set_potentials(state.u, drive.values, drive.hits[step]), state.v)
        if (step + 1) % steps_per_sample == 0:
            sample = (step + 1) // steps_per_sample
            u[sample], v[sample] = state
    return State(u, v)


@partial(jax.jit, static_argnums=0)
def _react_jit(stepper: Any, model: IonicModel, state: State, current: Any, step_tu: Any) -> State:
    return stepper.react(model, state, current, step_tu)


def _react(stepper: Any) -> Callable[..., State]:
    return partial(_react_jit, stepper.recipe())
