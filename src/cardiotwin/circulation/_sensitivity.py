"""Derivatives of a steady state in every parameter, by the implicit function theorem."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Float

from .._checks import check_choice
from ._circulation import Circuit, Circulation
from ._groups import SLOPE_LANES, in_groups
from ._indices import Indices, indices
from ._integrate import Trace, prepare, trace_beat
from ._lvad import Lvad, Pump
from ._parameters import PARAMETERS
from ._periodic import attach, begin, period_residual, polish, search_coarse, search_fine
from ._stage import State
from ._steady_state import (
    COARSE_STEPS,
    N_COARSE,
    CycleSolver,
    find_beats,
    status_of,
    together,
)

PUMP_SPEED = "speed_rpm"
"""Name of the pump's speed among the parameters to differentiate in."""


@dataclass(frozen=True, eq=False)
class Sensitivities:
    """The indices of a steady state and their derivatives.

    Attributes:
        names: parameters, in the order of the last axis.
        indices: of the shape of the batch.
        derivatives: of the shape of the batch, then the parameters; per unit of the parameter.
    """

    names: tuple[str, ...]
    indices: Indices
    derivatives: Indices


def sensitivities(
    circulation: Circulation,
    names: Sequence[str] = ("stressed_volume_ml", "emax", "emin", "systemic_resistance"),
    lvad: Lvad | None = None,
    *,
    solver: CycleSolver | None = None,
) -> Sensitivities:
    """Return the derivative of every clinical index in the parameters named.

    dy*/dθ = (I − ∂P/∂y)⁻¹ ∂P/∂θ for the fixed point y* = P(y*, θ) of the cycle map, then the chain
    rule along one beat: exact for the discretized circuit, also where valves switch.

    Args:
        circulation: one patient or a batch.
        names: parameters of `Circulation`; ``"speed_rpm"`` is that of the pump.
        lvad: a pump.
        solver: steps and tolerance.

    Raises:
        InputError: no such parameter.
        NumericsError: a patient has no periodic beat.

    >>> found = sensitivities(Circulation(), ["v0_ml"])
    >>> round(float(found.derivatives.edv_ml[0]), 6)
    1.0
    """
    solver = CycleSolver() if solver is None else solver
    allowed = [*PARAMETERS] if lvad is None else [*PARAMETERS, PUMP_SPEED]
    for name in names:
        check_choice(name, "names", allowed)
    circulation, lvad = together(circulation, lvad)
    pump = None if lvad is None else lvad.pump()

    beats = find_beats(circulation, lvad, solver, keep_waveforms=False)
    shape, chosen = circulation.shape, [allowed.index(name) for name in names]
    status_of(beats, solver, shape, "sensitivities")

    def solve(start: Any, own: Circuit, own_pump: Pump | None) -> tuple[Indices, Indices]:
        return _jacobian(start, own, own_pump, solver.steps)

    found, slopes = in_groups(solve, beats.start, circulation.circuit(), pump, sizes=SLOPE_LANES)
    return Sensitivities(
        names=tuple(names),
        indices=found.map(lambda own: own.reshape(shape)),
        derivatives=slopes.map(lambda own: own[:, chosen].reshape(*shape, len(names))),
    )


def find_start(
    circuit: Circuit, pump: Pump | None, steps: int, tolerance: Any, max_beats: int = 30
) -> State:
    """Return the state at which the periodic beat begins; for use inside compiled code."""
    coarse = search_coarse(circuit, pump, COARSE_STEPS, N_COARSE)
    search, _ = search_fine(
        begin(coarse.point + coarse.step, coarse.inverse),
        circuit,
        pump,
        steps,
        10 * tolerance,
        max_beats,
        enough=1.0,
    )
    return polish(search, circuit)


def differentiable_beat(
    circuit: Circuit, pump: Pump | None, steps: int, tolerance: Any, max_beats: int = 30
) -> tuple[Trace, Float[Any, "..."]]:
    """Return the traced periodic beat with derivatives, and its period residual.

    For use inside compiled code in double precision: the search is not differentiated, one Newton
    step after it is.
    """
    fixed, held = lax.stop_gradient(circuit), lax.stop_gradient(pump)
    found = find_start(fixed, held, steps, tolerance, max_beats)
    return _beat_from(lax.stop_gradient(found), circuit, pump, steps)


def _beat_from(
    found: State, circuit: Circuit, pump: Pump | None, steps: int
) -> tuple[Trace, Float[Any, "..."]]:
    start = attach(found, circuit, pump, steps)
    end, trace = trace_beat(start, circuit, prepare(circuit, steps), pump)
    return trace, lax.stop_gradient(period_residual(start, end, circuit))


@partial(jax.jit, static_argnames=("steps",))
def _jacobian(
    start: Any, circuit: Circuit, pump: Pump | None, steps: int
) -> tuple[Indices, Indices]:
    """Return indices and derivatives (n_lanes, n_parameters), for all parameters.

    For all, because compiling for some takes longer than computing the others.
    """

    def solve(values: Circuit, speed: Any) -> Indices:
        turning = None if pump is None else pump._replace(speed=speed)
        trace, _ = _beat_from(tuple(start.T), values, turning, steps)
        return indices(trace, values)

    speed = jnp.zeros_like(circuit.period_s) if pump is None else pump.speed
    values = jax.tree.map(jnp.asarray, (circuit, speed))
    leaves, structure = jax.tree.flatten(values)
    n = len(leaves) - (pump is None)
    ones = [jnp.eye(n)[k][:, None] * jnp.ones_like(leaf) for k, leaf in enumerate(leaves[:n])]
    if pump is None:
        ones.append(jnp.zeros((n, *speed.shape)))
    found, along = jax.linearize(solve, *values)
    return found, jax.vmap(along, out_axes=-1)(*jax.tree.unflatten(structure, ones))
