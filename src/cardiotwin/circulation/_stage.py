"""One implicit stage of the circuit: linear but for two valves, solved in closed form.

In y = b + a f(y) the vessels are linear. What they do depends only on a and the parameters: K, the
inverse of a tridiagonal matrix. With the pressures over the valves

    u_m = P_LA − P_LV,   u_a = P_LV − P_Ao,   flows G(u) u,   G = 1/R if u > 0, else the leak,

everything else can be eliminated, and

    u_m = u_m0 − A11 q_m + A12 q_a
    u_a = u_a0 + A21 q_m − A22 q_a

is a linear complementarity problem of two variables whose matrix is a P-matrix: exactly one of the
four combinations of open and closed valves is a solution. The pump is one more conductance beside
the aortic valve.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from ._circulation import Circuit
from ._lvad import Pump

State = tuple[Any, ...]
"""V − Vd, P_LA, P_A, P_Ao, Q, and the pump's flow if there is a pump."""


class Vessels(NamedTuple):
    """K = (I − a L)⁻¹ of P_LA, P_A, Q, P_Ao for one size of step, and what the valves see of it.

    Attributes:
        a: γ h.
        rows: 4 × 4 K.
        from_mitral: a / Cr.
        from_aortic: a / Ca.
        a11: A11 without the ventricle's part.
        a12: A12 without it.
        a21: A21 without it.
        a22: A22 without it.
    """

    a: Any
    rows: tuple[tuple[Any, ...], ...]
    from_mitral: Any
    from_aortic: Any
    a11: Any
    a12: Any
    a21: Any
    a22: Any


class Rates(NamedTuple):
    """Coefficients of the right-hand side f of the circuit.

    Attributes:
        mitral_open: 1 / Rm.
        mitral_leak: gm.
        aortic_open: 1 / Ra.
        aortic_leak: ga.
        systemic_atrial: 1 / (Rs Cr).
        systemic_arterial: 1 / (Rs Cs).
        atrial: 1 / Cr.
        arterial: 1 / Cs.
        aortic: 1 / Ca.
        inertia: 1 / Ls.
        loss: Rc / Ls.
    """

    mitral_open: Any
    mitral_leak: Any
    aortic_open: Any
    aortic_leak: Any
    systemic_atrial: Any
    systemic_arterial: Any
    atrial: Any
    arterial: Any
    aortic: Any
    inertia: Any
    loss: Any


def make_rates(circuit: Circuit) -> Rates:
    """Return the coefficients of a circuit."""
    resistance, inertia = circuit.systemic_resistance, 1 / circuit.aortic_inertance
    return Rates(
        mitral_open=1 / circuit.mitral_resistance,
        mitral_leak=circuit.mitral_leak,
        aortic_open=1 / circuit.aortic_valve_resistance,
        aortic_leak=circuit.aortic_leak,
        systemic_atrial=1 / (resistance * circuit.atrial_compliance),
        systemic_arterial=1 / (resistance * circuit.arterial_compliance),
        atrial=1 / circuit.atrial_compliance,
        arterial=1 / circuit.arterial_compliance,
        aortic=1 / circuit.aortic_compliance,
        inertia=inertia,
        loss=inertia * circuit.characteristic_resistance,
    )


class Flows(NamedTuple):
    """Flows through the valves and the pump at one instant, mL/s."""

    mitral: Any
    aortic_valve: Any
    pump: Any


def make_vessels(circuit: Circuit, a: Any) -> Vessels:
    """Return K for steps with γ h = a."""
    upper1 = -a / (circuit.systemic_resistance * circuit.atrial_compliance)
    lower2 = -a / (circuit.systemic_resistance * circuit.arterial_compliance)
    upper2 = -a / circuit.arterial_compliance
    lower3 = a / circuit.aortic_inertance
    upper3 = -a / circuit.aortic_inertance
    lower4 = a / circuit.aortic_compliance
    diagonal = (1 - upper1, 1 - lower2, 1 + circuit.characteristic_resistance * lower3, 1.0)
    rows = _inverse_tridiagonal(diagonal, (upper1, upper2, upper3), (lower2, lower3, lower4))
    from_mitral, from_aortic = a / circuit.atrial_compliance, a / circuit.aortic_compliance
    return Vessels(
        a=a,
        rows=rows,
        from_mitral=from_mitral,
        from_aortic=from_aortic,
        a11=rows[0][0] * from_mitral,
        a12=rows[0][3] * from_aortic,
        a21=rows[3][0] * from_mitral,
        a22=rows[3][3] * from_aortic,
    )


