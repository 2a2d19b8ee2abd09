"""A second route to the steady state, for verification: another integrator, equations anew.

Nothing here is shared with the route that users take but the parameters: the right-hand side is
the text of `Circulation`, diffrax chooses its steps by their error instead of following a grid,
valves switch wherever the solver meets them, a beat follows the other until they are alike, and
`_sampled_indices` reads the indices off samples.
"""

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._checks import check_count, check_number
from .._precision import double_precision
from .._threads import map_threads
from ._beat import OK
from ._circulation import Circulation
from ._indices import Indices
from ._lvad import Lvad
from ._sampled_indices import INTEGRALS, N_STATES, Samples, plain_elastance, sampled_indices
from ._steady_state import SteadyIndices, together

COARSE = 1e-6
"""Tolerance of the steps on the way; the last beats are done with the one asked for."""

MAX_STEPS = 60_000
"""Steps a beat after which a patient is given up; the stiffest valves take a third of that."""


def steady_state_by_diffrax(
    circulation: Circulation,
    lvad: Lvad | None = None,
    *,
    rtol: float = 1e-9,
    atol: float = 1e-9,
    max_beats: int = 60,
    n_times: int = 2001,
) -> SteadyIndices:
    """Return the clinical indices of the periodic beat as another integrator finds them.

    Kvaerno's L-stable method of fourth order with adaptive steps; half a second a patient and
    more, where `steady_indices` needs a fraction of a millisecond. To check, not to work with.

    Args:
        circulation: one patient or a few.
        lvad: a pump; its speeds broadcast with the patients.
        rtol: relative tolerance of a step.
        atol: absolute tolerance of a step, in the units of the states.
        max_beats: the last allowed.
        n_times: equidistant instants of the beat at which it is sampled, besides all steps.

    Returns:
        Indices, NaN where the status is not "periodic".

    Raises:
        InputError: a number out of range, or speeds that do not broadcast with the patients.

    >>> found = steady_state_by_diffrax(Circulation(), rtol=1e-6, atol=1e-6)
    >>> print(f"{found.indices.edv_ml:.1f} mL, {found.indices.systolic_mmhg:.1f} mmHg")
    149.2 mL, 117.6 mmHg
    """
    check_number(rtol, "rtol", at_least=1e-12, at_most=1e-3)
    check_number(atol, "atol", at_least=1e-12, at_most=1e-3)
    check_count(max_beats, "max_beats", at_least=2)
    check_count(n_times, "n_times", at_least=101)
    circulation, lvad = together(circulation, lvad)

    def solve(own: dict[str, float]) -> tuple[dict[str, float], float, str]:
        return _solve(own, rtol, atol, max_beats, n_times)

    first, *others = _patients(circulation, lvad)
    # The first compiles what the threads would otherwise compile side by side.
    found = [solve(first), *map_threads(solve, others)]
    shape = circulation.shape
    names = Indices.__dataclass_fields__
    values = {
        name: np.array([row[0].get(name, np.nan) for row in found]).reshape(shape) for name in names
    }
    return SteadyIndices(
        indices=Indices(**values),
        period_residual=np.array([row[1] for row in found]).reshape(shape),
        status=np.array([row[2] for row in found], dtype="<U120").reshape(shape),
    )


def _patients(circulation: Circulation, lvad: Lvad | None) -> list[dict[str, float]]:
    """Return the parameters of each; without a pump its flow stays 0 because ``pumped`` is 0."""
    shape = circulation.shape
    table = {name: np.broadcast_to(own, shape) for name, own in circulation.values().items()}
    if lvad is None:
        zero, one = np.zeros(shape), np.ones(shape)
        table |= dict(pumped=zero, head=zero, pump_resistance=one, pump_inertance=one)
        table |= dict(suction_slope=zero, suction_threshold=zero)
    else:
        pump = lvad.coefficients
        speed = np.broadcast_to(lvad.speed_rpm, shape)
        table |= dict(
            pumped=np.ones(shape),
            head=pump.beta2 * speed**2,
            pump_resistance=np.full(shape, pump.resistance - pump.beta0),
            pump_inertance=np.full(shape, pump.inertance - pump.beta1),
            suction_slope=np.full(shape, pump.suction_slope),
            suction_threshold=np.full(shape, pump.suction_threshold_mmhg),
        )
    flat = {name: np.ravel(value) for name, value in table.items()}
    count = len(flat["pumped"])
    return [{name: float(value[k]) for name, value in flat.items()} for k in range(count)]


def _rates(fraction: Any, y: Any, own: Any) -> Any:
    """Return d/ds of the six states and of the integrals of `INTEGRALS`, s = t/Tc."""
    volume, atrial, arterial, aortic, flow, pumped = y[:N_STATES]
    period = own["period_s"]
    pressure = plain_elastance(fraction * period, own) * volume
    mitral_in = jnp.maximum(atrial - pressure, 0) / own["mitral_resistance"]
    mitral_back = own["mitral_leak"] * jnp.maximum(pressure - atrial, 0)
    aortic_out = jnp.maximum(pressure - aortic, 0) / own["aortic_valve_resistance"]
    aortic_back = own["aortic_leak"] * jnp.maximum(aortic - pressure, 0)
    mitral = mitral_in - mitral_back
    out = aortic_out - aortic_back + pumped
    systemic = (arterial - atrial) / own["systemic_resistance"]
    collapse = own["suction_slope"] * jnp.maximum(own["suction_threshold"] - pressure, 0)
    lost = (own["pump_resistance"] + collapse) * pumped
    rates = [
        mitral - out,
        (systemic - mitral) / own["atrial_compliance"],
        (flow - systemic) / own["arterial_compliance"],
        (out - flow) / own["aortic_compliance"],
        (aortic - arterial - own["characteristic_resistance"] * flow) / own["aortic_inertance"],
        own["pumped"] * (pressure - aortic - lost + own["head"]) / own["pump_inertance"],
    ]
    integrands = [atrial, arterial, aortic, pressure * (out - mitral)]
    integrands += [mitral_in, mitral_back, aortic_out, aortic_back, pumped]
    return period * jnp.stack([*rates, *integrands])


