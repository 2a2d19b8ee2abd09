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

from typing import Any, NamedTuple

import jax.numpy as jnp

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
    circuit: Circuit,
    pump: Pump | None = None,
    speed: Any = None,
    n_sweeps: int = 2,
) -> tuple[State, Flows]:
    """Return y = b + a f(y) with the flows in it.

    Args:
        start: b.
        elastance: E at the stage's time.
        vessels: K of the step.
        circuit: the parameters.
        pump: a pump beside the aortic valve.
        speed: its speed at the stage's time.
        n_sweeps: how often the suction resistance, which depends on the ventricular pressure, is
            brought up to date; two are as good as many, and where the pressure is above the
            threshold nothing changes after one.
    """
    if pump is None:
        return _solve(start, elastance, vessels, circuit, 0.0, 0.0)
    a, old_flow = vessels.a, start[5]
    pressure = elastance * start[0]
    for _ in range(n_sweeps):
        lack = jnp.maximum(pump.suction_threshold - pressure, 0.0)
        own = pump.resistance + pump.suction_slope * lack
        inertia = 1 / (pump.inertance + a * own)
        conductance = a * inertia
        drive = (pump.inertance * old_flow + a * pump.beta2 * speed**2) * inertia
        state, flows = _solve(start, elastance, vessels, circuit, conductance, drive)
        pressure = elastance * state[0]
    return state, flows


def _solve(
    start: State, elastance: Any, vessels: Vessels, circuit: Circuit, conductance: Any, drive: Any
) -> tuple[State, Flows]:
    """Return the stage with a parallel path from ventricle to aorta, q_p = drive + conductance u_a.

    Which valve is open: the sign of u_m depends on the state of the aortic valve only, that of u_a
    on that of the mitral valve only (their common determinant is positive). So the chain of
    guesses below ends at the one combination that agrees with itself.
    """
    volume, atrial, arterial, aortic, flow = start[:5]
    bulge = vessels.a * elastance
    plain = _apply((vessels.rows[0], vessels.rows[3]), (atrial, arterial, flow, aortic))
    a11, a12 = vessels.a11 + bulge, vessels.a12 + bulge
    a21, a22 = vessels.a21 + bulge, vessels.a22 + bulge
    um0 = plain[0] - elastance * volume + a12 * drive
    ua0 = elastance * volume - plain[1] - a22 * drive
    mitral_open = 1 / circuit.mitral_resistance
    aortic_open = 1 / circuit.aortic_valve_resistance + conductance
    aortic_shut = circuit.aortic_leak + conductance

    def over_mitral(aortic: Any) -> Any:
        return um0 * (1 + a22 * aortic) + a12 * aortic * ua0

    def over_aortic(mitral: Any) -> Any:
        return ua0 * (1 + a11 * mitral) + a21 * mitral * um0

    def mitral_for(aortic: Any) -> Any:
        return jnp.where(over_mitral(aortic) > 0, mitral_open, circuit.mitral_leak)

    def aortic_for(mitral: Any) -> Any:
        return jnp.where(over_aortic(mitral) > 0, aortic_open, aortic_shut)

    mitral = mitral_for(aortic_for(mitral_for(aortic_shut)))
    aortic_path = aortic_for(mitral)
    scale = 1 / ((1 + a11 * mitral) * (1 + a22 * aortic_path) - a12 * aortic_path * a21 * mitral)
    um, ua = over_mitral(aortic_path) * scale, over_aortic(mitral) * scale
    through_mitral = mitral * um
    through_pump = drive + conductance * ua
    through_aortic = aortic_path * ua + drive
    right = (
        atrial - vessels.from_mitral * through_mitral,
        arterial,
        flow,
        aortic + vessels.from_aortic * through_aortic,
    )
    atrial, arterial, flow, aortic = _apply(vessels.rows, right)
    volume = volume + vessels.a * (through_mitral - through_aortic)
    flows = Flows(through_mitral, through_aortic - through_pump, through_pump)
    return (volume, atrial, arterial, aortic, flow, through_pump)[: len(start)], flows
