"""The gradient of one number of a steady state in all parameters at once, by reverse mode."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ._circulation import Circuit, Circulation
from ._groups import SLOPE_LANES, in_groups
from ._indices import Indices, indices
from ._integrate import Trace, prepare, stressed_volume, trace_beat
from ._lvad import Lvad, Pump
from ._periodic import bordered, cycle_jacobian, scales
from ._sensitivity import PUMP_SPEED
from ._stage import State
from ._steady_state import CycleSolver, find_beats, status_of, together


@dataclass(frozen=True, eq=False)
class Gradient:
    """A number of each patient's steady beat and its derivatives.

    Attributes:
        value: of the shape of the batch.
        derivatives: parameter → array of the shape of the batch, per unit of the parameter; the
            speed of the pump is ``"speed_rpm"``.
    """

    value: Float[np.ndarray, "*batch"]
    derivatives: Mapping[str, Float[np.ndarray, "*batch"]]


def gradient(
    objective: Callable[[Indices], Any],
    circulation: Circulation,
    lvad: Lvad | None = None,
    *,
    solver: CycleSolver | None = None,
) -> Gradient:
    """Return the gradient of one number of the beat in every parameter, for two or three beats.

    dL/dθ = ∂L/∂θ + wᵀ ∂P/∂θ with (I − ∂P/∂y)ᵀ w = ∂L/∂y for the fixed point y* = P(y*, θ) of the
    cycle map, where ∂L/∂θ and ∂L/∂y are those along one beat.

    Args:
        objective: from the indices to one number per patient, written with `jax.numpy`; it is
            compiled once for each function object, so define it once.
        circulation: one patient or a batch.
        lvad: a pump.
        solver: steps and tolerance.

    Raises:
        InputError: the speeds do not broadcast with the batch.
        NumericsError: a patient has no periodic beat.

    >>> found = gradient(lambda indices: indices.edv_ml, Circulation())
    >>> round(float(found.derivatives["v0_ml"]), 6)
    1.0
    """
    solver = CycleSolver() if solver is None else solver
    circulation, lvad = together(circulation, lvad)
    pump = None if lvad is None else lvad.pump()

    beats = find_beats(circulation, lvad, solver, keep_waveforms=False)
    shape = circulation.shape
    status_of(beats, solver, shape, "gradient")

    def solve(start: Any, own: Circuit, own_pump: Pump | None) -> tuple[Any, Circuit, Any]:
        return _gradient(objective, start, own, own_pump, solver.steps)

    value, slopes, turning = in_groups(
        solve, beats.start, circulation.circuit(), pump, sizes=SLOPE_LANES
    )
    derivatives = slopes._asdict() if pump is None else slopes._asdict() | {PUMP_SPEED: turning}
    return Gradient(
        value=value.reshape(shape),
        derivatives={name: own.reshape(shape) for name, own in derivatives.items()},
    )


@partial(jax.jit, static_argnames=("objective", "steps"))
def _gradient(
    objective: Callable[[Indices], Any],
    start: Any,
    circuit: Circuit,
    pump: Pump | None,
    steps: int,
) -> tuple[Any, Circuit, Any]:
    def number(trace: Trace, own: Circuit) -> Any:
        return objective(indices(trace, own))

    value, (slopes, turning), _ = beat_gradient(number, tuple(start.T), circuit, pump, steps)
    return value, slopes, jnp.zeros_like(value) if turning is None else turning.speed


def beat_gradient(
    objective: Callable[[Trace, Circuit], Any],
    start: State,
    circuit: Circuit,
    pump: Pump | None,
    steps: int,
) -> tuple[Any, tuple[Circuit, Pump | None], Any]:
    """Return a number of each periodic beat, its gradient and the period residual.

    For use inside compiled code in double precision. One beat forward, its Jacobian in the states,
    and the beat twice in reverse: for the states alone, which is cheap, then for the parameters.

    Args:
        objective: from the traced beat and the parameters to one number per patient.
        start: where the periodic beat begins, each (n_lanes,).
        circuit: the parameters (n_lanes,).
        pump: a pump.
        steps: steps a beat.

    Returns:
        values (n_lanes,), gradients in circuit and pump, and period residuals (n_lanes,).
    """
    unit = scales(circuit, len(start))
    point = jnp.stack(start) / unit

    def beat(point: Any, own: Circuit, turning: Pump | None) -> tuple[Any, Trace]:
        end, trace = trace_beat(tuple(point * unit), own, prepare(own, steps), turning)
        return jnp.stack(end) / unit, trace

    (end, trace), back = jax.vjp(beat, point, circuit, pump)
    value, back_of_objective = jax.vjp(objective, trace, circuit)
    of_trace, direct = back_of_objective(jnp.ones_like(value))
    of_point = back((jnp.zeros_like(end), of_trace))[0]
    matrix = bordered(cycle_jacobian(point, circuit, pump, steps), point)
    weights = jnp.linalg.solve(jnp.moveaxis(matrix, (0, 1), (-1, -2)), of_point.T[..., None])
    weights = weights[..., 0].T
    _, own, turning = back((weights, of_trace))

    def lack(own: Circuit) -> Any:
        return (own.stressed_volume_ml - stressed_volume(start, own)) / unit[0]

    _, back_of_lack = jax.vjp(lack, circuit)
    (moved,) = back_of_lack(jnp.sum(weights * point, 0))
    slopes = jax.tree.map(lambda *parts: sum(parts), own, moved, direct)
    return value, (slopes, turning), jnp.max(jnp.abs(end - point), 0)