def _inverse_tridiagonal(
    diagonal: tuple[Any, ...], upper: tuple[Any, ...], lower: tuple[Any, ...]
) -> tuple[tuple[Any, ...], ...]:
    """Return the inverse of a tridiagonal matrix from its leading and trailing minors."""
    n = len(diagonal)
    leading = [1.0, diagonal[0]]
    for k in range(1, n):
        leading.append(diagonal[k] * leading[-1] - upper[k - 1] * lower[k - 1] * leading[-2])
    trailing = [1.0, diagonal[-1]]
    for k in range(n - 2, -1, -1):
        trailing.append(diagonal[k] * trailing[-1] - upper[k] * lower[k] * trailing[-2])
    determinant = leading[n]
    rows = []
    for i in range(n):
        row = []
        for j in range(n):
            entry = leading[min(i, j)] * trailing[n - 1 - max(i, j)] / determinant
            for k in range(min(i, j), max(i, j)):
                entry = -entry * (upper[k] if i < j else lower[k])
            row.append(entry)
        rows.append(tuple(row))
    return tuple(rows)


def _apply(rows: tuple[tuple[Any, ...], ...], right: tuple[Any, ...]) -> list[Any]:
    return [sum(entry * value for entry, value in zip(row, right, strict=True)) for row in rows]


def solve_stage(
    start: State,
    elastance: Any,
    vessels: Vessels,
    rates: Rates,
    pump: Pump | None = None,
    speed: Any = None,
    n_sweeps: int = 2,
) -> tuple[State, Flows]:
    """Return y = b + a f(y) with the flows in it.

    Args:
        start: b.
        elastance: E at the stage's time.
        vessels: K of the step.
        rates: coefficients of f.
        pump: a pump beside the aortic valve.
        speed: its speed at the stage's time.
        n_sweeps: how often the suction resistance, which depends on the ventricular pressure, is
            brought up to date; two are as good as many, and where the pressure is above the
            threshold nothing changes after one.
    """
    if pump is None:
        state, through_mitral, through_aortic = _solve(start, elastance, vessels, rates)
        return state, Flows(through_mitral, through_aortic, 0.0 * through_aortic)
    a, old_flow = vessels.a, start[5]
    pressure = elastance * start[0]
    for _ in range(n_sweeps):
        lack = jnp.maximum(pump.suction_threshold - pressure, 0.0)
        own = pump.resistance + pump.suction_slope * lack
        inertia = 1 / (pump.inertance + a * own)
        path = Path(
            conductance=a * inertia,
            drive=(pump.inertance * old_flow + a * pump.beta2 * speed**2) * inertia,
        )
        state, through_mitral, through_aortic, over_aortic = _complement(
            start[:5], elastance, vessels, rates, path
        )
        pressure = elastance * state[0]
    through_pump = path.drive + path.conductance * over_aortic
    flows = Flows(through_mitral, through_aortic - through_pump, through_pump)
    return (*state, through_pump), flows


class Path(NamedTuple):
    """What a pump adds beside the aortic valve: q = drive + conductance u_a."""

    conductance: Any
    drive: Any


NO_PUMP = Path(0.0, 0.0)


@jax.custom_jvp
def _solve(start: State, elastance: Any, vessels: Vessels, rates: Rates) -> tuple[State, Any, Any]:
    """Return the stage without a pump, and the flows through both valves."""
    return _complement(start, elastance, vessels, rates, NO_PUMP)[:3]


def _solve_tangent(inputs: Any, tangents: Any) -> Any:
    """Return the stage and its derivative by the implicit function theorem.

    (I − a ∂f/∂y) dy = db + d(a f) at fixed y: one more solve with the same valves, where the
    derivatives of the closed form would carry those of every entry of K along.
    """
    _, stiffness, vessels, rates = inputs
    state, *flows = _solve(*inputs)
    mitral, aortic = _conductances(state, stiffness, rates)
    right, extra = tangents[0], (0.0, 0.0)
    parameters = (tangents[1], tangents[2].a, tangents[3])
    if not all(isinstance(own, SymbolicZero) for own in jax.tree.leaves(parameters)):
        given, parameters = (stiffness, vessels.a, rates), jax.tree.map(_dense, parameters)
        # Derivatives in the parameters with the state held.
        _, (growth, extra) = jax.jvp(partial(_growth, state), given, parameters)
        right = tuple(_dense(own) + more for own, more in zip(right, growth, strict=True))
    right = tuple(_dense(own) for own in right)
    answer, through_mitral, through_aortic, _ = _respond(
        right, stiffness, vessels, mitral, aortic, NO_PUMP
    )
    slopes = (answer, through_mitral + extra[0], through_aortic + extra[1])
    return (state, *flows), slopes


def _dense(tangent: Any) -> Any:
    """Return a tangent as an array."""
    if isinstance(tangent, SymbolicZero):
        return jnp.zeros(tangent.shape)
    return tangent


