"""The five equations of the circulation as residuals of given waveforms, for networks of time."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from ..circulation._circulation import Circuit
from ..circulation._elastance import elastance


class Waves(NamedTuple):
    """Five states over time, or their derivatives; every field (n_times,).

    Attributes:
        stressed: V − Vd, mL.
        atrial: P_LA, mmHg.
        arterial: P_A, mmHg.
        aortic: P_Ao, mmHg.
        flow: Q, mL/s.
    """

    stressed: Any
    atrial: Any
    arterial: Any
    aortic: Any
    flow: Any


class Scales(NamedTuple):
    """What counts as one unit of error in the equations.

    Attributes:
        flow: mL/s, for balances of blood.
        pressure: mmHg, for balances of pressure.
    """

    flow: Any
    pressure: Any


def ramp(pressure: Any, softness: Any) -> Any:
    """Return max(u, 0), the ideal diode, or its smooth form w log(1 + exp(u / w)).

    Args:
        pressure: u, mmHg.
        softness: w, mmHg; 0 for the ideal diode.

    >>> ramp(jnp.array([-1.0, 2.0]), 0.0).tolist()
    [0.0, 2.0]
    """
    width = jnp.maximum(softness, 1e-9)
    smooth = width * jax.nn.softplus(pressure / width)
    return jnp.where(softness > 0, smooth, jnp.maximum(pressure, 0.0))


def slopes(times: Any, waves: Waves, circuit: Circuit, softness: Any = 0.0) -> Waves:
    """Return the derivatives that the circuit demands, without leaks and pump.

    Args:
        times: (n_times,) since the start of the contraction, s.
        waves: states then.
        circuit: parameters, numbers.
        softness: of the valves, mmHg.

    Simaan et al. 2009, Table III, with the volume as a state.
    """
    c, ventricle = circuit, _ventricle(times, waves, circuit)
    mitral = ramp(waves.atrial - ventricle, softness) / c.mitral_resistance
    valve = ramp(ventricle - waves.aortic, softness) / c.aortic_valve_resistance
    back = (waves.arterial - waves.atrial) / c.systemic_resistance
    along = waves.aortic - waves.arterial - c.characteristic_resistance * waves.flow
    return Waves(
        mitral - valve,
        (back - mitral) / c.atrial_compliance,
        (waves.flow - back) / c.arterial_compliance,
        (valve - waves.flow) / c.aortic_compliance,
        along / c.aortic_inertance,
    )


def residuals(
    times: Float[Any, " n_times"], waves: Waves, rates: Waves, circuit: Circuit, softness: Any = 0.0
) -> Waves:
    """Return d(states)/dt − f(states), in mL/s, mmHg/s and mL/s².

    Args:
        times: (n_times,) s.
        waves: states.
        rates: their derivatives in time, as the waveforms have them.
        circuit: parameters.
        softness: of the valves, mmHg.
    """
    return jax.tree.map(jnp.subtract, rates, slopes(times, waves, circuit, softness))


def scaled_residuals(
    times: Float[Any, " n_times"],
    waves: Waves,
    rates: Waves,
    circuit: Circuit,
    scales: Scales,
    softness: Any = 0.0,
) -> Waves:
    """Return five combinations of the residuals that vanish together with them, dimensionless.

    An open valve turns 1 mmHg into 1/R, up to 10,000 mL/s: the equations as they stand are stiff,
    and a sum of their squares is nearly blind in all other directions. The valves are never both
    open, so that the volume's own slope tells both flows, q_m = (dV/dt)⁺ and q_a = (−dV/dt)⁺.
    With these in the balances of the other compartments the resistances stand in one equation
    only, which is divided by its own sensitivity::

        dV/dt − q_m + q_a                         over  q₀ + p₀ (open_m/Rm + open_a/Ra)
        Cr dP_LA/dt − (P_A − P_LA)/Rs + (dV/dt)⁺  over  q₀
        Cs dP_A/dt + (P_A − P_LA)/Rs − Q          over  q₀
        Ca dP_Ao/dt + Q − (−dV/dt)⁺               over  q₀
        P_Ao − P_A − Rc Q − Ls dQ/dt              over  p₀

    Args:
        times: (n_times,) s.
        waves: states.
        rates: their derivatives in time.
        circuit: parameters.
        scales: q₀ and p₀.
        softness: of the valves, mmHg.
    """
    c, ventricle = circuit, _ventricle(times, waves, circuit)
    filling, ejecting = waves.atrial - ventricle, ventricle - waves.aortic
    mitral = ramp(filling, softness) / c.mitral_resistance
    valve = ramp(ejecting, softness) / c.aortic_valve_resistance
    # How far open, from 0 to 1 over p0: a weight, so its own slope is of no interest.
    opened_m = jax.nn.sigmoid(filling / scales.pressure * 4)
    opened_a = jax.nn.sigmoid(ejecting / scales.pressure * 4)
    steepness = opened_m / c.mitral_resistance + opened_a / c.aortic_valve_resistance
    weight = jax.lax.stop_gradient(1 / (scales.flow + scales.pressure * steepness))
    inflow, outflow = jnp.maximum(rates.stressed, 0.0), jnp.maximum(-rates.stressed, 0.0)
    back = (waves.arterial - waves.atrial) / c.systemic_resistance
    along = waves.aortic - waves.arterial - c.characteristic_resistance * waves.flow
    return Waves(
        (rates.stressed - mitral + valve) * weight,
        (c.atrial_compliance * rates.atrial - back + inflow) / scales.flow,
        (c.arterial_compliance * rates.arterial + back - waves.flow) / scales.flow,
        (c.aortic_compliance * rates.aortic + waves.flow - outflow) / scales.flow,
        (along - c.aortic_inertance * rates.flow) / scales.pressure,
    )


def _ventricle(times: Any, waves: Waves, circuit: Circuit) -> Any:
    return elastance(times, circuit.period_s, circuit.emin, circuit.emax) * waves.stressed
