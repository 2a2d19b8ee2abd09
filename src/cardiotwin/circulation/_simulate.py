"""Beats in a row: what happens after something has changed."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._checks import check_choice, check_count
from .._errors import InputError
from .._precision import double_precision
from .._provenance import make_provenance
from ._beat import WAVEFORMS, Beat
from ._circulation import Circuit, Circulation
from ._indices import Indices, indices
from ._integrate import prepare, stressed_volume, trace_beat
from ._lvad import Lvad, Pump
from ._parameters import PARAMETERS
from ._periodic import period_residual
from ._speed import N_MINIMA, ConstantSpeed, PumpHistory, SpeedPolicy
from ._steady_state import CycleSolver, steady_state, together, waveforms

TRANSIENT = "transient"
"""Status of a beat that need not repeat itself."""


def simulate(
    circulation: Circulation,
    lvad: Lvad | None = None,
    *,
    beats: int,
    start: Beat | None = None,
    changes: Mapping[str, Any] | None = None,
    speed: SpeedPolicy | None = None,
    steps: int = CycleSolver().steps,
) -> Beat:
    """Return beats in a row, from a state on.

    Args:
        circulation: one patient or a batch.
        lvad: a pump, which starts with its speed; without flow if the start had no pump.
        beats: how many.
        start: where it begins: the end of a beat, or of the last of several; the steady state of
            the same circulation without the pump by default. If its stressed volume is another,
            the difference is given into the left atrium or taken from it.
        changes: parameter → values (…, n_beats), constant during a beat.
        speed: how the pump's speed changes; constant by default.
        steps: steps a beat, rounded up to a multiple of 20.

    Raises:
        InputError: a parameter or shape that does not fit, or a policy without a pump.
        NumericsError: no start was given and there is no steady state.

    >>> weak = simulate(Circulation(emax=1.0), beats=20, start=steady_state(Circulation()))
    >>> weak.indices.systolic_mmhg[[0, -1]].round().tolist()
    [95.0, 94.0]
    """
    check_count(beats, "beats")
    if speed is not None and lvad is None:
        raise InputError("speed", found="a speed policy", expected="a pump (lvad) with it")
    circulation, lvad = together(circulation, lvad)
    shape = circulation.shape
    circuits, table = _circuits(circulation, changes or {}, beats)
    first = _first_state(circulation, lvad, start)
    pump = None if lvad is None else lvad.pump()
    policy = ConstantSpeed() if speed is None else speed
    found = _run(circuits, pump, first, policy, check_count(steps, "steps", at_least=40))

    def shaped(value: Any) -> Any:
        return np.moveaxis(value, 0, 1).reshape(*shape, beats, *value.shape[2:])

    per_beat = lvad
    if lvad is not None:
        per_beat = replace(lvad, speed_rpm=shaped(found.speeds))
    return Beat(
        **{name: shaped(wave) for name, wave in zip(WAVEFORMS, found.waves, strict=True)},
        indices=found.indices.map(shaped),
        period_residual=shaped(found.residual),
        beats=np.broadcast_to(np.arange(1, beats + 1), (*shape, beats)),
        status=np.full((*shape, beats), TRANSIENT),
        circulation=table,
        lvad=per_beat,
        provenance=make_provenance({"verb": "simulate", "steps": steps, "speed": policy}),
    )


class _Row(NamedTuple):
    """Results (n_beats, n_patients, …)."""

    indices: Indices
    residual: Any
    speeds: Any
    waves: tuple[Any, ...]


def _circuits(
    circulation: Circulation, changes: Mapping[str, Any], beats: int
) -> tuple[Circuit, Circulation]:
    """Return circuits (n_beats, n_patients) and the same as a circulation (…, n_beats)."""
    shape = (*circulation.shape, beats)
    values = {name: own[..., None] for name, own in circulation.values().items()}
    for name, value in changes.items():
        check_choice(name, "changes", PARAMETERS)
        try:
            values[name] = np.broadcast_to(np.asarray(value, float), shape)
        except ValueError:
            raise InputError(
                f"changes[{name!r}]",
                found=f"shape {np.shape(value)}",
                expected=f"a shape that broadcasts to {shape}: patients, then beats",
            ) from None
    if "stressed_volume_ml" in changes:
        raise InputError(
            "changes",
            found="stressed_volume_ml, which the circuit conserves",
            expected="other parameters",
            advice="Start from a beat with another stressed volume: blood is then given or lost.",
        )
    everything = {name: np.broadcast_to(value, shape) for name, value in values.items()}
    table = Circulation(**everything)
    flat = {name: value.reshape(-1, beats).T for name, value in everything.items()}
    return Circuit(**flat), table


def _first_state(
    circulation: Circulation, lvad: Lvad | None, start: Beat | None
) -> tuple[np.ndarray, ...]:
    """Return the start, flat, with the stressed volume of the circulation."""
    shape = circulation.shape
    if start is None:
        start = steady_state(circulation)
    state = start.state
    if start.status.shape != shape and start.status.shape[: len(shape)] == shape:
        # Of beats in a row the end of the last counts.
        state = start.end_state[..., -1]
    try:
        state = np.stack([np.broadcast_to(own, shape) for own in state])
    except ValueError:
        raise InputError(
            "start", found=f"a beat of shape {start.status.shape}", expected=f"shape {shape}"
        ) from None
    if not np.isfinite(state).all():
        raise InputError("start", found="a beat that is not periodic", expected="finite states")
    total = stressed_volume(tuple(state), Circuit(**circulation.values()))
    state = state.copy()
    state[1] += (circulation.stressed_volume_ml - total) / circulation.atrial_compliance
    state = state.reshape(len(state), -1)
    if lvad is None:
        return tuple(state[:5])
    flow = state[5] if len(state) == 6 else np.zeros_like(state[0])
    return (*state[:5], flow)


@double_precision
def _run(
    circuits: Circuit,
    pump: Pump | None,
    first: tuple[np.ndarray, ...],
    policy: SpeedPolicy,
    steps: int,
) -> _Row:
    return jax.tree.map(np.asarray, _scan_beats(circuits, pump, first, policy, steps))


@partial(jax.jit, static_argnames=("policy", "steps"))
def _scan_beats(
    circuits: Circuit, pump: Pump | None, first: Any, policy: SpeedPolicy, steps: int
) -> _Row:
    n = first[0].shape
    speed = jnp.zeros(n) if pump is None else pump.speed * jnp.ones(n)
    none = jnp.zeros((N_MINIMA, *n))
    history = PumpHistory(none, none, jnp.asarray(0), speed)

    def body(carry: Any, circuit: Circuit) -> Any:
        state, clock, history = carry
        own, speed = None, history.speed
        if pump is not None:
            own = pump._replace(speed=speed, acceleration=policy.acceleration(history))
        after, trace = trace_beat(state, circuit, prepare(circuit, steps), own)
        if own is not None:
            speed = speed + own.acceleration * circuit.period_s
        lowest = jnp.argmin(trace.flows.pump, 0)[None]
        when = clock + jnp.take_along_axis(trace.times, lowest + 1, 0)[0]
        flow = jnp.take_along_axis(trace.flows.pump, lowest, 0)[0]
        later = PumpHistory(
            jnp.concatenate([history.minima[1:], flow[None]]),
            jnp.concatenate([history.times[1:], when[None]]),
            history.count + 1,
            speed,
        )
        row = _Row(
            indices(trace, circuit),
            period_residual(state, after, circuit),
            0.5 * (history.speed + speed),
            waveforms(trace, circuit),
        )
        return (after, clock + circuit.period_s, later), row

    _, rows = lax.scan(body, (first, jnp.zeros(n), history), circuits)
    return rows