_solve.defjvp(_solve_tangent, symbolic_zeros=True)


def _conductances(state: State, elastance: Any, rates: Rates) -> tuple[Any, Any]:
    """Return those of both valves at a state."""
    pressure = elastance * state[0]
    mitral = jnp.where(state[1] > pressure, rates.mitral_open, rates.mitral_leak)
    return mitral, jnp.where(pressure > state[3], rates.aortic_open, rates.aortic_leak)


def _growth(
    state: State, elastance: Any, a: Any, rates: Rates
) -> tuple[tuple[Any, ...], tuple[Any, Any]]:
    """Return a f(y) and the flows through both valves in it."""
    volume, atrial, arterial, aortic, flow = state
    mitral, valve = _conductances(state, elastance, rates)
    through_mitral = mitral * (atrial - elastance * volume)
    through_aortic = valve * (elastance * volume - aortic)
    f = (
        through_mitral - through_aortic,
        rates.systemic_atrial * (arterial - atrial) - rates.atrial * through_mitral,
        rates.systemic_arterial * (atrial - arterial) + rates.arterial * flow,
        rates.aortic * (through_aortic - flow),
        rates.inertia * (aortic - arterial) - rates.loss * flow,
    )
    return tuple(a * own for own in f), (through_mitral, through_aortic)


def _complement(
    start: State, elastance: Any, vessels: Vessels, rates: Rates, path: Path
) -> tuple[State, Any, Any, Any]:
    """Return the stage with a parallel path from ventricle to aorta, and what `_respond` does.

    Which valve is open: the sign of u_m depends on the state of the aortic valve only, that of u_a
    on that of the mitral valve only (their common determinant is positive). So the chain of
    guesses below ends at the one combination that agrees with itself.
    """
    _, um0, ua0, through_both = _closed(start, elastance, vessels, path)
    a11, a12, a21, a22 = through_both
    aortic_open = rates.aortic_open + path.conductance
    aortic_shut = rates.aortic_leak + path.conductance

    def mitral_for(aortic: Any) -> Any:
        over = um0 * (1 + a22 * aortic) + a12 * aortic * ua0
        return jnp.where(over > 0, rates.mitral_open, rates.mitral_leak)

    def aortic_for(mitral: Any) -> Any:
        over = ua0 * (1 + a11 * mitral) + a21 * mitral * um0
        return jnp.where(over > 0, aortic_open, aortic_shut)

    mitral = mitral_for(aortic_for(mitral_for(aortic_shut)))
    return _respond(start, elastance, vessels, mitral, aortic_for(mitral), path)


def _closed(start: State, elastance: Any, vessels: Vessels, path: Path) -> tuple[Any, ...]:
    """Return K b, the pressures over both valves without flow, and how flows change them."""
    volume, atrial, arterial, aortic, flow = start
    bulge = vessels.a * elastance
    plain = _apply(vessels.rows, (atrial, arterial, flow, aortic))
    a11, a12 = vessels.a11 + bulge, vessels.a12 + bulge
    a21, a22 = vessels.a21 + bulge, vessels.a22 + bulge
    um0 = plain[0] - elastance * volume + a12 * path.drive
    ua0 = elastance * volume - plain[3] - a22 * path.drive
    return plain, um0, ua0, (a11, a12, a21, a22)


def _respond(
    start: State, elastance: Any, vessels: Vessels, mitral: Any, aortic: Any, path: Path
) -> tuple[State, Any, Any, Any]:
    """Return the stage for valves of known conductances: linear in its start.

    Args:
        start: b.
        elastance: E at the stage's time.
        vessels: K of the step.
        mitral: conductance.
        aortic: conductance of valve and parallel path together.
        path: its drive.

    Returns:
        the state, the flow through the mitral valve, that through aortic valve and path together,
        and the pressure over both.
    """
    plain, um0, ua0, (a11, a12, a21, a22) = _closed(start, elastance, vessels, path)
    scale = 1 / ((1 + a11 * mitral) * (1 + a22 * aortic) - a12 * aortic * a21 * mitral)
    over_aortic = (ua0 * (1 + a11 * mitral) + a21 * mitral * um0) * scale
    through_mitral = mitral * (um0 * (1 + a22 * aortic) + a12 * aortic * ua0) * scale
    through_aortic = aortic * over_aortic + path.drive
    atrial, arterial, flow, pressure = (
        own
        - row[0] * vessels.from_mitral * through_mitral
        + row[3] * vessels.from_aortic * through_aortic
        for own, row in zip(plain, vessels.rows, strict=True)
    )
    volume = start[0] + vessels.a * (through_mitral - through_aortic)
    state = (volume, atrial, arterial, pressure, flow)
    return state, through_mitral, through_aortic, over_aortic
