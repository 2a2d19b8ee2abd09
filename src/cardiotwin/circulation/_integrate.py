"""One beat of the circuit by an L-stable Runge–Kutta method on a grid that follows the beat."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._circulation import Circuit
from ._elastance import contraction_time, elastance
from ._lvad import Pump
from ._stage import Flows, State, Vessels, make_vessels, solve_stage

GAMMA = 1 - 1 / np.sqrt(2)
"""Diagonal of the method: L-stable, of second order, two stages."""

NODES = np.array([GAMMA, 1.0])
"""Where in a step its stages stand."""

BORDERS = (0.2, 1.0, 1.5)
"""Ends of the parts of a beat over Tmax: valves close, ejection, relaxation; then filling."""

SHARES = (0.2, 0.3, 0.35, 0.15)
"""Share of the steps in each part."""

SHORTEST = 1.6
"""Tc / Tmax below which the borders move together, in proportion."""


class Trace(NamedTuple):
    """What happened during a beat, from inside the integrator.

    Attributes:
        times: (n_steps + 1, …) s.
        states: five or six of (n_steps + 1, …).
        elastance: (n_steps + 1, …) mmHg/mL.
        flows: (n_steps, …) at the ends of the steps.
        weights: (n_steps, 2, …) of the stages in integrals over the beat, s.
        stage_states: five or six of (n_steps, 2, …).
        stage_elastance: (n_steps, 2, …).
        stage_flows: (n_steps, 2, …).
    """

    times: Any
    states: State
    elastance: Any
    flows: Flows
    weights: Any
    stage_states: State
    stage_elastance: Any
    stage_flows: Flows


class Prepared(NamedTuple):
    """What does not change from beat to beat.

    Attributes:
        part: (n_steps,) the part of the beat that a step is in; steps of a part are equal.
        index: (n_steps,) number of the step within its part.
        start: (n_parts, …) when a part begins, s.
        h: (n_parts, …) size of its steps, s.
        elastance: (n_steps, 2, …) at the stages.
        vessels: (n_parts, …) leaves.
    """

    part: Any
    index: Any
    start: Any
    h: Any
    elastance: Any
    vessels: Vessels


def prepare(circuit: Circuit, n_steps: int) -> Prepared:
    """Return grid, elastances and matrices of the vessels: fine where valves move."""
    period = circuit.period_s
    tmax = contraction_time(period)
    squeeze = jnp.minimum(1.0, period / tmax / SHORTEST)
    ends = [border * squeeze * tmax for border in BORDERS] + [period]
    counts = [max(1, round(share * n_steps)) for share in SHARES[:-1]]
    counts.append(max(1, n_steps - sum(counts)))
    start = jnp.stack([jnp.zeros_like(ends[0]), *ends[:-1]])
    h = jnp.stack([(ends[k] - start[k]) / count for k, count in enumerate(counts)])
    part = np.repeat(np.arange(len(counts)), counts)
    index = np.concatenate([np.arange(count) for count in counts])
    steps = _column(index[:, None] + NODES, h)
    times = start[part][:, None] + steps * h[part][:, None]
    return Prepared(
        part=part,
        index=index,
        start=start,
        h=h,
        elastance=elastance(times, period, circuit.emin, circuit.emax),
        vessels=make_vessels(circuit, GAMMA * h),
    )


def _column(numbers: Any, like: Any) -> Any:
    """Return numbers with axes of length one for the axes of a batch."""
    return numbers.reshape(*numbers.shape, *[1] * (like.ndim - 1))


def beat_map(state: State, circuit: Circuit, prepared: Prepared, pump: Pump | None = None) -> State:
    """Return the state one beat later."""
    return _scan(state, circuit, prepared, pump, keep=False)[0]


def trace_beat(
    state: State, circuit: Circuit, prepared: Prepared, pump: Pump | None = None
) -> tuple[State, Trace]:
    """Return the state one beat later and everything in between."""
    end, (stage_states, stage_flows) = _scan(state, circuit, prepared, pump, keep=True)
    first = circuit.emin * jnp.ones_like(state[0])
    part, count = prepared.part, len(prepared.part)
    h = prepared.h[part]
    times = prepared.start[part] + _column(prepared.index + 1, h) * h
    weights = _column(np.array([[1 - GAMMA, GAMMA]]), h) * h[:, None]
    shape = (count, 2, *first.shape)
    return end, Trace(
        times=jnp.concatenate([jnp.zeros_like(times[:1]), times]),
        states=tuple(
            jnp.concatenate([own[None], inner[:, 1]])
            for own, inner in zip(state, stage_states, strict=True)
        ),
        elastance=jnp.concatenate([first[None], prepared.elastance[:, 1]]),
        flows=Flows(*(own[:, 1] for own in stage_flows)),
        weights=jnp.broadcast_to(weights, shape),
        stage_states=stage_states,
        stage_elastance=prepared.elastance,
        stage_flows=stage_flows,
    )


def _scan(
    state: State, circuit: Circuit, prepared: Prepared, pump: Pump | None, keep: bool
) -> tuple[State, Any]:
    """Return the state after all steps and, if asked for, states and flows at all stages."""
    ratio = (1 - GAMMA) / GAMMA

    def body(old: State, at: Any) -> tuple[State, Any]:
        part, index, stiffness = at
        vessels: Vessels = jax.tree.map(lambda leaf: leaf[part], prepared.vessels)
        speeds = (None, None)
        if pump is not None:
            times = prepared.start[part] + (index + _column(NODES, prepared.h)) * prepared.h[part]
            speeds = pump.speed + pump.acceleration * times
        first, first_flows = solve_stage(old, stiffness[0], vessels, circuit, pump, speeds[0])
        middle = tuple(own + ratio * (new - own) for own, new in zip(old, first, strict=True))
        second, second_flows = solve_stage(middle, stiffness[1], vessels, circuit, pump, speeds[1])
        if not keep:
            return second, None
        states = tuple(jnp.stack(pair) for pair in zip(first, second, strict=True))
        flows = Flows(*(jnp.stack(pair) for pair in zip(first_flows, second_flows, strict=True)))
        return second, (states, flows)

    return lax.scan(body, state, (prepared.part, prepared.index, prepared.elastance))


def rest(circuit: Circuit, pump: Pump | None = None) -> State:
    """Return a guess of the state at the start of a contraction, with the right stressed volume.

    Mean flow q, filling and ejection at constant rate and elastance:
    V_ED = (P_LA − Rm q Tc/t_fill)/Emin, V_ES = (P_A + Ra q Tc/t_eject)/Emax, V_ED − V_ES = q Tc,
    P_A = P_LA + Rs q. That is linear in q, as is the stressed volume.
    """
    period, tmax = circuit.period_s, contraction_time(circuit.period_s)
    loss_in = circuit.mitral_resistance * period / jnp.maximum(period - tmax, 0.2 * period)
    loss_out = circuit.aortic_valve_resistance * period / (0.6 * tmax)
    stiffness = 1 / circuit.emin - 1 / circuit.emax
    demand = (
        period + loss_in / circuit.emin + (circuit.systemic_resistance + loss_out) / circuit.emax
    )
    atrial = demand / stiffness
    filled = (atrial - loss_in) / circuit.emin
    arterial = 0.85 * (atrial + circuit.systemic_resistance)
    total = filled + circuit.atrial_compliance * atrial
    total = total + (circuit.arterial_compliance + circuit.aortic_compliance) * arterial
    flow = circuit.stressed_volume_ml / total
    state = (filled * flow, atrial * flow, arterial * flow, arterial * flow, 0.8 * flow)
    return state if pump is None else (*state, 0.8 * flow)


def stressed_volume(state: State, circuit: Circuit) -> Any:
    """Return (V − Vd) + Cr P_LA + Cs P_A + Ca P_Ao, mL."""
    return (
        state[0]
        + circuit.atrial_compliance * state[1]
        + circuit.arterial_compliance * state[2]
        + circuit.aortic_compliance * state[3]
    )
