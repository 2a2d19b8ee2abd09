"""One beat of the circuit by an L-stable Runge–Kutta method on a grid that follows the beat."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._circulation import Circuit
from ._elastance import contraction_time, elastance
from ._lvad import Pump
from ._stage import Flows, Rates, State, Vessels, make_rates, make_vessels, solve_stage

GAMMA = 1 - 1 / np.sqrt(2)
"""Diagonal of the method: L-stable, of second order, two stages."""

NODES = np.array([GAMMA, 1.0])
"""Where in a step its stages stand."""

BORDERS = (0.2, 1.0, 1.5)
"""Ends of the parts of a beat over Tmax: valves close, ejection, relaxation; then filling."""

BLOCKS = (4, 6, 7, 3)
"""Blocks of steps in each part; all have the same number of steps."""

N_BLOCKS = sum(BLOCKS)
"""Number of steps a beat is a multiple of this."""

SHORTEST = 1.6
"""Tc / Tmax below which the borders move together, in proportion."""


class Integrals(NamedTuple):
    """Integrals over the beat, by the weights of the method: conserved flows stay conserved.

    Attributes:
        aortic: of the aortic pressure, mmHg s.
        arterial: of the arterial pressure, mmHg s.
        atrial: of the atrial pressure, mmHg s.
        work: of ventricular pressure times outflow less inflow, mmHg mL.
        mitral_forward: through the mitral valve, mL.
        mitral_back: back through it, mL.
        valve_forward: through the aortic valve, mL.
        valve_back: back through it, mL.
        pump: through the pump, mL.
    """

    aortic: Any
    arterial: Any
    atrial: Any
    work: Any
    mitral_forward: Any
    mitral_back: Any
    valve_forward: Any
    valve_back: Any
    pump: Any


class Trace(NamedTuple):
    """What happened during a beat, from inside the integrator.

    Attributes:
        times: (n_steps + 1, …) s.
        states: five or six of (n_steps + 1, …).
        elastance: (n_steps + 1, …) mmHg/mL.
        flows: (n_steps, …) at the ends of the steps.
        integrals: (…) over the beat.
    """

    times: Any
    states: State
    elastance: Any
    flows: Flows
    integrals: Integrals


class Prepared(NamedTuple):
    """What does not change from beat to beat.

    Attributes:
        start: (n_parts, …) when a part begins, s.
        h: (n_parts, …) size of its steps, s.
        elastance: (n_blocks, n_steps / n_blocks, 2, …) at the stages.
        vessels: (n_parts, …) leaves.
        rates: (…) leaves.
    """

    start: Any
    h: Any
    elastance: Any
    vessels: Vessels
    rates: Rates


# Of 32 bits: compiled code in single precision takes no others, and JAX keeps a constant of a
# module as it first saw it, whatever the precision of the code that asks next.
PART = np.repeat(np.arange(len(BLOCKS), dtype=np.int32), BLOCKS)
"""The part of the beat that a block is in; steps of a part are equal."""

PLACE = np.concatenate([np.arange(count, dtype=np.int32) for count in BLOCKS])
"""Number of a block within its part."""


def prepare(circuit: Circuit, n_steps: int) -> Prepared:
    """Return grid, elastances and matrices of the vessels: fine where valves move.

    Args:
        circuit: the parameters.
        n_steps: at least this many steps a beat.
    """
    period = circuit.period_s
    tmax = contraction_time(period)
    squeeze = jnp.minimum(1.0, period / tmax / SHORTEST)
    ends = [border * squeeze * tmax for border in BORDERS] + [period]
    n_inner = -(-n_steps // N_BLOCKS)
    start = jnp.stack([jnp.zeros_like(ends[0]), *ends[:-1]])
    counts = [count * n_inner for count in BLOCKS]
    h = jnp.stack([(ends[k] - start[k]) / count for k, count in enumerate(counts)])
    times = _times(start, h, np.arange(n_inner)[:, None] + NODES)
    return Prepared(
        start=start,
        h=h,
        elastance=elastance(times, period, circuit.emin, circuit.emax),
        vessels=make_vessels(circuit, GAMMA * h),
        rates=make_rates(circuit),
    )


def _times(start: Any, h: Any, steps: Any) -> Any:
    """Return (n_blocks, *shape of steps, …) instants, steps counted from the start of a block."""
    place = PLACE.reshape(-1, *[1] * steps.ndim) * len(steps) + steps
    return _wide(start[PART], steps.ndim) + _column(place, h[0]) * _wide(h[PART], steps.ndim)


def _wide(rows: Any, n_axes: int) -> Any:
    """Return rows with some axes of length one after the first."""
    return rows.reshape(len(rows), *[1] * n_axes, *rows.shape[1:])


def _column(numbers: Any, like: Any) -> Any:
    """Return numbers with axes of length one for the axes of a batch, which are those of `like`."""
    return numbers.reshape(*numbers.shape, *[1] * like.ndim)


def beat_map(state: State, prepared: Prepared, pump: Pump | None = None) -> State:
    """Return the state one beat later."""
    return _scan(state, prepared, pump, keep=False)[0]


def trace_beat(
    state: State, circuit: Circuit, prepared: Prepared, pump: Pump | None = None
) -> tuple[State, Trace]:
    """Return the state one beat later and everything in between."""
    end, integrals, rows = _scan(state, prepared, pump, keep=True)
    # (n_blocks, n_inner, …) becomes (n_steps, …).
    inner, flows, late = jax.tree.map(
        lambda own: own.reshape(-1, *own.shape[2:]), (*rows, prepared.elastance[:, :, 1])
    )
    first = circuit.emin * jnp.ones_like(state[0])
    times = _times(prepared.start, prepared.h, 1 + np.arange(prepared.elastance.shape[1]))
    times = times.reshape(late.shape)
    return end, Trace(
        times=jnp.concatenate([jnp.zeros_like(times[:1]), times]),
        states=tuple(
            jnp.concatenate([own[None], later]) for own, later in zip(state, inner, strict=True)
        ),
        elastance=jnp.concatenate([first[None], late]),
        flows=flows,
        integrals=integrals,
    )


def _scan(
    state: State, prepared: Prepared, pump: Pump | None, keep: bool
) -> tuple[State, Integrals, Any]:
    """Return the state after all steps and, if asked for, integrals, states and flows.

    Two scans, one in the other: what steps of a block have in common is then looked up, and in
    reverse mode summed up, once a block.
    """
    ratio = (1 - GAMMA) / GAMMA
    n_inner, rates = prepared.elastance.shape[1], prepared.rates

    def block(carry: tuple[State, Integrals], at: Any) -> Any:
        part, place, stiffnesses = at
        vessels: Vessels = jax.tree.map(lambda leaf: leaf[part], prepared.vessels)
        start, h = prepared.start[part], prepared.h[part]

        def step(carry: tuple[State, Integrals], at: Any) -> Any:
            old, sums = carry
            index, stiffness = at
            speeds = (None, None)
            if pump is not None:
                times = start + (place * n_inner + index + _column(NODES, start)) * h
                speeds = pump.speed + pump.acceleration * times
            first, early = solve_stage(old, stiffness[0], vessels, rates, pump, speeds[0])
            middle = tuple(own + ratio * (new - own) for own, new in zip(old, first, strict=True))
            second, late = solve_stage(middle, stiffness[1], vessels, rates, pump, speeds[1])
            if not keep:
                return (second, sums), None
            # γ h = a of the stage is the weight of the second, (1 − γ) h that of the first.
            one, other = ratio * vessels.a, vessels.a
            sums = jax.tree.map(
                lambda total, before, after: total + one * before + other * after,
                sums,
                _integrands(first, stiffness[0], early),
                _integrands(second, stiffness[1], late),
            )
            return (second, sums), (second, late)

        return lax.scan(step, carry, (np.arange(n_inner), stiffnesses))

    zero = jnp.zeros_like(state[0])
    blocks = (PART, PLACE, prepared.elastance)
    (end, sums), rows = lax.scan(block, (state, Integrals(*[zero] * 9)), blocks)
    return end, sums, rows


def _integrands(state: State, stiffness: Any, flows: Flows) -> Integrals:
    volume, atrial, arterial, aortic = state[:4]
    return Integrals(
        aortic=aortic,
        arterial=arterial,
        atrial=atrial,
        work=stiffness * volume * (flows.aortic_valve + flows.pump - flows.mitral),
        mitral_forward=jnp.maximum(flows.mitral, 0.0),
        mitral_back=jnp.maximum(-flows.mitral, 0.0),
        valve_forward=jnp.maximum(flows.aortic_valve, 0.0),
        valve_back=jnp.maximum(-flows.aortic_valve, 0.0),
        pump=flows.pump + 0.0 * volume,
    )


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