@lru_cache(maxsize=4)
def _compiled(n_times: int) -> Any:
    """Return compiled (state, parameters, rtol, atol) ↦ samples of a beat, and whether it ended."""
    # Only whoever verifies waits for diffrax to load.
    import diffrax

    def beat(y: Any, own: Any, rtol: Any, atol: Any) -> Any:
        start = jnp.concatenate([y, jnp.zeros(len(INTEGRALS))])
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(_rates),  # pyright: ignore[reportArgumentType]
            diffrax.Kvaerno4(),
            t0=0.0,
            t1=1.0,
            dt0=1e-4,
            y0=start,
            args=own,
            # A third of the steps fewer than the default: valves make it try too much.
            stepsize_controller=diffrax.PIDController(
                rtol=rtol, atol=atol, pcoeff=0.2, icoeff=0.4, factormax=4.0, safety=0.8
            ),
            saveat=diffrax.SaveAt(
                subs=[
                    diffrax.SubSaveAt(ts=jnp.linspace(0.0, 1.0, n_times)),
                    diffrax.SubSaveAt(steps=True),
                ]
            ),
            max_steps=MAX_STEPS,
            throw=False,
        )
        times, states = solution.ts, solution.ys
        ended = solution.result == diffrax.RESULTS.successful
        return times, states, solution.stats["num_accepted_steps"], ended

    return jax.jit(beat)


@double_precision
def _solve(
    own: dict[str, float], rtol: float, atol: float, max_beats: int, n_times: int
) -> tuple[dict[str, float], float, str]:
    """Return indices, period residual and status of one patient.

    Beats follow each other; where two changes in a row point the same way, the limit of their
    geometric series is tried. Both keep the stressed volume, and what counts in the end is a beat.
    """
    compiled, unit = _compiled(n_times), _volumes(own)
    state, before, fine, size = _equal_pressures(own), None, rtol >= COARSE, np.inf
    tolerance = max(10 * rtol, 1e-8)
    for _ in range(max_beats):
        coarse = (max(rtol, COARSE), max(atol, COARSE))
        times, states, accepted, ended = compiled(state, own, *((rtol, atol) if fine else coarse))
        if not ended:
            return {}, np.inf, f"diffrax gave up within a beat of {MAX_STEPS} steps"
        after = np.asarray(states[0])[-1, :N_STATES]
        change = (after - state) * unit
        size = float(np.abs(change).max())
        if fine and size < tolerance:
            samples = _samples(times, states, int(accepted), own)
            return sampled_indices(samples, own), size, OK
        fine = fine or size < 3 * COARSE
        state = after
        if before is not None:
            length = np.linalg.norm(change) * np.linalg.norm(before)
            ratio = float(change @ before / (before @ before))
            if abs(change @ before) > 0.98 * length and 0.1 < ratio < 0.99:
                state, change = after + change * ratio / (1 - ratio) / unit, None
        before = change
    status = f"not periodic after {max_beats} beats: changes by {size:.1e} of the stressed volume"
    return {}, size, status


def _volumes(own: dict[str, float]) -> Float[np.ndarray, " n_states"]:
    """Return what turns a state into parts of the stressed volume; a flow counts for 20 ms."""
    parts = [1.0, own["atrial_compliance"], own["arterial_compliance"], own["aortic_compliance"]]
    return np.array([*parts, 0.02, 0.02]) / own["stressed_volume_ml"]


def _equal_pressures(own: dict[str, float]) -> Float[np.ndarray, " n_states"]:
    """Return the state of a heart at rest: one pressure everywhere, no flow."""
    room = 1 / own["emin"] + own["atrial_compliance"]
    room += own["arterial_compliance"] + own["aortic_compliance"]
    pressure = own["stressed_volume_ml"] / room
    return np.array([pressure / own["emin"], pressure, pressure, pressure, 0.0, 0.0])


def _samples(times: Any, states: Any, accepted: int, own: dict[str, float]) -> Samples:
    """Return the beat at the equidistant instants and at all steps, in order of time."""
    fractions = np.concatenate([np.asarray(times[0]), np.asarray(times[1])[:accepted]])
    rows = np.concatenate([np.asarray(states[0]), np.asarray(states[1])[:accepted]])
    fractions, first = np.unique(fractions, return_index=True)
    rows = rows[first]
    return Samples(
        times_s=fractions * own["period_s"],
        states=rows[:, :N_STATES].T,
        integrals=dict(zip(INTEGRALS, map(float, rows[-1, N_STATES:]), strict=True)),
    )
